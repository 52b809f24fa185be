"""Two small stages, and what is minimised when they learn one by one and together."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from featlearn.autoencoders.build import build_objectives
from featlearn.config.recipe import Recipe
from featlearn.geometry import MapShape
from featlearn.networks.stack import Stack, build_stack
from featlearn.stages.stage import Stage
from featlearn.training.pictures import Pictures
from featlearn.training.problems import JointProblem, Material
from featlearn.training.settling import settle

Tiny = Callable[..., Recipe]
Make = Callable[..., Pictures]
PLAIN = {"kind": "plain"}
EDGES = {
    "name": "edges",
    "filter": {"kind": "conv", "size": 3, "maps": 4},
    "activation": "tanh",
    "pool": {"kind": "l2", "size": 2, "stride": 2},
    "norm": {"kind": "batch"},
    "objective": PLAIN,
}
PARTS = {
    "name": "parts",
    "filter": {"kind": "local", "size": 2, "maps": 3},
    "activation": "tanh",
    "objective": {**PLAIN, "decoder": "untied"},
}


def stack_of(recipe: Recipe, images: Pictures) -> Stack:
    stack = build_stack(recipe, MapShape(1, 8, 8), seed=0)
    settle(stack, images)
    return stack


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def own_loss(stage: Stage, maps: Tensor, target: Tensor | None = None) -> Tensor:
    """Compute a plain auto-encoder's loss by hand."""
    x = (maps - stage.scaler.get_buffer("centre")) / stage.scaler.get_buffer("scale")
    error = stage.decode(stage.code(x)) - (x.detach() if target is None else target)
    return error.square().sum() / len(maps)


def gradients(stack: Stack, loss: Tensor) -> dict[str, Tensor]:
    stack.zero_grad()
    loss.backward()
    return {
        name: torch.zeros_like(p) if p.grad is None else p.grad.clone()
        for name, p in stack.named_parameters()
    }


def assert_same(found: dict[str, Tensor], expected: dict[str, Tensor]) -> None:
    for name, value in expected.items():
        torch.testing.assert_close(
            found[name], value, msg=lambda text, name=name: f"{name}: {text}"
        )


def joint(
    recipe: Recipe,
    images: Pictures,
    *,
    through: bool,
    recompute: bool = False,
    **material: Any,
) -> tuple[Stack, JointProblem]:
    stack = stack_of(recipe, images)
    chosen = build_objectives(recipe.stages)
    learned = Material(images, **material)
    return stack, JointProblem(stack, chosen, learned, through=through, recompute=recompute)
