"""Optimal stimuli of networks whose optimum is known, and of units that have none."""

import math

import pytest
import torch
from scipy import stats
from torch import Tensor

from featlearn.config.banks import ConvSpec, DenseSpec, LocalSpec
from featlearn.config.data import ContrastSpec, DataSpec, PCASpec, PreprocessSpec, StandardizeSpec
from featlearn.config.pieces import ActivationName, L2PoolSpec, LCNSpec
from featlearn.config.recipe import Recipe
from featlearn.config.stages import FilterSpec, StageSpec
from featlearn.errors import DataError, ShapeError, UsageError
from featlearn.evaluate.ascent import Search, blurred, total_variation
from featlearn.evaluate.stimulus import optimal_stimulus, percentiles_of
from featlearn.evaluate.units import Window
from featlearn.geometry import MapShape
from featlearn.networks.stack import Stack, build_stack
from featlearn.stages.preprocess import Standardize

SIDE = 9


def stage(
    kind: FilterSpec,
    *,
    name: str = "only",
    pool: L2PoolSpec | None = None,
    norm: LCNSpec | None = None,
    activation: ActivationName = "identity",
) -> StageSpec:
    return StageSpec(
        name=name, filter=kind, pool=pool, norm=norm, activation=activation, input="none"
    )


def sample(count: int = 60, *, maps: int = 1) -> Tensor:
    draws = torch.Generator().manual_seed(5)
    return torch.rand(count, maps, SIDE, SIDE, generator=draws, dtype=torch.float64)


def build(*stages: StageSpec, preprocess: tuple[PreprocessSpec, ...] = (), maps: int = 1) -> Stack:
    recipe = Recipe(title="t", data=DataSpec(source="digits"), stages=stages, preprocess=preprocess)
    shape = MapShape(maps, SIDE, SIDE)
    images = sample(200, maps=maps).float()
    return build_stack(recipe, shape, seed=1, images=images).double().eval()


def test_a_linear_unit_wants_its_own_filter() -> None:
    stack, images = build(stage(DenseSpec(maps=3))), sample()
    units = [(2, 0, 0), (0, 0, 0)]
    found = optimal_stimulus(stack, 0, units, sample=images, search=Search(norm=2.0))
    first = stack.stage(0)
    assert first.filter.bias is not None
    weight = first.filter.weight.detach().reshape(3, 81)[[2, 0]]
    bias = first.filter.bias.detach().reshape(3)[[2, 0]]
    long = torch.linalg.vector_norm(weight, dim=1)
    blank = images.mean() * weight.sum(1) + bias
    torch.testing.assert_close(found.blank, blank)
    torch.testing.assert_close(found.values, blank + 2 * long)
    torch.testing.assert_close(found.patterns.flatten(1), 2 * weight / long[:, None])
    torch.testing.assert_close(found.images, images.mean() + found.patterns)
    assert found.agreeing.tolist() == [5, 5]
    assert found.starts == 5
    assert found.raised.all()
    torch.testing.assert_close(found.norms, torch.full((2,), 2.0, dtype=torch.float64))


def test_an_l2_pool_wants_the_first_singular_vector_of_its_filters() -> None:
    stack = build(stage(LocalSpec(size=8, maps=1, bias=False), pool=L2PoolSpec(size=2)))
    rows = torch.zeros(4, SIDE, SIDE, dtype=torch.float64)
    weight = stack.stage(0).filter.weight.detach()  # (2, 2, 1, 1, 8, 8)
    for place in range(4):
        row, column = divmod(place, 2)
        rows[place, row : row + 8, column : column + 8] = weight[row, column, 0, 0]
    _, scales, directions = torch.linalg.svd(rows.flatten(1), full_matrices=False)
    images = sample() - sample().mean()  # so that the plain input is zero
    found = optimal_stimulus(
        stack, 0, [(0, 0, 0)], sample=images, search=Search(norm=3.0, steps=150, starts=1)
    )
    assert found.values.item() == pytest.approx(3 * float(scales[0]), rel=1e-5)
    cosine = (found.patterns.flatten() @ directions[0]).abs() / 3
    assert cosine.item() == pytest.approx(1, abs=1e-3)
    inside = directions.T @ (directions @ found.patterns.flatten())
    torch.testing.assert_close(inside, found.patterns.flatten(), atol=1e-3, rtol=0)
    assert found.percentiles.item() == 100.0


