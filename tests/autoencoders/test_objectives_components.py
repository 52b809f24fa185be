"""RICA, ISA and topographic ICA against the papers' formulas, differences, and known sources."""

import msgspec
import numpy as np
import pytest
import torch
from torch import Tensor

from featlearn.autoencoders.build import build_objective
from featlearn.autoencoders.rica import row_length
from featlearn.config.components import RicaSpec
from featlearn.config.load import parse_recipe
from featlearn.config.plan import plan
from featlearn.config.stages import StageSpec
from featlearn.errors import RecipeError
from featlearn.geometry import MapShape
from featlearn.stages.stage import Stage, build_stage
from tests.autoencoders.component_stages import (
    EPS,
    FILTERS,
    IMAGE,
    KINDS,
    POOLS,
    Array,
    batch,
    loss,
    make,
    taught,
    terms,
)
from tests.autoencoders.oracles import check_refused, descend


@torch.no_grad()
def figures(stage: Stage, x: Tensor) -> dict[str, float]:
    return {name: float(term) for name, term in terms(stage, x).items()}


def matrix(stage: Stage) -> Array:
    """Write the filter as the matrix W that it is, one column for each input."""
    with torch.no_grad():
        inputs = torch.eye(stage.input_shape.units, dtype=torch.float64)
        return stage.filter(inputs.view(-1, *stage.input_shape)).flatten(1).T.numpy()


@pytest.mark.parametrize("kind", FILTERS)
def test_rica_is_the_paper_s_formula(kind: str) -> None:
    x = batch()
    rows = x.flatten(1).numpy()
    for name in ("rica", "rica-cosh", "rica-free"):
        stage = make(name, kind)
        W = matrix(stage)
        h = rows @ W.T
        error = np.square(h @ W - rows).sum(1).mean()
        roots = np.sqrt(1e-2 + h**2).sum(1).mean()
        cosh = np.log(np.cosh(h)).sum(1).mean()
        expected = {"reconstruction": error, "sparsity": 0.3 * roots}
        if name == "rica-cosh":  # the paper's λ, on the reconstruction
            expected = {"reconstruction": 0.3 * error, "sparsity": cosh}
        assert figures(stage, x) == pytest.approx(expected)


def test_the_paper_s_lambda_is_the_inverse_of_ours() -> None:
    theirs = {"kind": "rica", "weight": 1 / 0.3, "weighs": "reconstruction"}
    x, stage = batch(), make("rica", "dense")
    value = float(loss(stage, x).detach())
    other = build_objective(msgspec.convert(theirs, RicaSpec))
    found = other.terms(stage, x, target=x, generator=torch.Generator())
    assert value == pytest.approx(0.3 * sum(float(term.detach()) for term in found.values()))


def directly(name: str, h: Array) -> float:
    """Sum the roots over groups, or over windows of the sheet, at every position of one image."""
    maps = h.reshape(len(h), -1)
    if name == "isa":
        taken = [[3 * j, 3 * j + 1, 3 * j + 2] for j in range(4)]
    else:
        reach = (-1, 0, 1) if name == "orthonormal-tica" else (0, 1)
        taken = [
            [(r + u) % 3 * 4 + (c + v) % 4 for u in reach for v in reach]
            for r in range(3)
            for c in range(4)
        ]
    return float(sum(np.sqrt(EPS + np.square(maps[some]).sum(0)).sum() for some in taken))


@pytest.mark.parametrize("kind", FILTERS)
@pytest.mark.parametrize("name", POOLS)
def test_what_is_pooled_is_the_paper_s_formula(name: str, kind: str) -> None:
    stage, x = make(name, kind), batch()
    h = x.flatten(1).numpy() @ matrix(stage).T
    codes = h.reshape(-1, *stage.code_shape)
    expected = np.mean([directly(name, code) for code in codes])
    share = 0.3 if name == "tica" else 1.0
    assert figures(stage, x)["pooling"] == pytest.approx(share * expected)


