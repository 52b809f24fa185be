"""Spherical k-means against loops, finite differences and full k-means, and misuse."""

import msgspec
import numpy as np
import pytest
import torch
from torch import Tensor

from featlearn.autoencoders.build import build_objective
from featlearn.autoencoders.kmeans import SphericalKMeans
from featlearn.config.clusters import KMeansSpec
from featlearn.config.load import parse_recipe
from featlearn.config.stages import StageSpec
from featlearn.errors import RecipeError
from featlearn.geometry import MapShape
from featlearn.stages.stage import Stage, build_stage
from tests.autoencoders.cluster_filters import FILTERS, IMAGE


def make(kind: str, image: MapShape = IMAGE) -> Stage:
    raw = {
        "name": "it",
        "filter": {**FILTERS[kind], "bias": False},
        "objective": {"kind": "k-means"},
        "input": "none",
    }
    draw = torch.Generator().manual_seed(0)
    stage = build_stage(msgspec.convert(raw, StageSpec), image, generator=draw).double()
    with torch.no_grad():
        SphericalKMeans().after_step(stage)
    return stage


def batch(count: int = 3, image: MapShape = IMAGE) -> Tensor:
    draw = torch.Generator().manual_seed(1)
    return torch.randn(count, *image, generator=draw, dtype=torch.float64)


def loss(stage: Stage, x: Tensor) -> Tensor:
    (term,) = SphericalKMeans().terms(stage, x, target=x, generator=torch.Generator()).values()
    return term


def windows(kind: str, x: Tensor) -> dict[tuple[int, int], Tensor]:
    """Cut out what every position sees."""
    if kind == "dense":
        return {(0, 0): x}
    step = FILTERS[kind].get("stride", 1)
    if kind == "conv":
        x = torch.nn.functional.pad(x, (1, 1, 0, 1))  # "same": 7 -> 4 columns, 6 -> 3 rows
    return {
        (row // step, column // step): x[:, :, row : row + 3, column : column + 3]
        for row in range(0, x.shape[2] - 2, step)
        for column in range(0, x.shape[3] - 2, step)
    }


def directly(kind: str, stage: Stage, x: Tensor) -> float:
    """Add up 1 - the largest cosine, position by position, image by image, group by group."""
    weight = stage.filter.weight.detach().numpy()
    found, seen = 0.0, windows(kind, x)
    groups = FILTERS[kind].get("groups", 1)
    for (row, column), window in seen.items():
        bank = weight[row % len(weight), column % weight.shape[1]] if weight.ndim == 6 else weight
        for image in window.numpy():
            for group in range(groups):
                maps = len(image) // groups
                part = image[group * maps : (group + 1) * maps]
                few = bank[group * len(bank) // groups : (group + 1) * len(bank) // groups]
                cosines = [float((c * part).sum()) / np.linalg.norm(part) for c in few]
                found += 1 - max(cosines)
    banks = {"local": len(seen), "tiled": 4, "groups": 2}.get(kind, 1)
    each = FILTERS[kind]["maps"] // groups
    return banks * each * found / (len(x) * len(seen) * groups)


@pytest.mark.parametrize("kind", FILTERS)
def test_equals_the_sum_over_all_positions(kind: str) -> None:
    stage, x = make(kind), batch()
    assert float(loss(stage, x).detach()) == pytest.approx(directly(kind, stage, x), rel=1e-12)


@pytest.mark.parametrize("kind", FILTERS)
def test_the_gradient_is_that_of_differences(kind: str) -> None:
    stage, x = make(kind), batch()
    weight = stage.filter.weight
    loss(stage, x).backward()
    assert weight.grad is not None
    step = torch.randn(weight.shape, generator=torch.Generator().manual_seed(2)).double()
    values: list[float] = []
    for sign in (1, -1):
        with torch.no_grad():
            weight.add_(sign * 1e-7 * step)
        values.append(float(loss(stage, x).detach()))
        with torch.no_grad():
            weight.sub_(sign * 1e-7 * step)
    slope = (values[0] - values[1]) / 2e-7
    assert slope == pytest.approx(float((weight.grad * step).sum()), rel=1e-5)


def test_the_gradient_is_minus_the_share_and_mean_of_each_cluster() -> None:
    stage, x = make("dense"), batch(40)
    loss(stage, x).backward()
    rows = torch.nn.functional.normalize(x.flatten(1), dim=1)
    nearest = (rows @ stage.filter.weight.detach().flatten(1).T).argmax(1)
    for unit in range(5):
        wanted = -5 / 40 * rows[nearest == unit].sum(0)
        assert stage.filter.weight.grad is not None
        torch.testing.assert_close(stage.filter.weight.grad[unit].flatten(), wanted)


def test_what_has_no_direction_pulls_nothing() -> None:
    stage = make("local")
    term = loss(stage, torch.zeros(2, *IMAGE).double())
    term.backward()
    assert float(term.detach()) == pytest.approx(2 * 3 * 4)
    assert stage.filter.weight.grad is not None
    assert not stage.filter.weight.grad.any()


def test_an_input_of_zeros_has_a_gradient() -> None:
    for kind in FILTERS:
        x = torch.zeros(2, *IMAGE).double().requires_grad_()
        loss(make(kind), x).backward()
        assert x.grad is not None
        assert x.grad.isfinite().all()


def test_clusters_of_directions_are_found() -> None:
    """Four bundles of directions, far fewer samples in one: each gets a unit."""
    image = MapShape(1, 3, 4)
    draw = torch.Generator().manual_seed(3)
    centres = torch.linalg.qr(torch.randn(12, 12, generator=draw))[0][:4].double()
    bundle = torch.arange(400).clamp_max(330) % 3
    bundle[::20] = 3
    noise = 0.1 * torch.randn(400, 12, generator=draw).double()
    x = (centres[bundle] + noise) * (0.2 + torch.rand(400, 1, generator=draw).double())
    stage, objective = make("dense", image), SphericalKMeans()
    descent = torch.optim.SGD(stage.filter.parameters(), lr=0.5, momentum=0.9)
    for _ in range(60):
        descent.zero_grad()
        loss(stage, x.view(400, *image)).backward()
        descent.step()
        with torch.no_grad():
            objective.after_step(stage)
    cosines = centres @ stage.filter.weight.detach().flatten(1).T
    assert (cosines.max(1).values > 0.95).all()


def test_it_is_built_by_its_name() -> None:
    assert isinstance(build_objective(KMeansSpec()), SphericalKMeans)


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ("", "`filter.bias = false`"),
        ("bias = false, more = 1", "more"),
        ('bias = false }\nactivation = { kind = "relu"', "relu"),
    ],
)
def test_misuse_is_refused(changed: str, said: str) -> None:
    text = f"""
title = "t"
data = {{ source = "digits" }}
[[stages]]
name = "it"
filter = {{ kind = "dense", maps = 3{", " if changed else ""}{changed} }}
objective = {{ kind = "k-means" }}
"""
    with pytest.raises(RecipeError, match=said):
        parse_recipe(text)
