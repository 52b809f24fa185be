"""`metrics.jsonl`: which steps are written, and cutting back."""

import json
from pathlib import Path
from typing import Any

from featlearn.training.metrics import MetricsLog
from featlearn.training.progress import StepReport


def report(
    step: int, held_out: dict[str, float] | None = None, *, ended: bool = False
) -> StepReport:
    terms = {"a": 1.0, "b": 2.0}
    return StepReport("edges", step // 10, step, 100, 0.5, 3.0, terms, held_out, ended)


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_the_first_every_twentieth_and_an_epoch_s_last_step_are_written(tmp_path: Path) -> None:
    log = MetricsLog(tmp_path / "metrics.jsonl")
    for step in range(1, 46):
        held_out = {"a": 4.0, "loss": 4.0} if step == 30 else None
        log.write(report(step, held_out, ended=step in (30, 45)))
    figures = {"lr": 0.5, "loss": 3.0, "terms": {"a": 1, "b": 2}}
    assert lines(log.path) == [
        {"phase": "edges", "epoch": 0, "step": 1, **figures},
        {"phase": "edges", "epoch": 2, "step": 20, **figures},
        {"phase": "edges", "epoch": 3, "step": 30, **figures},
        {"phase": "edges", "epoch": 3, "step": 30, "held_out": {"a": 4.0, "loss": 4.0}},
        {"phase": "edges", "epoch": 4, "step": 40, **figures},
        {"phase": "edges", "epoch": 4, "step": 45, **figures},
        {"phase": "edges", "epoch": 4, "step": 45, "held_out": None},  # nothing is held out
    ]


def test_an_examined_epoch_s_end_has_the_figures(tmp_path: Path) -> None:
    log = MetricsLog(tmp_path / "metrics.jsonl")
    log.write(report(30, ended=True)._replace(health={"edges": {"dead": 0.5}}))
    assert lines(log.path)[-1] == {
        "phase": "edges",
        "epoch": 3,
        "step": 30,
        "held_out": None,
        "health": {"edges": {"dead": 0.5}},
    }


def test_what_came_after_a_checkpoint_is_cut_off(tmp_path: Path) -> None:
    log = MetricsLog(tmp_path / "metrics.jsonl")
    log.write(report(1))
    size, before = log.size(), log.path.read_bytes()
    assert size == len(before)
    log.write(report(20))
    again = MetricsLog(log.path)
    assert again.size() > size  # opening it changes nothing
    again.cut(size)
    assert log.path.read_bytes() == before
    again.cut(10**6)  # of a log that is shorter than it was, nothing is made up
    assert log.path.read_bytes() == before