@pytest.mark.parametrize("kind", ["conv", "local", "tiled"])
@pytest.mark.parametrize("name", ["orthonormal-tica", "tica"])
def test_windows_in_space_are_pooled_too(name: str, kind: str) -> None:
    """Convolutional topographic ICA: neighbours are the places of a map."""
    raw = {
        "name": "it",
        "filter": {**FILTERS[kind], "stride": 1, "bias": False},
        "activation": "identity",
        "input": "none",
        "pool": {"kind": "l2", "size": 2},
        "objective": KINDS[name],
    }
    draw = torch.Generator().manual_seed(0)
    stage = build_stage(msgspec.convert(raw, StageSpec), IMAGE, generator=draw).double()
    with torch.no_grad():
        taught(stage).after_step(stage)
    x = batch()
    codes = (x.flatten(1).numpy() @ matrix(stage).T).reshape(-1, *stage.code_shape)
    rows, columns = stage.code_shape[1:]
    expected = sum(
        np.sqrt(EPS + np.square(codes[:, :, r : r + 2, c : c + 2]).sum((2, 3))).sum()
        for r in range(rows - 1)
        for c in range(columns - 1)
    )
    share = 0.3 if name == "tica" else 1.0
    assert figures(stage, x)["pooling"] == pytest.approx(share * float(expected) / len(x))


@pytest.mark.parametrize("kind", FILTERS)
@pytest.mark.parametrize("name", KINDS)
@pytest.mark.parametrize("zero", [False, True])
def test_gradients_are_those_of_differences_on_the_constraint(
    name: str, kind: str, *, zero: bool
) -> None:
    """The slope along a way on which the constraint is restored, as it is after every step."""
    stage, step = make(name, kind), 1e-5
    objective = taught(stage)
    x = torch.zeros_like(batch()) if zero else batch()
    loss(stage, x).backward()
    start = stage.filter.weight.detach().clone()
    draw = torch.Generator().manual_seed(3)
    direction = torch.randn(start.shape, generator=draw, dtype=torch.float64)
    values: list[float] = []
    with torch.no_grad():
        for sign in (1, -1):
            stage.filter.weight.copy_(start + sign * step * direction)
            objective.after_step(stage)
            values.append(float(loss(stage, x)))
    gradient = stage.filter.weight.grad
    assert gradient is not None
    slope = (values[0] - values[1]) / (2 * step)
    assert slope == pytest.approx(float((gradient * direction).sum()), rel=1e-5, abs=1e-6)
    if stage.decoder is not None:
        assert stage.decoder.bias.grad is not None


@pytest.mark.parametrize("kind", FILTERS)
@pytest.mark.parametrize("name", KINDS)
def test_the_loss_falls(name: str, kind: str) -> None:
    stage, x = make(name, kind), batch(16)
    objective = taught(stage)
    seen = descend(stage, objective, lambda: {"loss": loss(stage, x)})
    assert seen[-1]["loss"] < 0.97 * seen[0]["loss"]


