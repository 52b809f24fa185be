"""Representations against loops, NumPy's singular values, and cases whose answer is known."""

import math

import numpy as np
import pytest
import torch
from torch import Tensor

from featlearn.config.banks import ConvSpec, DenseSpec
from featlearn.config.data import DataSpec
from featlearn.config.recipe import Recipe
from featlearn.config.stages import StageSpec
from featlearn.errors import ShapeError
from featlearn.evaluate.representation import (
    cka_table,
    duplicate_units,
    effective_rank,
    linear_cka,
    stack_representation,
    stage_features,
    treves_rolls,
)
from featlearn.geometry import MapShape
from featlearn.networks.stack import Stack, build_stack


def draw(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def network() -> Stack:
    stages = (
        StageSpec(name="low", filter=ConvSpec(size=3, maps=4), activation="relu"),
        StageSpec(name="high", filter=DenseSpec(maps=6), activation="tanh"),
    )
    recipe = Recipe(title="t", data=DataSpec(source="digits"), stages=stages)
    return build_stack(recipe, MapShape(1, 5, 5), seed=0).double().eval()


@pytest.mark.parametrize(("images", "units"), [(40, 7), (12, 30), (12, 5)])
def test_cka_is_the_papers_by_both_ways(images: int, units: int) -> None:
    x, y = draw(images, units), draw(images, 9, seed=1)
    y[:, :3] += x[:, :3]
    hsic: dict[str, float] = {}
    centring = np.eye(images) - 1 / images
    grams = {"x": (x @ x.T).numpy(), "y": (y @ y.T).numpy()}
    for pair in ("xy", "xx", "yy"):
        k, other = grams[pair[0]], grams[pair[1]]
        hsic[pair] = float(np.trace(k @ centring @ other @ centring))
    expected = hsic["xy"] / math.sqrt(hsic["xx"] * hsic["yy"])
    assert linear_cka(x, y) == pytest.approx(expected, abs=1e-10)
    assert linear_cka(y, x) == pytest.approx(expected, abs=1e-10)


def test_cka_sees_neither_rotation_nor_scale() -> None:
    x = draw(50, 8)
    rotation = torch.linalg.qr(draw(8, 8, seed=2)).Q
    assert linear_cka(x, 3 * x @ rotation + 5) == pytest.approx(1, abs=1e-10)
    table = cka_table([x, draw(50, 3, seed=3)], [x])
    assert table.shape == (2, 1)
    assert float(table[0]) == pytest.approx(1)
    assert float(table[1]) < 0.3
    assert math.isnan(linear_cka(x, torch.ones(50, 2)))
    with pytest.raises(ShapeError, match=r"got \(50, 8\) and \(49, 8\)"):
        linear_cka(x, x[1:])


@pytest.mark.parametrize("shape", [(30, 6), (6, 30)])
def test_effective_rank_is_the_entropy_of_singular_values(shape: tuple[int, int]) -> None:
    x = draw(*shape).numpy()
    values = np.linalg.svd(x - x.mean(0), compute_uv=False)
    values = values[values > 1e-9]
    shares = values / values.sum()
    expected = math.exp(-(shares * np.log(shares)).sum())
    assert effective_rank(torch.from_numpy(x)) == pytest.approx(expected, abs=1e-6)


def test_effective_rank_of_known_spaces() -> None:
    line = torch.linspace(-1, 1, 9)[:, None] * torch.tensor([1.0, 2.0, -3.0])
    assert effective_rank(line) == pytest.approx(1, abs=1e-4)
    corners = torch.cat([torch.eye(4), -torch.eye(4)])
    assert effective_rank(corners) == pytest.approx(4)
    assert effective_rank(torch.full((5, 3), 0.1)) == 0
    assert effective_rank(torch.zeros(0, 3)) == 0
    with pytest.raises(ShapeError, match=r"got \(3,\)"):
        effective_rank(torch.ones(3))


def test_duplicates_are_units_after_the_first(monkeypatch: pytest.MonkeyPatch) -> None:
    x = draw(80, 6)
    x[:, 2] = 4 * x[:, 0] + 1
    x[:, 3] = -x[:, 1] + 0.01 * x[:, 4]
    x[:, 5] = 0.3
    expected = [False, False, True, True, False, False]
    assert duplicate_units(x).tolist() == expected
    monkeypatch.setattr("featlearn.evaluate.representation._CELLS", 12)
    assert duplicate_units(x).tolist() == expected
    assert duplicate_units(x, above=0.999999).tolist() == [False, False, True, False, False, False]
    assert duplicate_units(x[:, :0]).tolist() == []


def test_sparsity_of_known_responses() -> None:
    alone, equal, none = torch.tensor([0.0, 0, 3, 0]), -torch.ones(4), torch.zeros(4)
    rows = torch.stack([alone, equal, none])
    found = treves_rolls(rows.abs().mean(1), rows.square().mean(1), 4)
    torch.testing.assert_close(found, torch.tensor([1, 0, torch.nan]), equal_nan=True)
    assert treves_rolls(torch.ones(1), torch.ones(1), 1).isnan().all()


def test_a_stack_is_described_stage_by_stage_in_batches() -> None:
    stack, images = network(), torch.rand(23, 1, 5, 5, dtype=torch.float64)
    found = stack_representation(stack, images.split(5), kept=12)
    features = stage_features(stack, images.split(5), kept=12)
    whole = stage_features(stack, [images])
    assert list(features) == ["low", "high"]
    for stage in found:
        x = whole[stage.stage].numpy()
        torch.testing.assert_close(features[stage.stage], whole[stage.stage][:12])
        assert (stage.images, stage.kept, stage.units) == (23, 12, x.shape[1])
        for axis, ours in ((0, stage.lifetime), (1, stage.population)):
            count = x.shape[axis]
            live = np.abs(x).max(axis) > 0
            with np.errstate(invalid="ignore"):
                ratio = np.abs(x).mean(axis) ** 2 / (x**2).mean(axis)
            assert ours == pytest.approx(((1 - ratio) / (1 - 1 / count))[live].mean(), abs=1e-9)
        assert stage.effective_rank == pytest.approx(effective_rank(features[stage.stage]))
        assert stage.duplicates == duplicate_units(features[stage.stage]).double().mean()
    (only,) = stack_representation(stack, [images], stages=[1], what="code")
    assert only.stage == "high"
    assert stack_representation(stack, []) == []
    assert stage_features(stack, []) == {}


def test_a_silent_stage_has_no_sparsity() -> None:
    stack = network()
    with torch.no_grad():
        for parameter in stack.stage(0).parameters():
            parameter.fill_(-1.0)
    (low, _) = stack_representation(stack, [torch.rand(4, 1, 5, 5, dtype=torch.float64)])
    assert (low.lifetime, low.population, low.effective_rank, low.duplicates) == (None, None, 0, 0)
