"""Curves show what was logged."""

import json
from pathlib import Path

import numpy as np
import pytest

from featlearn.errors import DataError
from featlearn.visualize.curves import curves_figure, phases_of, read_metrics

LINES = [
    {"phase": "strokes", "epoch": 0, "step": 1, "lr": 0.1, "loss": 5.0,
     "terms": {"reconstruction": 4.0, "l1": 1.0}},
    {"phase": "strokes", "epoch": 0, "step": 20, "lr": 0.1, "loss": 3.0,
     "terms": {"reconstruction": 2.5, "l1": 0.5}},
    {"phase": "strokes", "epoch": 0, "step": 25, "held_out": {"loss": 3.5, "reconstruction": 3.0}},
    {"phase": "parts", "epoch": 1, "step": 1, "lr": 0.1, "loss": 9.0,
     "terms": {"reconstruction": 9.0}},
    {"phase": "parts", "epoch": 0, "step": 1, "held_out": None},
    {"phase": "parts", "epoch": 1, "step": 9,
     "held_out": {"loss": 8.0, "reconstruction": 8.0}},
]  # fmt: skip


def write(path: Path, lines: list[str]) -> Path:
    path.write_text("\n".join(lines) + "\n")
    return path


def test_lines_are_read_in_order(tmp_path: Path) -> None:
    path = write(tmp_path / "metrics.jsonl", [json.dumps(line) for line in LINES])
    assert read_metrics(path) == LINES


def test_a_last_line_cut_off_is_left_out(tmp_path: Path) -> None:
    path = write(tmp_path / "metrics.jsonl", [json.dumps(LINES[0]), '{"phase": "st'])
    assert read_metrics(path) == LINES[:1]


def test_another_broken_line_is_named(tmp_path: Path) -> None:
    path = write(tmp_path / "metrics.jsonl", ["{", json.dumps(LINES[0])])
    with pytest.raises(DataError, match=r"metrics\.jsonl, line 1, is not JSON"):
        read_metrics(path)


@pytest.mark.parametrize("line", [b"[" * 100_000, b'{"phase": "\xff"}', b"9" * 5000])
def test_a_line_that_no_parser_takes_is_named(tmp_path: Path, line: bytes) -> None:
    path = tmp_path / "metrics.jsonl"
    path.write_bytes(line + b"\n" + json.dumps(LINES[0]).encode())
    with pytest.raises(DataError, match=r"metrics\.jsonl, line 1, is not JSON"):
        read_metrics(path)


@pytest.mark.parametrize(
    "line",
    [
        "7",
        "[]",
        "{}",
        '{"phase": "strokes", "epoch": 0, "step": 1}',
        '{"phase": "strokes", "epoch": 0, "step": "a", "loss": 1.0}',
        '{"phase": "strokes", "epoch": 0, "step": 1, "loss": 1.0, "terms": 3}',
        '{"phase": "strokes", "epoch": 0, "step": 1, "held_out": {"loss": []}}',
    ],
)
def test_a_line_of_something_else_is_named(tmp_path: Path, line: str) -> None:
    path = write(tmp_path / "metrics.jsonl", [json.dumps(LINES[0]), line])
    with pytest.raises(DataError, match=r"metrics\.jsonl, line 2, holds no figures of training"):
        read_metrics(path)


def test_no_file_is_no_lines(tmp_path: Path) -> None:
    assert read_metrics(tmp_path / "metrics.jsonl") == []


def test_phases_hold_their_curves() -> None:
    strokes, parts = phases_of(LINES)
    assert (strokes.name, strokes.epochs, parts.name, parts.epochs) == ("strokes", 1, "parts", 2)
    assert strokes.training["l1"] == ([1, 20], [1.0, 0.5])
    assert strokes.held_out["loss"] == ([25], [3.5])
    assert parts.held_out["reconstruction"] == ([9], [8.0])


def test_each_phase_is_a_panel_with_its_lines() -> None:
    first, second = curves_figure(LINES).axes
    drawn = {line.get_label(): np.asarray(line.get_ydata()).tolist() for line in first.lines}
    assert drawn == {
        "loss": [5.0, 3.0],
        "reconstruction": [4.0, 2.5],
        "L1 penalty": [1.0, 0.5],
        "held out": [3.5],
    }
    assert [line.get_label() for line in second.lines] == ["reconstruction", "held out"]


def test_a_wide_range_is_drawn_on_a_logarithmic_axis() -> None:
    lines = [{**LINES[3], "step": step, "loss": loss, "terms": {"reconstruction": loss}}
             for step, loss in ((1, 100.0), (20, 0.1))]  # fmt: skip
    assert curves_figure(lines).axes[0].get_yscale() == "log"
    assert curves_figure(LINES).axes[0].get_yscale() == "linear"


def test_a_loss_that_is_not_finite_does_not_stop_the_picture() -> None:
    lines = [LINES[3], {**LINES[3], "step": 2, "loss": float("nan"), "terms": {}}]
    assert curves_figure(lines).axes[0].get_title(loc="left") == "parts"


def test_nothing_logged() -> None:
    with pytest.raises(DataError, match="no metrics"):
        curves_figure([])