def test_the_default_distance_is_that_of_images_where_the_unit_looks() -> None:
    stack, images = build(stage(ConvSpec(size=3, maps=2))), sample()
    found = optimal_stimulus(stack, 0, [(1, 2, 4)], sample=images)
    around = (images - images.mean())[:, :, 2:5, 4:7]
    norm = torch.linalg.vector_norm(around.flatten(1), dim=1).median()
    torch.testing.assert_close(found.norms[0], norm)
    outside = found.patterns.clone()
    outside[:, :, 2:5, 4:7] = 0
    assert not outside.any()
    cosine = torch.cosine_similarity(
        found.patterns[0, :, 2:5, 4:7].flatten(), stack.stage(0).filter.weight[1].flatten(), dim=0
    )
    assert cosine.item() == pytest.approx(1)


def test_where_most_images_are_plain_the_distance_is_that_of_whole_ones() -> None:
    stack, half = build(stage(ConvSpec(size=3, maps=2))), sample(30).round(decimals=2)
    half[:, :, :3] = 0.0
    images = torch.cat([half, -half])  # of mean zero
    found = optimal_stimulus(stack, 0, [(1, 0, 4)], sample=images)
    norm = torch.linalg.vector_norm(images.flatten(1), dim=1).median() / 3
    torch.testing.assert_close(found.norms[0], norm)


@pytest.mark.parametrize("outside", [Window(SIDE + 2, 0, 3, 3), Window(-6, 0, 3, 3)])
@pytest.mark.parametrize("preprocess", [(), (ContrastSpec(),)])
def test_a_unit_that_sees_padding_alone_is_not_raised(
    preprocess: tuple[PreprocessSpec, ...], outside: Window
) -> None:
    stack = build(stage(ConvSpec(size=1, maps=1)), preprocess=preprocess)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("featlearn.evaluate.stimulus.receptive_window", lambda *_: outside)
        found = optimal_stimulus(stack, 0, [(0, 4, 4)], sample=sample())
    assert found.raised.tolist() == [False]
    assert not found.patterns.any()


def test_prepared_by_contrast_a_stimulus_sums_to_zero() -> None:
    stack = build(stage(LocalSpec(size=5, maps=2)), preprocess=(ContrastSpec(),), maps=3)
    unit, images = (1, 2, 3), sample(maps=3)
    found = optimal_stimulus(stack, 0, [unit], sample=images)
    assert found.patterns.sum().abs() < 1e-9
    weight = stack.stage(0).filter.weight.detach()[2, 3, 1]
    wanted = (weight - weight.mean()).flatten()
    there = found.patterns[0, :, 2:7, 3:8].flatten()
    assert torch.cosine_similarity(there, wanted, dim=0).item() == pytest.approx(1)


def test_pixels_go_through_the_preparation_and_stay_in_range() -> None:
    stack = build(stage(DenseSpec(maps=2)), preprocess=(StandardizeSpec(),))
    images = sample()
    free = optimal_stimulus(stack, 0, [(0, 0, 0)], sample=images, search=Search(space="pixels"))
    weight = stack.stage(0).filter.weight.detach()[0].flatten()
    (standard,) = stack.preparation
    assert isinstance(standard, Standardize)
    deviation = standard.deviation.flatten()
    cosine = torch.cosine_similarity(free.patterns.flatten(), weight / deviation, dim=0)
    assert cosine.item() == pytest.approx(1)
    narrow = Search(space="pixels", limits=(0.2, 0.7), norm=9.0)
    held = optimal_stimulus(stack, 0, [(0, 0, 0)], sample=images, search=narrow)
    assert held.images.min() >= 0.2
    assert held.images.max() <= 0.7
    assert held.norms.item() < 9.0
    with torch.no_grad():
        torch.testing.assert_close(stack(held.images)[0].output[:, 0, 0, 0], held.values)
    # Far out, the best corner of the box is the sign of the weights.
    corner = torch.where(weight / deviation > 0, 0.7, 0.2).view(1, 1, SIDE, SIDE)
    with torch.no_grad():
        best = stack(corner.double())[0].output[0, 0, 0, 0]
    assert held.values.item() > 0.9 * float(best - held.blank) + held.blank.item()


