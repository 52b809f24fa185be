"""Runs side by side: their figures in columns, and the losses that they share."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from featlearn.report.best_units import BestUnitsView
from featlearn.report.run import run_view
from featlearn.report.side_by_side import SideBySide, side_by_side
from featlearn.report.tables import Table
from featlearn.report.views import RunView, StageView
from featlearn.training.rundir import RunDirectory

MakeRun = Callable[..., Path]


@pytest.fixture
def views(make_run: MakeRun, tmp_path: Path) -> list[RunView]:
    paths = [make_run("one"), make_run("two", classes=["a", "b"])]
    return [
        run_view(f"run{place}", RunDirectory(path), name=path.name, root=tmp_path, device="cpu")
        for place, path in enumerate(paths)
    ]


def put(views: list[RunView]) -> SideBySide:
    return side_by_side(views, [view.metrics for view in views])


def _with(view: RunView, stage: StageView) -> RunView:
    (stack,) = view.stacks
    return replace(view, stacks=[replace(stack, stages=[stage])])


def test_each_run_has_a_column(views: list[RunView]) -> None:
    found = put(views)
    assert found.figures.heads == ["Figure", "one", "two"]
    rows = {row[0]: row[1:] for row in found.figures.rows}
    assert rows["strokes: units"] == ["144", "144"]
    assert rows["head default: test error"] == ["–", "25.0\u00a0% (7.1–59.1\u00a0%)"]
    assert found.differences.heads == ["Key", "one", "two"]
    assert found.stages == ["strokes", "parts"]
    assert [chart.title for chart in found.charts] == ["strokes", "parts"]
    assert found.charts[0].table is not None
    assert found.charts[0].table.heads == ["Step", "one", "two"]
    assert "held-out images" in found.charts[0].note


def test_the_best_unit_is_scored_where_it_was_not_chosen(views: list[RunView]) -> None:
    stage = views[0].stages[0]
    columns = stage.gallery.columns | {"chosen": [0.6, 0.9, 0.7], "score": [0.99, 0.8, 0.5]}
    changed = replace(stage, gallery=replace(stage.gallery, columns=columns))
    views[0] = _with(views[0], changed)
    rows = {row[0]: row[1:] for row in put(views).figures.rows}
    assert rows["strokes: best unit, AUC"][0] == "0.800"


def test_single_units_that_were_tested_stand_beside_their_controls(views: list[RunView]) -> None:
    tested = BestUnitsView(
        methods=Table("", [], []),
        units=Table("", [], []),
        accuracies={"best unit": "90 % (80–95 %)", "majority guess": "50 % (40–60 %)"},
        links=[],
        words="",
        doubt="",
        note="",
    )
    rows = {row[0]: row[1:] for row in put([replace(views[0], best=tested), views[1]]).figures.rows}
    assert rows["single units tested, best unit: accuracy"] == ["90 % (80–95 %)", "–"]
    assert rows["single units tested, majority guess: accuracy"] == ["50 % (40–60 %)", "–"]


def test_stages_of_other_names_stand_alone(views: list[RunView]) -> None:
    stage = replace(views[0].stages[0], name="other")
    views[0] = _with(views[0], stage)
    found = put(views)
    assert found.stages == []
    rows = {row[0]: row[1:] for row in found.figures.rows}
    assert rows["other: units"] == ["144", "–"]
    assert rows["parts: units"] == ["–", "7"]


def test_losses_are_those_of_training_where_one_run_held_nothing_out(views: list[RunView]) -> None:
    lines = [line for line in views[0].metrics if "held_out" not in line]
    found = side_by_side(views, [lines, views[1].metrics])
    assert "one batch of training" in found.charts[0].note
    assert side_by_side(views, [[], views[1].metrics]).charts == []
