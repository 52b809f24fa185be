"""Objectives that move weights by themselves: under every schedule, in check and fine-tuning."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
import torch

from featlearn.config.recipe import Recipe
from featlearn.errors import RecipeError
from featlearn.training.pictures import Pictures
from featlearn.training.pretraining import Pretraining
from featlearn.training.unrecorded import Unrecorded
from featlearn.workflows.check import check
from featlearn.workflows.finetune import finetune
from featlearn.workflows.pretrain import pretrain

Tiny = Callable[..., Recipe]
Make = Callable[..., Pictures]
ONLINE: dict[str, Any] = {
    "filter": {"kind": "dense", "maps": 6, "bias": False},
    "activation": "soft-threshold",
    "objective": {"kind": "sparse-coding", "update": "on-line"},
}
PSD: dict[str, Any] = {
    "filter": {"kind": "conv", "size": 3, "maps": 4, "stride": 2},
    "activation": {"kind": "scaled-tanh"},
    "objective": {"kind": "psd", "steps": 5},
    "pool": None,
}


def recipe_of(tiny: Tiny, **pretraining: Any) -> Recipe:
    """Take a predictor below, and a dictionary that is learned on-line above it."""
    first, second = map(msgspec.to_builtins, tiny().stages)
    return tiny(stages=[first | PSD, second | ONLINE], pretrain=pretraining)


@pytest.mark.parametrize("schedule", ["greedy", "joint", "greedy-then-joint"])
@pytest.mark.parametrize("update", ["step", "backward"])
def test_they_learn_under_every_schedule(
    tiny: Tiny, pictures: Make, schedule: str, update: str
) -> None:
    recipe = recipe_of(tiny, schedule=schedule, update=update, epochs=4, batch=16)
    images = pictures(64)
    training = Pretraining(recipe, images, held_out=pictures(8, seed=1))
    before = [training.stack.stage(place).filter.weight.clone() for place in (0, 1)]
    training.run(Unrecorded())
    for place, weight in enumerate(before):
        after = training.stack.stage(place).filter.weight
        assert after.isfinite().all()
        assert not torch.equal(after, weight)
    lengths = torch.linalg.vector_norm(training.stack.stage(1).filter.weight.flatten(1), dim=1)
    assert (lengths <= 1 + 1e-5).all()


def test_the_rate_is_nothing_to_them(tiny: Tiny, pictures: Make) -> None:
    runs: list[torch.Tensor] = []
    for lr in (1e-4, 1.0):
        stage = msgspec.to_builtins(tiny().stages[1]) | ONLINE
        recipe = tiny(stages=[stage], pretrain={"optimizer": {"kind": "sgd", "lr": lr}})
        training = Pretraining(recipe, pictures(), held_out=None)
        training.run(Unrecorded())
        runs.append(training.stack.stage(0).filter.weight)
    assert torch.equal(*runs)


def test_check_asks_them_for_no_gradient(tiny: Tiny, tmp_path: Path) -> None:
    result = check(recipe_of(tiny), root=tmp_path)
    said = {(row.name, row.of): row for row in result.checks}
    for name in ("gradient", "learning rate"):
        row = said[name, "parts"]
        assert row.status == "not applicable"
        assert "moves the weights by itself" in row.said
    assert said["gradient", "edges"].status == "passed"


def test_labels_do_not_move_the_same_weights(tiny: Tiny, tmp_path: Path) -> None:
    recipe = recipe_of(tiny)
    pretrain(recipe, out=tmp_path / "run", root=tmp_path, device="cpu")
    with pytest.raises(RecipeError, match="stage 'parts': its objective moves the weights"):
        finetune(tmp_path / "run", overrides=['finetune.semi={ kind = "reconstruction" }'])
    finetune(tmp_path / "run", name="plain")
