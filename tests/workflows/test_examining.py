"""Health of the stages of a run: what is measured when, that nothing changes, what is said."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from featlearn.config.recipe import Recipe
from featlearn.datasets.held_out import split_training
from featlearn.datasets.source import open_splits
from featlearn.datasets.tensors import as_images
from featlearn.evaluate.health import brief_health, stack_health
from featlearn.networks.store import load_stack
from featlearn.training.progress import Silent
from featlearn.training.rundir import RunDirectory
from featlearn.workflows.examining import Examination
from featlearn.workflows.pretrain import PretrainResult, pretrain

Tiny = Callable[..., Recipe]


class Told(Silent):
    """Keeps notes."""

    def __init__(self) -> None:
        self.notes: list[str] = []

    def note(self, text: str) -> None:
        self.notes.append(text)


def run(recipe: Recipe, out: Path, **options: Any) -> PretrainResult:
    return pretrain(recipe, out=out, root=out, device="cpu", **options)


def epochs(out: Path) -> list[dict[str, Any]]:
    lines = (out / "metrics.jsonl").read_text().splitlines()
    return [line for line in map(json.loads, lines) if "held_out" in line]


@pytest.mark.parametrize("schedule", ["greedy", "joint"])
def test_every_epoch_and_the_end_have_figures_of_what_learns(
    tmp_path: Path, tiny: Tiny, schedule: str
) -> None:
    recipe = tiny(data={"limit": 400, "hold_out": 0.5}, pretrain={"schedule": schedule})
    result = run(recipe, tmp_path / "run")
    names = [stage.name for stage in recipe.stages]
    assert [health.stage for health in result.health] == names
    for line in epochs(tmp_path / "run"):
        assert list(line["health"]) == (names if schedule == "joint" else [line["phase"]])
        for figures in line["health"].values():
            assert list(figures) == ["dead", "l0", "explained_variance"]
    # They are of the held-out images, of which there are enough, and of the network as it is kept.
    stack = load_stack(tmp_path / "run").stack.eval()
    splits = open_splits(recipe.data, root=tmp_path, seed=recipe.seed)
    _, kept = split_training(recipe, splits.train)
    assert [health.images for health in result.health] == [len(kept)] * 2
    found = stack_health(stack, as_images(kept.images).split(256))
    for own, other in zip(found, result.health, strict=True):
        for field in own.__struct_fields__[1:]:
            assert getattr(own, field) == pytest.approx(getattr(other, field), rel=1e-6), field


def test_looking_changes_nothing(
    tmp_path: Path, tiny: Tiny, monkeypatch: pytest.MonkeyPatch
) -> None:
    stages = [msgspec.to_builtins(stage) for stage in tiny().stages]
    kept = {"activation": {"kind": "batch-top-k", "k": 2}, "norm": {"kind": "batch"}}
    recipe = tiny(stages=[stages[0] | kept, stages[1]], pretrain={"schedule": "greedy-then-joint"})
    run(recipe, tmp_path / "seen")
    monkeypatch.setattr(Examination, "__call__", lambda _self, _phase: {})
    run(recipe, tmp_path / "unseen")
    models = [RunDirectory(tmp_path / name).model_file.read_bytes() for name in ("seen", "unseen")]
    assert models[0] == models[1]


def test_a_stage_without_an_objective_is_not_examined(tmp_path: Path, tiny: Tiny) -> None:
    stages = [msgspec.to_builtins(stage) for stage in tiny().stages]
    for stage in stages:
        del stage["objective"]
    result = run(tiny(stages=stages), tmp_path / "run")
    assert result.health == []
    assert epochs(tmp_path / "run") == []


def test_dead_units_are_warned_of_with_what_to_try(tmp_path: Path, tiny: Tiny) -> None:
    stages = [msgspec.to_builtins(stage) for stage in tiny().stages]
    penalty = {"kind": "l1", "weight": 1e4}
    stages[1] |= {"objective": {"kind": "sparse", "penalty": penalty}, "activation": "relu"}
    told, out = Told(), tmp_path / "run"
    result = run(tiny(stages=stages, pretrain={"epochs": 40}), out, progress=told)
    assert result.health[1].dead > 0.5
    (said,) = [text for text in told.notes if "are dead" in text and text.startswith("parts: ")]
    assert "try" in said
    assert "a smaller objective.penalty.weight" in said


def test_brief_figures_of_the_last_epoch_are_those_of_the_end(tmp_path: Path, tiny: Tiny) -> None:
    recipe = tiny(data={"limit": 400, "hold_out": 0.5})
    out = tmp_path / "run"
    run(recipe, out)
    splits = open_splits(recipe.data, root=out, seed=recipe.seed)
    learned, kept = split_training(recipe, splits.train)
    stack = load_stack(out).stack.eval()
    few = min(256, len(learned) // 8)
    rows = [round(row * (len(kept) - 1) / (few - 1)) for row in range(few)]
    found = brief_health(stack, [1], [as_images(kept.images[rows])])
    assert epochs(out)[-1]["health"] == {
        name: pytest.approx(figures, rel=1e-5) for name, figures in found.items()
    }
