"""The best single units: tables, the gallery, the top of the page, and doubts."""

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from featlearn.errors import CheckpointError
from featlearn.report.best_units import named_units
from featlearn.report.run import run_view
from featlearn.report.unit_records import UnitTestRecord
from featlearn.report.views import RunView
from featlearn.training.rundir import RunDirectory

MakeRun = Callable[..., Path]


def row(kind: str, name: str, accuracy: float, **more: Any) -> dict[str, Any]:
    score = {"positive": "faces", "accuracy": accuracy, "interval": [accuracy - 0.1, accuracy]}
    return {
        "kind": kind, "name": name, "candidates": 9, "accuracy": accuracy,
        "interval": [accuracy - 0.1, accuracy], "auc": 0.875, "behind": None,
        "behind_interval": None, "scores": [{**score, **more.pop("score", {})}], **more,
    }  # fmt: skip


BEST = {"stage": "strokes", "unit": "1,1,2", "auc": 0.9, "selectivity": 1.5}

UNITS: dict[str, Any] = {
    "format": 1, "run": "/home/me/run", "source": "/home/me/faces.zip", "split": "given",
    "chosen_on": 40, "scored_on": 60, "groups": 7, "seed": 0, "thresholds": 20,
    "positives": ["faces"], "seen": 2, "note": "A note of its own.",
    "rows": [
        row("network", "best unit", 0.8, score=BEST),
        row("templates", "best linear filter", 0.7, behind=0.1, behind_interval=[0.02, 0.2]),
        row("probe", "linear probe of parts", 0.9, behind=-0.1, behind_interval=[-0.2, 0.0]),
        row("run", "/home/me/other", 0.6, behind=0.2, behind_interval=[0.1, 0.3]),
        row("majority", "majority guess", 0.6, behind=0.2, behind_interval=[0.1, 0.3]),
    ],
    "stages": [],
}  # fmt: skip


@pytest.fixture
def shown(make_run: MakeRun, tmp_path: Path) -> Callable[..., RunView]:
    """Give a function that shows a run with figures of its best units."""
    path = make_run()

    def show(units: Any, most: int = 2100) -> RunView:
        (path / "units.json").write_text(json.dumps(units))
        run = RunDirectory(path)
        return run_view("k", run, name="run", root=tmp_path, device="cpu", most=most)

    return show


def test_units_and_controls_are_tables(shown: Callable[..., RunView]) -> None:
    view = shown(UNITS)
    assert view.best is not None
    assert view.best.units.rows == [
        ["faces", "strokes 1,1,2", "80.0\u00a0%", "70.0–80.0\u00a0%", "0.900", "1.50"]
    ]
    assert view.best.links == [("k-stage-strokes", "1,1,2")]
    rows = {cells[0]: cells[1:] for cells in view.best.methods.rows}
    assert rows["best linear filter"][-1] == "+10.0 points (+2.0 to +20.0)"
    assert rows["best unit"][-1] == "–"
    assert "other" in rows
    assert "faces.zip" in view.best.note
    assert "/home" not in view.best.note
    assert "7 groups" in view.best.note
    assert "2 images of these were also learned from" in view.best.note
    assert view.best.note.endswith("A note of its own.")


def test_they_are_told_at_the_top(shown: Callable[..., RunView]) -> None:
    story = {fact.name: fact.value.replace("\u00a0", " ") for fact in shown(UNITS).story}
    assert story["Worth"] == (
        "A single unit, strokes 1,1,2, tells faces with an accuracy of 80.0 % (guessing 60.0 %). "
        "The best of the controls, the best linear filter, reaches 70.0 %. No head was trained on "
        "it: `featlearn finetune run` does that, and `featlearn evaluate run` measures it."
    )
    assert "compared" not in story["To doubt"]
    assert "ahead" not in story["To doubt"]
    close = copy.deepcopy(UNITS)
    close["rows"][1]["behind_interval"] = [-0.01, 0.2]
    story = {fact.name: fact.value for fact in shown(close).story}
    assert "Single units are not clearly ahead of the best linear filter." in story["To doubt"]


def test_a_run_that_does_as_well_is_named_by_its_folder(shown: Callable[..., RunView]) -> None:
    close = copy.deepcopy(UNITS)
    close["rows"][3]["behind_interval"] = [0.0, 0.2]
    story = {fact.name: fact.value for fact in shown(close).story}
    assert "Single units are not clearly ahead of the run other." in story["To doubt"]


