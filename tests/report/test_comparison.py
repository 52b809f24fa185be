"""The comparison says what its figures let one say."""

from typing import Any

import pytest

from featlearn.errors import DataError
from featlearn.report.comparison import comparison_view
from featlearn.report.records import read_comparison


@pytest.mark.parametrize(
    ("interval", "words"),
    [
        ((0.01, 0.04), "With 100 labelled images, learning from unlabelled ones first gains 2.5"),
        ((-0.04, -0.01), "first loses 2.5 points"),
        ((-0.01, 0.02), "do not settle"),
        ((0.0, 0.02), "do not settle"),
    ],
)
def test_the_verdict_is_what_the_interval_lets_one_say(
    comparison: dict[str, Any], interval: tuple[float, float], words: str
) -> None:
    comparison["difference_interval"] = list(interval)
    comparison["curve"] = []
    view = comparison_view(read_comparison(comparison))
    assert words in view.verdict
    assert view.chart is None


def test_rows_are_means_and_differences_of_the_draws(comparison: dict[str, Any]) -> None:
    row = comparison_view(read_comparison(comparison)).rows[0]
    assert (row.labels, row.draws, row.interval) == ("50", 2, "+2.0 to +7.0")
    assert (row.pretrained, row.scratch) == ("91.0\u00a0%", "86.5\u00a0%")
    assert row.difference == "+4.5"


@pytest.mark.parametrize("missing", ["labels", "curve", "accuracy", "difference_interval"])
def test_an_incomplete_comparison_is_refused(comparison: dict[str, Any], missing: str) -> None:
    del comparison[missing]
    with pytest.raises(DataError, match=missing):
        read_comparison(comparison)


def test_a_comparison_without_its_control_is_refused(comparison: dict[str, Any]) -> None:
    del comparison["accuracy"]["scratch"]
    with pytest.raises(DataError, match=r"lacks accuracy\.scratch"):
        read_comparison(comparison)


def test_what_else_a_comparison_holds_is_passed_over(comparison: dict[str, Any]) -> None:
    assert read_comparison({**comparison, "settings": {"lr": 1}}).labels == 100
