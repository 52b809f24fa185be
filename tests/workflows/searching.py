"""Searches over the keys of a tiny recipe, and what cuts them off."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from featlearn.config.recipe import Recipe
from featlearn.training.progress import Silent
from featlearn.workflows.search import search_recipe
from featlearn.workflows.search_results import SearchResult
from featlearn.workflows.search_store import SearchTrial

Tiny = Callable[..., Recipe]
RATE = "pretrain.optimizer.lr=1e-4..1e-1:log"
HEAD = ("finetune.optimizer.lr=1e-3..1e-1:log", "finetune.freeze=0..2")


def search(recipe: Recipe, out: Path, *spaces: str, **options: Any) -> SearchResult:
    given: dict[str, Any] = {"trials": 4, "threads": 1, "device": "cpu", "root": out.parent}
    return search_recipe(recipe, out=out, spaces=spaces or (RATE,), **{**given, **options})


def timeless(trials: list[SearchTrial]) -> list[SearchTrial]:
    """Give trials without the time that they took."""
    return [msgspec.structs.replace(trial, seconds=0.0) for trial in trials]


def results(folder: Path) -> dict[str, Any]:
    return json.loads((folder / "results.json").read_text())


class Cut(Silent):
    """Ends a search by `act` when so many steps and trials were shown; keeps what was said."""

    def __init__(self, at: int = 0, act: Callable[[], None] | None = None) -> None:
        self.at = at
        self.act = act
        self.seen: list[tuple[int, int, str]] = []
        self.notes: list[str] = []

    def count(self, name: str, *, done: int, of: int, words: str = "") -> None:
        self.seen.append((done, of, words))
        if self.act is not None and len(self.seen) == self.at:
            self.act()

    def note(self, text: str) -> None:
        self.notes.append(text)