@pytest.mark.parametrize(("groups", "few"), [(19, True), (20, False), (None, False)])
def test_few_groups_are_doubted(
    shown: Callable[..., RunView], groups: int | None, few: bool
) -> None:
    view = shown({**UNITS, "scored_on": 500, "groups": groups})
    story = {fact.name: fact.value for fact in view.story}
    assert ("scored on only 19 groups of images" in story["To doubt"]) == few
    assert view.best is not None
    assert ("So few groups, 19, make rough intervals." in view.best.note) == few


def test_an_interval_without_a_width_is_no_proof(shown: Callable[..., RunView]) -> None:
    sure = copy.deepcopy(UNITS)
    sure["rows"][0]["scores"][0] |= {"accuracy": 1.0, "interval": [1.0, 1.0]}
    constant = copy.deepcopy(UNITS)
    constant["rows"][-1]["interval"] = [0.6, 0.6]
    for units, told in ((UNITS, False), (sure, True), (constant, False)):
        best = shown(units).best
        assert best is not None
        assert ("An interval has no width" in best.note) == told


def test_they_are_in_the_gallery_with_all_that_takes_long(shown: Callable[..., RunView]) -> None:
    gallery = shown(UNITS, most=8).stages[0].gallery
    assert "1,1,2" in gallery.columns["names"]
    assert len(gallery.columns["names"]) == len(set(gallery.columns["names"])) <= 5
    place = gallery.columns["names"].index("1,1,2")
    assert gallery.columns["stimulus"][0]["unit"] == place


def stage_row(stage: str, units: dict[str, float]) -> dict[str, Any]:
    found = row("stage", stage, 0.7, behind=0.1, behind_interval=[0.0, 0.2])
    scores = [
        {"positive": "x", "accuracy": accuracy, "interval": [0, 1], "stage": stage, "unit": unit}
        for unit, accuracy in units.items()
    ]
    return {**found, "scores": scores}


def test_the_best_of_every_stage_is_there_too(shown: Callable[..., RunView]) -> None:
    given = copy.deepcopy(UNITS)
    given["rows"][1:1] = [stage_row("strokes", {"1,1,2": 0.8}), stage_row("parts", {"5": 0.7})]
    gallery = shown(given).stages[1].gallery
    place = gallery.columns["names"].index("5")
    assert gallery.columns["stimulus"][0]["unit"] == place
    assert gallery.columns["invariance"][0]["units"][0] == place


def test_units_of_the_network_come_first_then_those_furthest_ahead_of_guessing() -> None:
    names = [str(place) for place in range(12)]
    accuracies = {name: 0.7 + int(name) / 100 for name in names}
    best = stage_row("parts", {**accuracies, "11": 0.7, "0": 0.9})
    stage = stage_row("parts", accuracies)
    guess = {**stage_row("parts", dict.fromkeys(names, 0.6)), "kind": "majority"}
    given = {**UNITS, "positives": names, "rows": [{**best, "kind": "network"}, stage, guess]}
    record = msgspec.convert(given, UnitTestRecord)
    ahead = sorted(names, key=lambda name: -best["scores"][int(name)]["accuracy"])
    assert named_units(record) == {"parts": ahead}
    fewer = {**best, "kind": "network", "scores": [{**s, "stage": None} for s in best["scores"]]}
    record = msgspec.convert({**given, "rows": [fewer, stage, guess]}, UnitTestRecord)
    assert named_units(record) == {"parts": names[:1:-1]}  # ten of twelve
    assert named_units(None) == {}


@pytest.mark.parametrize(
    "change",
    [
        {"rows": []},
        {"rows": UNITS["rows"][1:]},
        {"positives": ["faces", "cats"]},
        {"scored_on": 0},
        {"rows": "x"},
        {"rows": [row("network", "n", 0.5, score={"stage": "strokes", "unit": "9,9,9"})]},
        {"rows": [row("network", "n", 0.5, score={"stage": "nowhere", "unit": "1"})]},
    ],
)
def test_damaged_figures_are_refused(shown: Callable[..., RunView], change: dict[str, Any]) -> None:
    with pytest.raises(CheckpointError, match=r"units\.json"):
        shown({**UNITS, **change})
