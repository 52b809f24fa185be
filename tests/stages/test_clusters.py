"""Distances to filters and codes of them, against loops over positions."""

from typing import Any

import msgspec
import numpy as np
import pytest
import torch

from featlearn.config.load import parse_recipe
from featlearn.config.stages import StageSpec
from featlearn.errors import RecipeError
from featlearn.stages.clusters import bank_weights, bank_windows, cluster_distances
from featlearn.stages.stage import Stage, build_stage
from tests.autoencoders import cluster_filters
from tests.autoencoders.cluster_filters import IMAGE

FILTERS: dict[str, dict[str, Any]] = {
    **cluster_filters.FILTERS,
    "border": {"kind": "conv", "size": 3, "maps": 4, "padding": 1},
    "tiled": {"kind": "tiled", "size": 3, "maps": 4, "tile": 3},
}


def make(kind: str, activation: str = "triangle") -> Stage:
    raw = {
        "name": "it",
        "filter": {**FILTERS[kind], "bias": False},
        "activation": activation,
        "input": "none",
    }
    draw = torch.Generator().manual_seed(0)
    return build_stage(msgspec.convert(raw, StageSpec), IMAGE, generator=draw).double()


def batch(count: int = 3) -> torch.Tensor:
    draw = torch.Generator().manual_seed(1)
    return torch.randn(count, *IMAGE, generator=draw, dtype=torch.float64)


def directly(kind: str, stage: Stage, x: torch.Tensor) -> np.ndarray[Any, Any]:
    """Measure every distance by itself."""
    weight = stage.filter.weight.detach().numpy()
    if kind == "dense":
        apart = weight[None] - x.numpy()[:, None]
        return np.sqrt((apart**2).sum((2, 3, 4)))[:, :, None, None]
    border = {"conv": (1, 1, 0, 1), "border": (1, 1, 1, 1)}.get(kind, (0, 0, 0, 0))
    padded = torch.nn.functional.pad(x, border).numpy()
    step, groups = FILTERS[kind].get("stride", 1), FILTERS[kind].get("groups", 1)
    maps, rows, columns = stage.code_shape
    found = np.empty((len(x), maps, rows, columns))
    for n, unit, row, column in np.ndindex(*found.shape):
        bank = weight[row % len(weight), column % weight.shape[1]] if weight.ndim == 6 else weight
        some = slice(0, 2) if groups == 1 else slice(unit // 3, unit // 3 + 1)
        top, left = row * step, column * step
        window = padded[n, some, top : top + 3, left : left + 3]
        found[n, unit, row, column] = np.linalg.norm(bank[unit] - window)
    return found


@pytest.mark.parametrize("kind", FILTERS)
def test_distances_are_those_of_every_window(kind: str) -> None:
    stage, x = make(kind), batch()
    found = cluster_distances(stage.filter, x).detach().numpy()
    np.testing.assert_allclose(found, directly(kind, stage, x), rtol=1e-9)


@pytest.mark.parametrize("kind", FILTERS)
def test_banks_and_windows_belong_together(kind: str) -> None:
    stage, x = make(kind), batch()
    weights, seen = bank_weights(stage.filter), list(bank_windows(stage.filter, x))
    assert len(weights) == len(seen)
    apart = torch.cat(
        [torch.cdist(w, bank).flatten() for w, bank in zip(seen, weights, strict=True)]
    )
    expected = np.sort(directly(kind, stage, x).ravel())
    np.testing.assert_allclose(np.sort(apart.detach().numpy()), expected, rtol=1e-9)


@pytest.mark.parametrize("kind", ["dense", "conv", "local", "tiled"])
def test_codes_of_a_stage(kind: str) -> None:
    x = batch()
    z = directly(kind, make(kind), x)
    triangle = np.maximum(z.mean(1, keepdims=True) - z, 0)
    np.testing.assert_allclose(make(kind).code(x).detach().numpy(), triangle, atol=1e-9)
    hard = (z == z.min(1, keepdims=True)).astype(float)
    np.testing.assert_array_equal(make(kind, "hard").code(x).detach().numpy(), hard)


def test_a_window_on_a_centre_has_a_gradient() -> None:
    stage = make("dense")
    x = stage.filter.weight.detach()[:1].clone().requires_grad_()
    stage.code(x).sum().backward()
    assert x.grad is not None
    assert x.grad.isfinite().all()


def test_half_precision_around_changes_nothing() -> None:
    stage, x = make("conv").float(), batch().float()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        within = stage.code(x)
    assert within.equal(stage.code(x))


@pytest.mark.parametrize(
    ("stage", "said"),
    [
        ('filter = { kind = "dense", maps = 3 }', "`filter.bias = false`"),
        (
            'filter = { kind = "dense", maps = 3, bias = false, norm = { kind = "batch" } }',
            "leave out `filter.norm`",
        ),
        (
            'filter = { kind = "chain", parts = [{ kind = "conv", maps = 2, size = 3 }] }',
            "made of many layers: choose another `activation`",
        ),
        (
            """filter = { kind = "dense", maps = 3, bias = false }
objective = { kind = "tica" }
pool = { kind = "l2", size = 1 }""",
            '`activation = "identity"`',
        ),
    ],
)
def test_what_has_no_distances_is_refused(stage: str, said: str) -> None:
    text = f"""
title = "t"
data = {{ source = "digits" }}
[[stages]]
name = "it"
activation = "triangle"
{stage}
"""
    with pytest.raises(RecipeError, match=said):
        parse_recipe(text)