def test_a_start_below_the_threshold_finds_the_way() -> None:
    stack = build(stage(ConvSpec(size=3, maps=1), activation="relu"))
    first = stack.stage(0)
    weight = first.filter.weight.detach()
    assert first.filter.bias is not None
    long = float(torch.linalg.vector_norm(weight))
    with torch.no_grad():  # only within 53 degrees of the filter is there a response
        first.filter.bias.fill_(-0.6 * long)
    images = (sample() - sample().mean()) / 100
    found = optimal_stimulus(stack, 0, [(0, 4, 4)], sample=images, search=Search(norm=1.0))
    assert (found.blank.item(), found.raised.item()) == (0.0, True)
    assert found.values.item() == pytest.approx(0.4 * long, rel=1e-2)


def test_a_unit_that_cannot_be_raised_is_told() -> None:
    images = sample()
    stack = build(stage(ConvSpec(size=3, maps=2), activation="relu"))
    with torch.no_grad():
        stack.stage(0).filter.weight[0] = 0.0
        bias = stack.stage(0).filter.bias
        assert bias is not None
        bias[0] = -1.0
        stack.stage(0).filter.weight[1] = float("nan")
    found = optimal_stimulus(stack, 0, [(0, 2, 2), (1, 2, 2)], sample=images)
    assert found.raised.tolist() == [False, False]
    assert found.images.isfinite().all()
    assert found.values[0] == 0.0
    assert found.percentiles[0] == 50.0  # like all images
    assert found.agreeing.tolist() == [5, 0]


def deep() -> Stack:
    norm = LCNSpec(size=3, across=True, constant=0.01)
    low = stage(LocalSpec(size=3, maps=4), name="low", pool=L2PoolSpec(size=2), norm=norm)
    return build(low, stage(LocalSpec(size=3, maps=3), name="high", pool=L2PoolSpec(size=2)))


def test_units_are_the_same_alone_or_together_and_by_the_seed() -> None:
    stack, images, units = deep(), sample(), [(place, 0, 0) for place in range(3)]
    short = Search(steps=10, starts=2)
    together = optimal_stimulus(stack, 1, units, sample=images, search=short)
    alone = optimal_stimulus(stack, 1, units[2:], sample=images, search=short)
    for part, own in zip(together, alone, strict=True):
        if isinstance(part, Tensor):
            torch.testing.assert_close(part[2:], own)
    other = optimal_stimulus(
        stack, 1, units, sample=images, search=Search(steps=10, starts=2, seed=1)
    )
    assert not torch.allclose(other.images, together.images)
    with torch.no_grad():
        again = stack(together.images)[1].output
    torch.testing.assert_close(again.diagonal()[0, 0], together.values)
    assert (together.percentiles > 99).all()


def test_priors_make_smoother_stimuli() -> None:
    stack, images, unit = build(stage(DenseSpec(maps=1))), sample(), [(0, 0, 0)]

    def roughness(search: Search) -> float:
        found = optimal_stimulus(stack, 0, unit, sample=images, search=search)
        assert found.raised.item()
        return float(total_variation(found.patterns)) / found.norms.item()

    plain = roughness(Search())
    assert roughness(Search(total_variation=0.5)) < 0.8 * plain
    assert roughness(Search(smoothing=1.0)) < 0.8 * plain
    assert roughness(Search(jitter=1)) < 0.8 * plain  # the mean of shifted filters