@pytest.mark.parametrize("kind", FILTERS)
def test_filters_of_a_position_stay_orthonormal(kind: str) -> None:
    stage = make("isa", kind)
    with torch.no_grad():
        stage.filter.weight.add_(torch.randn(stage.filter.weight.shape, dtype=torch.float64))
        taught(stage).after_step(stage)
    banks = stage.filter.weight.detach().numpy()
    groups = 2 if kind == "groups" else 1
    for bank in banks.reshape(-1, 12 // groups, int(np.prod(banks.shape[-3:]))):
        np.testing.assert_allclose(bank @ bank.T, np.eye(len(bank)), atol=1e-10)


def test_rows_have_the_length_at_which_they_can_rebuild() -> None:
    orthonormal = make("rica", "dense")
    assert row_length(orthonormal) == 1
    over = make("rica", "dense", image=MapShape(1, 2, 3))
    assert row_length(over) == pytest.approx(0.5**0.5)
    W = over.filter.weight.detach().flatten(1)
    torch.testing.assert_close(W.norm(dim=1), torch.full((12,), 0.5**0.5, dtype=torch.float64))
    # A tight frame of that length rebuilds everything, as two orthonormal bases do.
    basis = np.linalg.qr(np.random.default_rng(0).normal(size=(6, 6)))[0]
    with torch.no_grad():
        over.filter.weight.copy_(torch.from_numpy(np.vstack([basis, np.eye(6)])).view(12, 1, 2, 3))
        taught(over).after_step(over)
    assert figures(over, batch(3, MapShape(1, 2, 3)))["reconstruction"] == pytest.approx(0)


def test_patches_count_as_what_is_learned_from() -> None:
    raw = {
        "name": "it",
        "filter": {"kind": "dense", "size": 3, "maps": 24, "bias": False},
        "activation": "identity",
        "objective": {"kind": "rica"},
        "patches": {"size": 3},
    }
    draw = torch.Generator().manual_seed(0)
    stage = build_stage(msgspec.convert(raw, StageSpec), MapShape(1, 20, 20), generator=draw)
    assert row_length(stage) == pytest.approx((9 / 24) ** 0.5)


def test_free_rows_are_left_alone() -> None:
    stage = make("rica-free", "local")
    before = stage.filter.weight.detach().clone()
    with torch.no_grad():
        taught(stage).after_step(stage)
    assert torch.equal(stage.filter.weight, before)


RECIPE = """
title = "T"
[data]
source = "digits"
[[stages]]
name = "s"
filter = { kind = "conv", size = 3, maps = 6, bias = false }
activation = "identity"
pool = { kind = "group", size = 2 }
objective = { kind = "isa" }
"""


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('"identity"', '"relu"', 'set `activation = "identity"`; got "relu"'),
        ("bias = false }", 'bias = false, norm = { kind = "batch" } }', "leave out `filter.norm`"),
        (", bias = false", "", "set `filter.bias = false`"),
        ("pool = {", "#", "a `pool` of kind `l2`, `group` or `sheet`; got none"),
        ('"group"', '"l2"', "kind `group`, or take `orthonormal-tica`; got `l2`"),
        ('"group", size = 2', '"max", size = 2', "`group` or `sheet`; got `max`"),
        ('"isa"', '"rica", eps = 0', "objective.eps must be > 0; got 0"),
        ('"isa"', '"rica", decoder = "untied"', 'decoder must be "tied"'),
        ('"isa"', '"rica", g = "cosh"', "objective.g must be one of log-cosh, sqrt"),
    ],
)
def test_what_the_stage_must_have_is_said(old: str, new: str, said: str) -> None:
    check_refused(RECIPE, old, new, said)


def test_patches_must_hold_a_window_of_the_pooling_but_any_group() -> None:
    patched = RECIPE.replace("pool =", "patches = { size = 3 }\npool =")
    parse_recipe(patched)
    windows = patched.replace('"isa"', '"orthonormal-tica"').replace('"group"', '"l2"')
    with pytest.raises(RecipeError, match=r"which have 1 rows, fewer than `pool.size` \(2\)"):
        parse_recipe(windows)


def test_more_filters_than_can_be_orthogonal_are_refused_before_anything_is_built() -> None:
    recipe = parse_recipe(RECIPE.replace("maps = 6", "maps = 10"))
    said = "at most 9 over 9 inputs: set `filter.maps` to at most 9; got 10"
    for call in (
        lambda: plan(recipe, MapShape(1, 8, 8)),
        lambda: build_stage(recipe.stages[0], MapShape(1, 8, 8), generator=torch.Generator()),
    ):
        with pytest.raises(RecipeError, match="stage 's'") as caught:
            call()
        assert said in str(caught.value)
    assert plan(recipe, MapShape(2, 8, 8)).layers[1].output[0] == 5
