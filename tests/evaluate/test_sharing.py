"""A map stands for its units where the whole way to it is a convolution."""

from collections.abc import Callable
from typing import Any

import pytest

from featlearn.evaluate.sharing import shares_maps
from featlearn.geometry import MapShape
from featlearn.networks.stack import build_stack
from featlearn.report.shown import shown_units

CONV = {"kind": "conv", "size": 3, "maps": 4}
WINDOW = {"kind": "dense", "size": 3, "maps": 4}
WHOLE = {"kind": "conv", "size": 8, "maps": 4}
LOCAL = {"kind": "local", "size": 3, "maps": 4}
DENSE = {"kind": "dense", "maps": 4}


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ([CONV], [True]),
        ([WINDOW, CONV], [True, True]),
        ([WHOLE], [False]),
        ([LOCAL, CONV], [False, False]),
        ([CONV, LOCAL, CONV], [True, False, False]),
        ([CONV, DENSE], [True, False]),
    ],
)
def test_maps_stand_for_units_where_all_stages_below_share(
    tiny: Callable[..., Any], filters: list[dict[str, Any]], expected: list[bool]
) -> None:
    stages = [
        {"name": f"s{place}", "filter": spec, "objective": {"kind": "plain"}}
        for place, spec in enumerate(filters)
    ]
    stack = build_stack(tiny(stages=stages), MapShape(1, 8, 8), seed=0)
    assert [shares_maps(stack, index) for index in range(len(stack))] == expected
    assert [shown.over_maps for shown in shown_units(stack)] == expected  # as the page has it