def test_smoothing_is_a_gaussian() -> None:
    spot = torch.zeros(1, 1, 31, 32, dtype=torch.float64)
    spot[0, 0, 15, 16] = 1.0
    rows = torch.arange(31, dtype=torch.float64) - 15
    columns = torch.arange(32, dtype=torch.float64) - 16
    wanted = torch.exp(-(rows[:, None] ** 2 + columns**2) / 2 / 1.5**2) / (2 * math.pi * 1.5**2)
    torch.testing.assert_close(blurred(spot, 1.5)[0, 0], wanted, atol=1e-6, rtol=0)


def test_total_variation_of_a_step_and_of_nothing() -> None:
    step = torch.zeros(2, 1, 4, 6, dtype=torch.float64)
    step[0, :, :, 3:] = 2.0
    step.requires_grad_()
    assert total_variation(step)[0].item() == pytest.approx(8.0, rel=0.02)
    (slope,) = torch.autograd.grad(total_variation(step).sum(), step)
    assert slope.isfinite().all()


def test_a_space_without_a_plane_is_searched_too() -> None:
    stack = build(stage(DenseSpec(maps=2)), preprocess=(PCASpec(keep=7),))
    found = optimal_stimulus(stack, 0, [(1, 0, 0)], sample=sample())
    assert found.images.shape == (1, 7, 1, 1)
    assert found.patterns.shape == (1, 1, SIDE, SIDE)
    with pytest.raises(UsageError, match="need a plane"):
        optimal_stimulus(stack, 0, [(1, 0, 0)], sample=sample(), search=Search(jitter=1))


def test_a_sample_that_tells_nothing_is_refused() -> None:
    stack, flat = build(stage(DenseSpec(maps=2))), torch.full_like(sample(), 0.5)
    with pytest.raises(DataError, match="give a norm"):
        optimal_stimulus(stack, 0, [(0, 0, 0)], sample=flat)
    given = optimal_stimulus(stack, 0, [(0, 0, 0)], sample=flat, search=Search(norm=1.0))
    assert given.raised.all()
    with pytest.raises(DataError, match="got 1 and 0"):
        optimal_stimulus(stack, 0, [(0, 0, 0)], sample=flat[:0])
    with pytest.raises(UsageError, match="has no pooling"):
        optimal_stimulus(stack, 0, [(0, 0, 0)], sample=flat, what="pooled")


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"norm": 0.0}, "norm above 0; got 0.0"),
        ({"steps": 0}, "steps of at least 1; got 0"),
        ({"total_variation": 1.0}, "total_variation in"),
        ({"jitter": -1}, "jitter of at least 0"),
        ({"limits": (0.0, 1.0)}, "limits in order, for pixels"),
        ({"limits": (1.0, 0.0), "space": "pixels"}, "limits in order, for pixels"),
    ],
)
def test_settings_out_of_range_are_named(settings: dict[str, object], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        Search(**settings)  # pyright: ignore[reportArgumentType]


def test_percentiles_are_scipys() -> None:
    real = torch.tensor([[1.0, 0.0, float("nan")], [2.0, 0.0, 1.0], [3.0, 0.0, 2.0]])
    values = torch.tensor([2.0, 0.0, 1.5])
    found = percentiles_of(values, real)
    wanted = [
        stats.percentileofscore(real[:, place].numpy(), values[place].item(), kind="mean")
        for place in range(2)
    ]
    assert found.tolist() == pytest.approx([*wanted, 50.0])
    nothing = percentiles_of(torch.tensor([float("nan"), 1.0]), torch.full((3, 2), float("nan")))
    assert nothing.isnan().all()
    with pytest.raises(ShapeError, match=r"got \(2,\) and \(3, 3\)"):
        percentiles_of(values[:2], real)


@pytest.mark.gpu
def test_cuda_finds_the_same() -> None:
    stack, images, units = deep(), sample(), [(place, 0, 0) for place in range(3)]
    here = optimal_stimulus(stack, 1, units, sample=images, search=Search(steps=20))
    there = optimal_stimulus(stack.cuda(), 1, units, sample=images.cuda(), search=Search(steps=20))
    torch.testing.assert_close(there.values.cpu(), here.values)
