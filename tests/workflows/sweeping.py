"""Sweeps over labels of a tiny run, and what cuts them off."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from featlearn.config.recipe import Recipe
from featlearn.training.progress import Silent
from featlearn.workflows.evaluate import evaluate
from featlearn.workflows.finetune import finetune
from featlearn.workflows.label_sweep import sweep_labels
from featlearn.workflows.sweep_results import SweepResult

Tiny = Callable[..., Recipe]
QUICK = ("finetune.epochs=3",)


def sweep(run: Path, **options: Any) -> SweepResult:
    given: dict[str, Any] = {"labels": (30, 50), "draws": 2, "overrides": QUICK, "threads": 1}
    return sweep_labels(run, root=run, device="cpu", **{**given, **options})


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


class Cut(Silent):
    """Ends a sweep when so many trials are done: by a crash, or by asking for a stop."""

    def __init__(self, at: int, act: Callable[[], None]) -> None:
        self.at = at
        self.act = act
        self.seen: list[tuple[int, int]] = []
        self.notes: list[str] = []

    def count(self, name: str, *, done: int, of: int, words: str = "") -> None:
        self.seen.append((done, of))
        if done == self.at:
            self.act()

    def note(self, text: str) -> None:
        self.notes.append(text)


def head_error(run: Path, **options: Any) -> float:
    """Train and judge one head by the commands for one."""
    options = {"overrides": QUICK, "threads": 1, "device": "cpu", "root": run, **options}
    finetune(run, name="alone", overwrite=True, **options)
    return evaluate(run, root=run, head="alone", device="cpu").error
