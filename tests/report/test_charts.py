"""Training curves: joint losses are told apart by stage, and each number is behind its chart."""

import math
from typing import Any

from featlearn.report.charts import as_data, loss_charts


def line(step: int, terms: dict[str, float], **more: Any) -> dict[str, Any]:
    return {"phase": "joint", "epoch": 0, "step": step, "loss": 99.0, "terms": terms, **more}


def test_stages_that_learn_together_have_a_chart_each() -> None:
    terms = {"a.reconstruction": 2.0, "a.l1": 1.0, "b.reconstruction": 5.0}
    held_out = {"a.reconstruction": 4.0, "a.l1": 3.0, "b.reconstruction": 6.0, "loss": 13.0}
    metrics = [
        line(1, terms),
        line(2, terms),
        {"phase": "joint", "epoch": 0, "step": 2, "held_out": held_out},
    ]
    first, second = loss_charts("k", metrics)
    assert [first.title, second.title] == ["joint: a", "joint: b"]
    assert first.table is not None
    assert first.table.heads == ["Step", "loss", "reconstruction", "L1 penalty", "held out"]
    assert first.table.rows == [["1", "3", "2", "1", "–"], ["2", "3", "2", "1", "7"]]
    assert second.table is not None
    assert second.table.heads == ["Step", "reconstruction", "held out"]
    data = as_data([first, second])
    assert list(data) == ["k-0", "k-1"]
    assert [series["name"] for series in data["k-0"]["series"]] == first.table.heads[1:]


def test_what_is_no_number_is_left_out_of_json() -> None:
    metrics = [line(step, {"x": math.nan if step == 2 else 1.0}) for step in (1, 2, 3)]
    (chart,) = loss_charts("k", metrics)
    assert chart.curve is not None
    assert chart.curve["series"][0]["y"] == [1.0, None, 1.0]


def test_long_curves_are_thinned_evenly_and_say_so() -> None:
    metrics = [line(step, {"x": float(step)}) for step in range(1, 2001)]
    (chart,) = loss_charts("k", metrics)
    assert chart.curve is not None
    assert chart.table is not None
    steps = chart.curve["series"][0]["x"]
    assert len(steps) == 400
    assert (steps[0], steps[-1]) == (1, 2000)
    assert len(chart.table.rows) == 24
    assert "24 of 2\u202f000 logged steps" in chart.table.caption


def test_no_steps_give_no_chart() -> None:
    assert loss_charts("k", []) == []
