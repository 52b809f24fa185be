"""Figures that were changed by hand, anywhere: they are shown, or refused by the file's name."""

import copy
import json
from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from featlearn.errors import DataError
from featlearn.evaluate.metrics import classification_report
from featlearn.networks.formats import read_figures
from featlearn.report.comparison import comparison_view
from featlearn.report.evaluations import EvaluationRecord
from featlearn.report.heads import evaluation_view
from featlearn.report.records import SweepRecord, read_comparison
from featlearn.report.sweeps import sweep_view

Attempt = Callable[..., Any]
Put = Callable[[Path, bytes], None]
GONE = object()
VALUES = (GONE, None, 0, -1, 10**15, "x", [])


@pytest.fixture(autouse=True)
def plain_charts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Build figures, which looks at the numbers, but do not write them out, which takes long."""
    for place in ("sweeps", "comparison"):
        monkeypatch.setattr(f"featlearn.report.{place}.svg_text", lambda _: "<svg/>")
        monkeypatch.setattr(f"featlearn.report.{place}.embed_chart", lambda svg, **_: svg)


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """List every value within a value, by the keys that lead to it."""
    if not isinstance(value, dict | list):
        return
    for key, item in value.items() if isinstance(value, dict) else enumerate(value):
        yield (*path, key)
        yield from places(item, (*path, key))


def changed(value: Any, path: tuple[Any, ...], new: object) -> Any:
    """Copy a value, and put another in one place, or none."""
    result = holder = copy.deepcopy(value)
    for key in path[:-1]:
        holder = holder[key]
    if new is GONE:
        del holder[path[-1]]
    else:
        holder[path[-1]] = new
    return result


def show_all(
    whole: Any, show: Callable[[Any], object], attempt: Attempt, *, said: str
) -> Counter[bool]:
    """Show every change of a value; count which were refused."""
    show(whole)
    return Counter(
        attempt(partial(show, changed(whole, path, new)), said).refusal is not None
        for path in places(whole)
        for new in VALUES
    )


def test_an_evaluation(tmp_path: Path, attempt: Attempt, put: Put) -> None:
    labels, named = np.array([0, 0, 1, 1, 2]), np.array([0, 1, 1, 1, 2])
    report = classification_report(labels, named, ["a", "b", "c"])
    whole = {"source": "x", "split": "test", **msgspec.to_builtins(report)}
    path = tmp_path / "evaluation.json"

    def show(value: Any) -> None:
        put(path, json.dumps(value).encode())
        evaluation_view(read_figures(path, EvaluationRecord))

    found = show_all(json.loads(json.dumps(whole)), show, attempt, said=f"{path} is damaged")
    assert min(found[True], found[False]) > 50


def test_a_sweep(tmp_path: Path, attempt: Attempt, put: Put) -> None:
    arms = {"pretrained": 0.1, "scratch": 0.2}
    row = {
        "labelled": 100,
        "validation": 10,
        "draws": [{"error": arms}, {"error": arms}],
        "mean": arms,
        "interval": {arm: [0.05, 0.3] for arm in arms},
        "gain": {"scratch": {"mean": 0.1, "interval": [0.0, 0.2]}},
    }
    whole = {
        "sweep": "labels",
        "table": [row, {**row, "labelled": 300}],
        "settings": {"pretrained": {"lr": 0.002, "stack_lr": 0.1}},
        "tuning": {"tried": [{}], "labels": 100, "draws": 2, "images": 50},
        "freeze": 0,
        "test": 500,
        "majority": 0.1,
        "files": {},
    }
    path = tmp_path / "results.json"

    def show(value: Any) -> None:
        put(path, json.dumps(value).encode())
        sweep_view("key", read_figures(path, SweepRecord))

    found = show_all(whole, show, attempt, said=f"{path} is damaged")
    assert min(found[True], found[False]) > 50


def test_a_comparison(comparison: dict[str, Any], attempt: Attempt) -> None:
    whole = {
        **comparison,
        "protocol": {
            "settings": {"scratch": {"lr": 0.002, "stack_lr": 0.1}},
            "tried": [{}],
            "tuning_labels": 50,
            "tuning_draws": 3,
            "validation": 900,
        },
    }

    def show(value: Any) -> None:
        comparison_view(read_comparison(value))

    found = show_all(whole, show, attempt, said="the comparison for the report")
    assert min(found[True], found[False]) > 50


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"per_class": []}, "not of as many classes as `classes`"),
        ({"confusion": [[1]]}, "not of as many classes as `classes`"),
        ({"error": 1.5}, "error"),
    ],
)
def test_a_contradiction_is_said(change: dict[str, Any], said: str) -> None:
    scores = [{"name": name, "images": 1, "accuracy": 1.0} for name in "ab"]
    figures = {"source": "x", "split": "test", "images": 2, "accuracy": 1.0, "error": 0.0}
    whole = {**figures, "classes": ["a", "b"], "per_class": scores, "confusion": [[1, 0], [0, 1]]}
    msgspec.convert(whole, EvaluationRecord)
    with pytest.raises(msgspec.ValidationError, match=said):
        msgspec.convert({**whole, **change}, EvaluationRecord)


def test_a_comparison_of_other_draws_is_refused(comparison: dict[str, Any]) -> None:
    comparison["curve"][0]["scratch"] = [0.5]
    with pytest.raises(DataError, match="has not as many draws as `pretrained`"):
        read_comparison(comparison)
