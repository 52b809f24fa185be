"""Which units a page shows: all of few, maps of shared filters, and a spread of many."""

from collections.abc import Callable
from typing import Any

import pytest
import torch

from featlearn.evaluate.units import place_of
from featlearn.geometry import MapShape
from featlearn.networks.stack import Stack, build_stack
from featlearn.report.shown import collect, core, shown_units

Tiny = Callable[..., Any]


def stack_of(tiny: Tiny, *filters: dict[str, Any], **parts: Any) -> Stack:
    stages = [
        {"name": f"s{place}", "filter": spec, "objective": {"kind": "plain"}, **parts}
        for place, spec in enumerate(filters)
    ]
    return build_stack(tiny(stages=stages), MapShape(1, 8, 8), seed=0)


LOCAL = {"kind": "local", "size": 3, "maps": 4}
DENSE = {"kind": "dense", "maps": 7}
CONV = {"kind": "conv", "size": 3, "maps": 4}


def test_few_units_are_all_shown(tiny: Tiny) -> None:
    first, second = shown_units(stack_of(tiny, LOCAL, DENSE))
    assert len(first.units) == first.total == 4 * 6 * 6
    assert first.words == "All 144 units"
    assert second.names == [str(place) for place in range(7)]


def test_many_units_are_spread_over_maps_and_places(tiny: Tiny) -> None:
    first, second = shown_units(stack_of(tiny, LOCAL, DENSE), most=50)
    assert len(second.units) == 7  # it needs few, and leaves its part to the other
    assert len(first.units) == 36  # 9 of 36 places: a grid within the 10.75 that it may have
    assert {unit[0] for unit in first.units} == {0, 1, 2, 3}
    assert {0, 5} <= {unit[1] for unit in first.units}
    assert first.words == "36 of 144 units: 4 maps at 9 positions spread over the image"


@pytest.mark.parametrize("most", [1, 3, 5])
def test_there_is_always_something(tiny: Tiny, most: int) -> None:
    for shown in shown_units(stack_of(tiny, LOCAL, DENSE), most=most):
        assert 1 <= len(shown.units) <= max(most, 1)


def test_maps_of_shared_filters_answer_by_their_largest_unit(tiny: Tiny) -> None:
    stack = stack_of(tiny, CONV, LOCAL)
    shown = shown_units(stack)
    assert shown[0].over_maps
    assert not shown[1].over_maps  # its filters are its own
    assert shown[0].names == ["0", "1", "2", "3"]
    assert "All 4 maps, whose filters all positions share" in shown[0].words
    images = torch.rand(5, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    answers = collect(stack, shown, images.split(2))
    with torch.no_grad():
        maps = stack(images)[0].output
    torch.testing.assert_close(answers[0].values, maps.flatten(2).amax(2))
    torch.testing.assert_close(answers[0].values, maps.flatten(1).gather(1, answers[0].places))


def test_answers_are_those_of_the_units_shown(tiny: Tiny) -> None:
    stack = stack_of(tiny, LOCAL)
    shown = shown_units(stack, most=20)
    images = torch.rand(3, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    (answers,) = collect(stack, shown, [images])
    with torch.no_grad():
        flat = stack(images)[0].output.flatten(1)
    places = [place_of(shown[0].shape, unit) for unit in shown[0].units]
    torch.testing.assert_close(answers.values, flat[:, places])


def test_what_is_no_number_counts_as_zero(tiny: Tiny) -> None:
    stack = stack_of(tiny, LOCAL)
    with torch.no_grad():
        stack.stage(0).filter.weight[...] = torch.nan
    (answers,) = collect(stack, shown_units(stack), [torch.ones(1, 1, 8, 8)])
    assert answers.values.abs().sum() == 0


@pytest.mark.parametrize(
    ("pool", "norm", "expected"),
    [
        (None, None, (1, 2, 3)),
        ({"kind": "l2", "size": 3}, None, (1, 3, 4)),
        ({"kind": "max", "size": 2, "stride": 2}, None, (1, 4, 5)),  # beyond 6 places: the last
        (None, {"kind": "lcn", "size": 3}, (1, 3, 4)),
        (None, {"kind": "lcn", "size": 3, "padding": "same"}, (1, 2, 3)),
        ({"kind": "group", "size": 2}, None, (2, 2, 3)),
        ({"kind": "sheet", "rows": 2, "columns": 2, "size": 2}, None, (0, 2, 3)),
    ],
)
def test_the_core_lies_in_the_middle_of_what_a_unit_pools(
    tiny: Tiny, pool: dict[str, Any] | None, norm: dict[str, Any] | None, expected: tuple[int, ...]
) -> None:
    parts = {name: spec for name, spec in (("pool", pool), ("norm", norm)) if spec is not None}
    stack = stack_of(tiny, LOCAL, **parts)
    assert core(stack.stage(0), (1, 2, 3)) == expected


def test_a_map_stands_for_its_units_where_positions_share_filters(tiny: Tiny) -> None:
    own, shared = shown_units(stack_of(tiny, LOCAL)) + shown_units(stack_of(tiny, CONV))
    assert own.entry("2,1,1") == "2,1,1"
    assert shared.entry("2,1,1") == "2"
    assert shared.entry("2") in shared.names
