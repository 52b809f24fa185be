"""Reconstruction TICA against the paper's formula, finite differences, and misuse."""

from typing import Any

import msgspec
import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from featlearn.autoencoders.build import build_objective
from featlearn.autoencoders.objective import LossTerms
from featlearn.autoencoders.tica import ReconstructionTica
from featlearn.config.components import TicaSpec
from featlearn.config.load import parse_recipe
from featlearn.config.stages import StageSpec
from featlearn.geometry import MapShape
from featlearn.stages.stage import Stage, build_stage
from tests.autoencoders.oracles import check_columns, check_refused, check_slopes, descend

Array = NDArray[np.float64]
IMAGE = MapShape(2, 6, 7)
EPS = 1e-8
STAGE: dict[str, Any] = {
    "name": "it",
    "filter": {"kind": "local", "size": 3, "maps": 2, "bias": False},
    "activation": "identity",
    "pool": {"kind": "l2", "size": 2},
    "objective": {"kind": "tica", "weight": 0.3},
}
FILTERS: dict[str, dict[str, Any]] = {
    "local": {"kind": "local", "size": 3, "maps": 2, "bias": False},
    "tiled": {"kind": "tiled", "size": 3, "maps": 2, "tile": 2},
    "conv": {"kind": "conv", "size": 3, "maps": 2, "stride": 2, "padding": "same"},
    "dense": {"kind": "dense", "maps": 4},
}


def make(decoder: str = "tied", **changes: Any) -> Stage:
    """Build a stage in double precision, whose decoder differs from its filter."""
    raw = {**STAGE, **changes}
    raw["objective"] = {**STAGE["objective"], "decoder": decoder, **changes.get("objective", {})}
    if raw["filter"]["kind"] == "dense":
        raw["pool"] = {"kind": "l2", "size": 1}
    draw = torch.Generator().manual_seed(0)
    stage = build_stage(msgspec.convert(raw, StageSpec), IMAGE, generator=draw).double()
    assert stage.decoder is not None
    if stage.decoder.weight is not None:
        with torch.no_grad():
            stage.decoder.weight.mul_(1.3).add_(0.05)
    return stage


def batch(count: int = 3) -> Tensor:
    draw = torch.Generator().manual_seed(1)
    return torch.randn(count, *IMAGE, generator=draw, dtype=torch.float64)


def terms(stage: Stage, x: Tensor) -> LossTerms:
    assert stage.spec.objective is not None
    return build_objective(stage.spec.objective).terms(
        stage, x, target=x, generator=torch.Generator()
    )


@torch.no_grad()
def figures(stage: Stage, x: Tensor) -> dict[str, float]:
    return {name: float(term) for name, term in terms(stage, x).items()}


def formula(encoder: Array, decoder: Array, x: Array, *, window: int) -> tuple[float, float]:
    """Compute ‖W₂W₁ᵀx − x‖² and Σ_j √(ε + H_j (W₁ᵀx)²), one number after the other.

    The weights are (rows, columns, maps, channels, size, size); `x` is one image.
    """
    rows, columns, maps, _, size, _ = encoder.shape
    responses = np.zeros((maps, rows, columns))
    rebuilt = np.zeros_like(x)
    for row in range(rows):
        for column in range(columns):
            field = (slice(None), slice(row, row + size), slice(column, column + size))
            for unit in range(maps):
                h = float((encoder[row, column, unit] * x[field]).sum())
                responses[unit, row, column] = h
                rebuilt[field] += h * decoder[row, column, unit]
    pooled = sum(
        float(np.sqrt(EPS + (responses[unit, r : r + window, c : c + window] ** 2).sum()))
        for unit in range(maps)
        for r in range(rows - window + 1)
        for c in range(columns - window + 1)
    )
    return float(((rebuilt - x) ** 2).sum()), pooled


