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
    assert (row.labels, row.interval) == ("50", "+2.0 to +7.0")
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


def test_the_page_says_how_each_method_got_its_settings(comparison: dict[str, Any]) -> None:
    comparison["protocol"] = {
        "settings": {
            "pretrained": {"lr": 0.0005, "stack_lr": 0.1},
            "scratch": {"lr": 0.002, "stack_lr": 1.0},
        },
        "tried": [{"lr": 0.0005, "stack_lr": 0.1}, {"lr": 0.002, "stack_lr": 1.0}],
        "tuning_labels": 100,
        "tuning_draws": 3,
        "validation": 1197,
    }
    note = comparison_view(read_comparison(comparison)).note
    assert "the best for it of 2 settings, chosen on 3 other draws of 100 labels" in note
    assert "judged by the labels of the other 1\u202f197 training images: pre-trained" in note
    assert "pre-trained, learning rate 0.0005 (0.1 of it in the stages); from scratch" in note
    assert "from scratch, learning rate 0.002 (1 of it" in note
    assert "alike" not in note


def test_pixels_stand_beside_both_methods(comparison: dict[str, Any]) -> None:
    assert comparison_view(read_comparison(comparison)).pixels == ""
    for point, values in zip(comparison["curve"], ([0.8, 0.82], [0.85, 0.86]), strict=True):
        point["pixels"] = values
    view = comparison_view(read_comparison(comparison))
    assert view.pixels == "85.5\u00a0%"
    assert [row.pixels for row in view.rows] == ["81.0\u00a0%", "85.5\u00a0%"]
    assert "linear classifier on the plain images" in view.note
    assert view.chart is not None
    assert "linear on pixels" in view.chart.svg
