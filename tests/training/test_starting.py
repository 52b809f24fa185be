"""Objectives that set first weights by data are asked once, before a stage learns at all."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from featlearn.autoencoders.objective import LossTerms
from featlearn.config.recipe import Recipe
from featlearn.stages.stage import Stage
from featlearn.training.pictures import Pictures
from featlearn.training.pretraining import Pretraining
from featlearn.training.unrecorded import Unrecorded

Tiny = Callable[..., Recipe]
Make = Callable[..., Pictures]


class Noting:
    """Keeps what it is given to start with."""

    def __init__(self) -> None:
        self.given: list[tuple[str, Tensor, bool]] = []
        self.learning = False

    def start(self, stage: Stage, x: Tensor) -> None:
        assert not self.learning
        self.given.append((stage.name, x, torch.is_grad_enabled()))

    def terms(
        self, stage: Stage, x: Tensor, *, target: Tensor, generator: torch.Generator
    ) -> LossTerms:
        return {"size": stage.code(x).square().sum()}

    def after_step(self, stage: Stage) -> None:
        self.learning = bool(self.given)


@pytest.mark.parametrize("schedule", ["greedy", "joint", "greedy-then-joint"])
def test_every_stage_is_started_once_by_its_scaled_input(
    tiny: Tiny, pictures: Make, schedule: str
) -> None:
    noting = {"edges": Noting(), "parts": Noting()}
    recipe = tiny(pretrain={"schedule": schedule, "epochs": 1})
    training = Pretraining(recipe, pictures(64), held_out=None, objectives=noting)
    training.run(Unrecorded())
    for name, objective in noting.items():
        ((stage, x, differentiated),) = objective.given
        assert stage == name
        assert not differentiated
        assert x.shape == (64, *training.stack.stage(name).input_shape)
        centre = x.double().mean((0, 2, 3))
        torch.testing.assert_close(centre, torch.zeros_like(centre), atol=1e-3, rtol=0)


def test_a_stage_that_learns_from_patches_is_started_by_patches(tiny: Tiny, pictures: Make) -> None:
    stages = [
        {
            "name": "edges",
            "filter": {"kind": "conv", "size": 3, "maps": 4},
            "objective": {"kind": "plain"},
            "patches": {"size": 5, "per_image": 2},
        }
    ]
    noting = Noting()
    recipe = tiny(stages=stages, pretrain={"epochs": 1})
    training = Pretraining(recipe, pictures(64), held_out=None, objectives={"edges": noting})
    training.run(Unrecorded())
    ((_, x, _),) = noting.given
    assert x.shape == (128, training.stack.input_shape.maps, 5, 5)
