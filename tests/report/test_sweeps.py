"""Sweeps over labels in the page."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from featlearn.errors import CheckpointError
from featlearn.files import write_json
from featlearn.report.page import build_report
from featlearn.report.records import SweepRecord
from featlearn.report.sweeps import sweep_view

MakeRun = Callable[..., Path]


def point(labelled: int, gain: tuple[float, float, float] | None, validation: int = 0) -> Any:
    error = {"pretrained": 0.05} | ({"scratch": 0.09} if gain else {})
    return {
        "labels": labelled,
        "labelled": labelled,
        "validation": validation,
        "draws": [{"label_seed": k, "seed": k, "error": error} for k in range(3)],
        "mean": error,
        "interval": {arm: [value - 0.06, value + 0.06] for arm, value in error.items()},
        "gain": {"scratch": {"mean": gain[0], "interval": gain[1:]}} if gain else {},
    }


def results(*, compared: bool, **changes: Any) -> dict[str, Any]:
    gain = (0.04, -0.011, 0.0912) if compared else None
    settings = {"pretrained": {"lr": 0.002, "stack_lr": 0.1}}
    if compared:
        settings["scratch"] = {"lr": 0.006, "stack_lr": 1.0}
    base = {
        "format": 1,
        "run": "/home/anna/runs/run",
        "sweep": "labels",
        "table": [point(100, gain), point(60_000, gain)],
        "settings": settings,
        "tuning": None,
        "freeze": 0,
        "test": 500,
        "majority": 0.102,
        "files": {"trials.jsonl": "a" * 64},
    }
    return base | changes


def view(**changes: Any) -> Any:
    return sweep_view("s", msgspec.convert(results(**changes), SweepRecord))


def test_rows_are_means_with_their_intervals() -> None:
    found = view(compared=True)
    assert found.heads == ["Pre-trained", "From scratch", "From scratch errs more, points"]
    assert [row.labels for row in found.rows] == ["100", "60\u202f000"]
    assert [(cell.value, cell.interval) for cell in found.rows[0].cells] == [
        ("5.0\u00a0%", "0.0–11.0\u00a0%"),  # an error is never below zero
        ("9.0\u00a0%", "3.0–15.0\u00a0%"),
        ("+4.0", "−1.1 to +9.1"),
    ]
    assert found.words == "3 draws of each number of labels"
    assert "from scratch" in found.chart.svg
    assert "errs in" not in found.note
    assert "wrong for 89.8\u00a0% of them" in found.note


def test_a_large_test_split_bears_more_digits() -> None:
    found = view(compared=True, test=10_000)
    assert [cell.value for cell in found.rows[0].cells] == ["5.00\u00a0%", "9.00\u00a0%", "+4.00"]
    assert found.rows[0].cells[2].interval == "−1.10 to +9.12"


def test_few_test_images_are_said_to_be_few() -> None:
    said = "Figures are of only 40 images: each is 2.5 points of accuracy."
    assert said in view(compared=True, test=40).note
    assert "Figures are of" not in view(compared=True, test=100).note


def test_without_a_control_nothing_is_compared() -> None:
    found = view(compared=False, freeze=1)
    assert found.heads == ["Pre-trained"]
    assert found.words == "3 draws of each number of labels, 1 stage frozen"
    for words in ("paired", "same draws", "settings"):
        assert words not in found.note
    assert "control" not in found.chart.note


def test_the_note_says_where_settings_come_from() -> None:
    same = view(compared=True).note
    assert (
        "Both networks have the recipe's learning rate, chosen for neither, and from scratch all "
        "of it in the stages, unless another share was asked for: pre-trained, learn" in same
    )
    tuning = {"tried": [{}, {}], "labels": 300, "draws": 2, "images": 10_000}
    tuned = view(compared=True, tuning=tuning).note
    assert (
        "Each network was given the best for it of 2 settings, chosen on 2 other draws of 300 "
        "labels and judged by the labels of 10\u202f000 other training images: pre-trained, "
        "learning rate 0.002 (0.1 of it in the stages); from scratch, learning rate 0.006 (1 of"
    ) in tuned
    kept = view(compared=False, table=[point(100, None, validation=10)]).note
    assert "Of the labels, 10 labels were only measured on" in kept


class TestPage:
    @pytest.fixture
    def path(self, make_run: MakeRun) -> Path:
        path = make_run()
        write_json(path / "sweeps" / "labels" / "results.json", results(compared=True))
        return path

    def test_a_sweep_is_shown_with_its_run(self, path: Path, tmp_path: Path) -> None:
        text = build_report([path], tmp_path / "out", root=tmp_path).read_text(encoding="utf-8")
        assert 'href="#run1-sweeps"' in text
        assert 'id="run1-sweep-labels"' in text
        assert 'data-label="From scratch errs more, points"' in text
        assert "sweeps/labels/trials.jsonl" in text
        assert "a" * 64 in text
        assert "nothing is chosen by it" in text
        assert "anna" not in text
        data = text.partition('id="figures">')[2].partition("</script>")[0]
        (figures,) = json.loads(data)
        assert figures["sweeps"]["labels"]["run"] == "run"
        assert len(figures["sweeps"]["labels"]["table"]) == 2

    def test_a_run_without_one_has_no_place_for_it(self, make_run: MakeRun, tmp_path: Path) -> None:
        page = build_report([make_run()], tmp_path / "out", root=tmp_path)
        text = page.read_text(encoding="utf-8")
        assert "run1-sweeps" not in text
        assert "nothing is chosen by it" not in text

    @pytest.mark.parametrize("text", ["{", "{}", '{"table": []}'])
    def test_a_damaged_one_is_named(self, path: Path, tmp_path: Path, text: str) -> None:
        (path / "sweeps" / "labels" / "results.json").write_text(text)
        with pytest.raises(CheckpointError, match=r"sweeps/labels/results.json is damaged"):
            build_report([path], tmp_path / "out", root=tmp_path)
