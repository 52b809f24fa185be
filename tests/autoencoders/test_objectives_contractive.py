"""The contractive auto-encoder against autograd's Jacobian, the paper's sum, and misuse."""

from typing import Any

import msgspec
import numpy as np
import pytest
import torch
from torch import Tensor

from featlearn.autoencoders.build import build_objective
from featlearn.autoencoders.contractive import contraction
from featlearn.autoencoders.objective import LossTerms
from featlearn.config.stages import StageSpec
from featlearn.geometry import MapShape
from featlearn.stages.stage import Stage, build_stage
from tests.autoencoders.oracles import check_columns, check_refused, check_slopes, descend

IMAGE = MapShape(2, 5, 6)
FILTERS: dict[str, dict[str, Any]] = {
    "dense": {"kind": "dense", "maps": 4},
    "conv": {"kind": "conv", "size": 3, "maps": 4, "stride": 2, "padding": "same", "groups": 2},
    "moved": {"kind": "dense", "size": 3, "maps": 3},
    "local": {"kind": "local", "size": 3, "maps": 2, "padding": 1},
    "tiled": {"kind": "tiled", "size": 2, "maps": 2, "tile": 2},
}
ACTIVATIONS: list[Any] = [
    "identity",
    "sigmoid",
    "tanh",
    "relu",
    "abs",
    {"kind": "leaky-relu", "slope": 0.2},
    {"kind": "elu", "alpha": 0.7},
    {"kind": "soft-threshold", "threshold": 0.3},
    {"kind": "soft-threshold", "threshold": 0.3, "one_sided": True},
]


def make(kind: str = "dense", activation: Any = "sigmoid", **objective: Any) -> Stage:
    """Build a stage in double precision, its biases moved off zero."""
    raw = {
        "name": "it",
        "filter": FILTERS[kind],
        "activation": activation,
        "objective": {"kind": "contractive", "weight": 0.3, **objective},
    }
    draw = torch.Generator().manual_seed(0)
    stage = build_stage(msgspec.convert(raw, StageSpec), IMAGE, generator=draw).double()
    with torch.no_grad():
        assert stage.filter.bias is not None
        stage.filter.bias.add_(
            torch.linspace(-0.5, 0.6, stage.filter.bias.numel()).view_as(stage.filter.bias)
        )
    return stage


def batch(count: int = 3, shape: tuple[int, ...] = IMAGE) -> Tensor:
    draw = torch.Generator().manual_seed(1)
    return torch.randn(count, *shape, generator=draw, dtype=torch.float64)


def terms(stage: Stage, x: Tensor) -> LossTerms:
    assert stage.spec.objective is not None
    return build_objective(stage.spec.objective).terms(
        stage, x, target=x, generator=torch.Generator()
    )


def jacobian_by_autograd(stage: Stage, x: Tensor) -> Tensor:
    def code(one: Tensor) -> Tensor:
        return stage.code(one[None]).flatten()

    each = [torch.autograd.functional.jacobian(code, sample) for sample in x]
    return torch.stack([rows.square().sum() for rows in each])


@pytest.mark.parametrize("activation", ACTIVATIONS, ids=str)
@pytest.mark.parametrize("kind", FILTERS)
def test_the_closed_form_is_the_norm_of_the_jacobian(kind: str, activation: Any) -> None:
    stage, x = make(kind, activation), batch()
    expected = jacobian_by_autograd(stage, x)
    found = contraction(stage, stage.code(x), size=(5, 6))
    torch.testing.assert_close(found, expected)
    torch.testing.assert_close(terms(stage, x)["contraction"], 0.3 * expected.mean())


def test_patches_smaller_than_the_maps_are_seen_as_they_are() -> None:
    stage, x = make("conv"), batch(2, (2, 3, 4))
    expected = jacobian_by_autograd(stage, x)
    torch.testing.assert_close(contraction(stage, stage.code(x), size=(3, 4)), expected)


def test_a_dense_sigmoid_stage_has_the_paper_s_sum() -> None:
    stage, x = make(), batch()
    weights, biases = stage.filter.weight.detach().flatten(1).numpy(), stage.filter.bias
    assert biases is not None
    each: list[float] = []
    for sample in x.flatten(1).numpy():
        h = 1 / (1 + np.exp(-(weights @ sample + biases.detach().numpy())))
        each.append(
            sum((h[j] * (1 - h[j])) ** 2 * sum(w**2 for w in weights[j]) for j in range(len(h)))
        )
    found = terms(stage, x)
    assert list(found) == ["reconstruction", "contraction"]
    assert float(found["contraction"].detach()) == pytest.approx(0.3 * np.mean(each))


@pytest.mark.parametrize("activation", ["sigmoid", "tanh", "elu", "relu"])
@pytest.mark.parametrize("decoder", ["tied", "untied"])
@pytest.mark.parametrize("kind", FILTERS)
def test_gradients_are_those_of_finite_differences(
    kind: str, decoder: str, activation: str
) -> None:
    stage, x = make(kind, activation, decoder=decoder), batch()
    check_slopes(stage, lambda: terms(stage, x), ["reconstruction", "contraction"])


@pytest.mark.parametrize("kind", FILTERS)
def test_the_loss_falls_and_so_does_the_change_of_the_code(kind: str) -> None:
    changes: list[float] = []
    for weight in (0.0, 3.0):
        stage, x = make(kind, weight=weight), batch(16)
        assert stage.spec.objective is not None
        objective = build_objective(stage.spec.objective)
        seen = descend(stage, objective, lambda stage=stage, x=x: terms(stage, x))
        assert sum(seen[-1].values()) < 0.95 * sum(seen[0].values())
        changes.append(float(contraction(stage, stage.code(x), size=(5, 6)).mean().detach()))
    assert changes[1] < 0.8 * changes[0]


def test_a_saturated_code_and_an_empty_batch_cost_nothing() -> None:
    stage = make()
    assert stage.filter.bias is not None
    with torch.no_grad():
        stage.filter.bias.fill_(1e4)
    found = terms(stage, batch())["contraction"]
    assert float(found.detach()) == 0
    found.backward()
    assert stage.filter.weight.grad is not None
    assert not bool(stage.filter.weight.grad.any())
    assert contraction(stage, stage.code(batch(0)), size=(5, 6)).shape == (0,)


def test_only_a_decoder_of_its_own_is_kept_at_unit_columns() -> None:
    for decoder in ("tied", "untied"):
        stage = make(decoder=decoder)
        assert stage.spec.objective is not None
        check_columns(stage, build_objective(stage.spec.objective))


RECIPE = """
title = "T"
[data]
source = "digits"
[[stages]]
name = "s"
filter = { kind = "conv", size = 3, maps = 2 }
activation = "sigmoid"
objective = { kind = "contractive" }
"""


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("maps = 2", 'maps = 2, norm = { kind = "batch" }', "leave out `filter.norm`"),
        ('"contractive"', '"contractive", weight = -1', "objective.weight must be >= 0; got -1"),
        ('"sigmoid"', '{ kind = "shrinkage" }', 'of kind "shrinkage" gives none in closed form'),
        (
            'maps = 2 }\nactivation = "sigmoid"',
            'maps = 2, bias = false }\nactivation = "triangle"',
            'of kind "triangle" gives none in closed form',
        ),
        (
            '"contractive"',
            '"contractive", reconstruction = "cross-entropy"',
            'cross-entropy needs targets in [0, 1]: set `input = "unit"`',
        ),
    ],
)
def test_what_cannot_be_learned_by_it_is_said(old: str, new: str, said: str) -> None:
    check_refused(RECIPE, old, new, said)