@pytest.mark.parametrize("decoder", ["tied", "untied"])
def test_terms_are_the_paper_s_formula(decoder: str) -> None:
    stage, x = make(decoder), batch()
    encoder = stage.filter.weight.detach().numpy()
    assert stage.decoder is not None
    own = stage.decoder.weight
    assert (own is None) == (decoder == "tied")
    columns = encoder if own is None else own.detach().numpy()
    errors, sums = zip(
        *(formula(encoder, columns, image, window=2) for image in x.numpy()), strict=True
    )
    found = figures(stage, x)
    assert list(found) == ["reconstruction", "pooling"]
    assert found["reconstruction"] == pytest.approx(np.mean(errors))
    assert found["pooling"] == pytest.approx(0.3 * np.mean(sums))


@pytest.mark.parametrize("zero", [False, True])
@pytest.mark.parametrize("decoder", ["tied", "untied"])
@pytest.mark.parametrize("kind", FILTERS)
def test_gradients_are_those_of_finite_differences(kind: str, decoder: str, *, zero: bool) -> None:
    stage = make(decoder, filter=FILTERS[kind])
    x = torch.zeros_like(batch()) if zero else batch()
    check_slopes(stage, lambda: terms(stage, x), ["reconstruction", "pooling"])


def test_a_zero_input_costs_its_roots_alone_and_has_no_gradient() -> None:
    stage, x = make(), torch.zeros(2, *IMAGE, dtype=torch.float64)
    assert stage.pooled_shape is not None
    roots = stage.pooled_shape.units * EPS**0.5
    assert figures(stage, x) == {"reconstruction": 0, "pooling": pytest.approx(0.3 * roots)}
    torch.stack(list(terms(stage, x).values())).sum().backward()
    assert stage.filter.weight.grad is not None
    assert not bool(stage.filter.weight.grad.any())


def test_the_second_term_is_linear_in_its_weight_which_the_first_has_not() -> None:
    none, one, more = (
        figures(make(objective={"weight": weight}), batch()) for weight in (0.0, 1.0, 2.5)
    )
    assert none["pooling"] == 0 < one["pooling"]
    assert more["pooling"] == pytest.approx(2.5 * one["pooling"])
    assert more["reconstruction"] == one["reconstruction"]


def test_a_batch_twice_as_large_weighs_the_same() -> None:
    stage, x = make(), batch()
    assert figures(stage, torch.cat([x, x])) == pytest.approx(figures(stage, x))


@pytest.mark.parametrize("decoder", ["tied", "untied"])
@pytest.mark.parametrize("kind", FILTERS)
def test_the_loss_falls(kind: str, decoder: str) -> None:
    stage, x = make(decoder, filter=FILTERS[kind]), batch(16)
    assert stage.spec.objective is not None
    objective = build_objective(stage.spec.objective)
    seen = descend(stage, objective, lambda: terms(stage, x))
    assert sum(seen[-1].values()) < 0.95 * sum(seen[0].values())


def test_only_a_decoder_of_its_own_is_kept_at_unit_columns() -> None:
    for decoder in ("tied", "untied"):
        stage = make(decoder)
        check_columns(stage, ReconstructionTica(TicaSpec()))


RECIPE = """
title = "T"
[data]
source = "digits"
[[stages]]
name = "s"
filter = { kind = "conv", size = 3, maps = 2 }
activation = "identity"
pool = { kind = "l2", size = 3 }
objective = { kind = "tica" }
"""


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('"identity"', '"relu"', 'set `activation = "identity"`; got "relu"'),
        ("pool = {", "#", "give it a `pool` of kind `l2`, `group` or `sheet`; got none"),
        ('"l2"', '"max"', "give it a `pool` of kind `l2`, `group` or `sheet`; got `max`"),
        ('"tica"', '"tica", reconstruction = "cross-entropy"', 'reconstruction must be "squared"'),
        ('"tica"', '"tica", weight = -1', "objective.weight must be >= 0; got -1"),
        (
            "pool =",
            "patches = { size = 4 }\npool =",
            "codes of patches, which have 2 rows, fewer than `pool.size` (3)",
        ),
    ],
)
def test_what_the_stage_must_have_is_said(old: str, new: str, said: str) -> None:
    check_refused(RECIPE, old, new, said)


def test_patches_that_a_window_fits_into_are_taken() -> None:
    recipe = parse_recipe(RECIPE.replace("pool =", "patches = { size = 5 }\npool ="))
    assert recipe.stages[0].objective == TicaSpec(weight=0.1)
