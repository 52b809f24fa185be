"""Projections against Jacobians of linear networks, transposed."""

from collections.abc import Callable
from typing import cast

import msgspec
import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from featlearn.config.autoencoding import PlainSpec
from featlearn.config.banks import ConvSpec, DenseSpec, LocalSpec
from featlearn.config.clusters import KMeansSpec
from featlearn.config.data import DataSpec, PCASpec, PreprocessSpec, StandardizeSpec, ZCASpec
from featlearn.config.inputs import WhitenSpec
from featlearn.config.pieces import (
    AvgPoolSpec,
    BatchNormSpec,
    GroupPoolSpec,
    L2PoolSpec,
    LCNSpec,
    MaxPoolSpec,
    SheetPoolSpec,
)
from featlearn.config.recipe import Recipe
from featlearn.config.stages import StageSpec
from featlearn.errors import ShapeError
from featlearn.evaluate.projection import (
    central_units,
    project_units,
    response_patterns,
    through_output,
)
from featlearn.geometry import MapShape
from featlearn.networks.stack import Stack, build_stack
from featlearn.stages.scaler import InputScaler, WhiteningScaler

Array = NDArray[np.float64]

IMAGE = MapShape(2, 9, 8)
FIRST = StageSpec(
    name="first",
    filter=LocalSpec(size=3, maps=3, stride=1),
    activation="identity",
    pool=AvgPoolSpec(size=3, stride=3),
    objective=PlainSpec(),
)
SECOND = StageSpec(
    name="second",
    filter=ConvSpec(size=2, maps=4, padding="same"),
    activation="identity",
    objective=PlainSpec(),
)
THIRD = StageSpec(
    name="third", filter=DenseSpec(maps=5), activation="identity", objective=PlainSpec()
)


def build(*stages: StageSpec, preprocess: tuple[PreprocessSpec, ...] = ()) -> Stack:
    recipe = Recipe(title="t", data=DataSpec(source="digits"), stages=stages, preprocess=preprocess)
    images = torch.rand(400, *IMAGE, generator=torch.Generator().manual_seed(1))
    return build_stack(recipe, IMAGE, seed=0, images=images).double().eval()


def transposed_jacobian(stack: Stack, index: int) -> Tensor:
    """One image for each unit of a stage's code: the gradient of that unit."""

    def code(image: Tensor) -> Tensor:
        return stack.stage(index)(stack.maps_below(image[None], index)).code[0].flatten()

    return cast(Tensor, torch.autograd.functional.jacobian(code, torch.rand(IMAGE).double()))


def all_units(stack: Stack, index: int) -> list[tuple[int, int, int]]:
    maps, height, width = stack.stage(index).code_shape
    return [(f, y, x) for f in range(maps) for y in range(height) for x in range(width)]


def project_all(stack: Stack, index: int) -> Tensor:
    return project_units(stack, index, all_units(stack, index), batch=7)


@pytest.mark.parametrize("index", [0, 1, 2])
def test_is_the_jacobian_transposed_of_a_linear_network(index: int) -> None:
    stack = build(FIRST, SECOND, THIRD)
    torch.testing.assert_close(project_all(stack, index), transposed_jacobian(stack, index))


@pytest.mark.parametrize("pool", [L2PoolSpec, MaxPoolSpec])
def test_every_pooling_goes_down_by_uniform_windows(
    pool: Callable[..., L2PoolSpec | MaxPoolSpec],
) -> None:
    other = msgspec.structs.replace(FIRST, pool=pool(size=3, stride=3))
    expected = transposed_jacobian(build(FIRST, SECOND), 1)
    torch.testing.assert_close(project_all(build(other, SECOND), 1), expected)


def lay_down(maps: Array, *, size: int, stride: int, rows: int, columns: int) -> Array:
    """Give every value to all of its window, centred, and take what a place is given as a mean."""
    down, given = np.zeros((len(maps), rows, columns)), np.zeros((rows, columns))
    before_y = max((maps.shape[1] - 1) * stride + size - rows, 0) // 2
    before_x = max((maps.shape[2] - 1) * stride + size - columns, 0) // 2
    for y, x in np.ndindex(*maps.shape[1:]):
        top, left = y * stride - before_y, x * stride - before_x
        window = (
            slice(max(top, 0), min(top + size, rows)),
            slice(max(left, 0), min(left + size, columns)),
        )
        many = given[window].size
        down[:, *window] += maps[:, y, x][:, None, None] / many
        given[window] += 1 / many
    return down * (given.mean() / given)


def test_windows_that_are_whitened_go_down_through_windows_that_overlap() -> None:
    pooled = msgspec.structs.replace(
        FIRST, filter=ConvSpec(size=3, maps=3), pool=L2PoolSpec(size=3, stride=2, padding="same")
    )
    clusters = StageSpec(
        name="clusters",
        filter=ConvSpec(size=1, maps=6, bias=False),
        input=WhitenSpec(keep=7, size=2, damping=0.1, unit_length=True),
        pool=MaxPoolSpec(size=2, stride=1),
        objective=KMeansSpec(),
    )
    stack = build(pooled, clusters)
    stage, scaler = stack.stage(1), stack.stage(1).scaler
    assert isinstance(scaler, WhiteningScaler)
    images = torch.rand(200, *IMAGE, generator=torch.Generator().manual_seed(4)).double()
    scaler.fit([stack.maps_below(images, 1)])
    maps, rows, columns = stage.input_shape
    whiten = scaler.components.matrix.numpy()
    bank = stack.stage(0).filter.weight.detach().numpy()
    ours = project_all(stack, 1)
    for unit, found in zip(all_units(stack, 1), ours, strict=True):
        weights = stage.filter.weight.detach().numpy()[unit[0]].ravel()
        below, over = np.zeros((maps, rows, columns)), np.zeros((rows, columns))
        for y, x in np.ndindex(rows - 1, columns - 1):
            over[y : y + 2, x : x + 2] += 1
            if (y, x) == unit[1:]:
                window = np.linalg.pinv(whiten) @ weights
                below[:, y : y + 2, x : x + 2] = window.reshape(maps, 2, 2)
        code = lay_down(below / over, size=3, stride=2, rows=7, columns=6)
        image = np.zeros(IMAGE)
        for y, x in np.ndindex(7, 6):
            image[:, y : y + 3, x : x + 3] += np.einsum("f,fcuv->cuv", code[:, y, x], bank)
        image *= scaler_of(stack, 0).scale.numpy().reshape(-1, 1, 1)
        np.testing.assert_allclose(found.numpy(), image, atol=1e-6)


def test_even_maps_go_down_evenly_whatever_windows_overlap() -> None:
    """Windows of 5 by steps of 2 hold a place two or three times; that draws no stripes."""
    pooled = msgspec.structs.replace(FIRST, pool=L2PoolSpec(size=5, stride=2, padding="same"))
    stage = build(pooled).stage(0)
    down = through_output(stage, torch.ones(1, *stage.output_shape).double())
    torch.testing.assert_close(down, down.mean().expand_as(down))


def test_pooling_over_maps_goes_down_by_uniform_groups() -> None:
    """As a filter above would that sees the mean of each group."""
    other = msgspec.structs.replace(FIRST, pool=GroupPoolSpec(size=3))
    stack = build(other, SECOND)
    units, below = all_units(stack, 1), stack.stage(1)
    codes = torch.eye(len(units)).double().view(-1, *below.code_shape)
    pooled = below.filter.adjoint(codes) / 3
    alike = pooled.expand(-1, 3, -1, -1)
    expected = stack.stage(0).filter.adjoint(alike)
    torch.testing.assert_close(project_all(stack, 1), expected)
    sheet = msgspec.structs.replace(FIRST, pool=SheetPoolSpec(rows=1, columns=3, size=1))
    none = msgspec.structs.replace(FIRST, pool=None)
    torch.testing.assert_close(
        project_all(build(sheet, SECOND), 1), project_all(build(none, SECOND), 1)
    )


def scaler_of(stack: Stack, place: int) -> InputScaler:
    scaler = stack.stage(place).scaler
    assert isinstance(scaler, InputScaler)
    return scaler


def test_scales_of_the_input_multiply() -> None:
    stack, inverse = build(FIRST, SECOND), build(FIRST, SECOND)
    for place in range(2):
        ours, theirs = scaler_of(stack, place), scaler_of(inverse, place)
        scale = torch.rand_like(ours.scale) + 0.5
        ours.scale.copy_(scale)
        ours.centre.fill_(3.0)
        theirs.scale.copy_(1 / scale)
    torch.testing.assert_close(project_all(stack, 1), transposed_jacobian(inverse, 1))


def test_an_untied_decoder_goes_by_its_own_weights() -> None:
    untied = msgspec.structs.replace(FIRST, objective=PlainSpec(decoder="untied"))
    stack, twin = build(untied, SECOND), build(FIRST, SECOND)
    decoder = stack.stage(0).decoder
    assert decoder is not None
    assert decoder.weight is not None
    with torch.no_grad():
        decoder.weight.normal_()
        twin.stage(0).filter.weight.copy_(decoder.weight)
    torch.testing.assert_close(project_all(stack, 1), transposed_jacobian(twin, 1))


def test_whitening_is_undone() -> None:
    stack = build(THIRD, preprocess=(ZCASpec(eps=1e-3),))
    patterns = project_all(stack, 0)
    zero = stack.prepare(torch.zeros(1, *IMAGE).double())
    weight = stack.stage(0).filter.weight
    torch.testing.assert_close(stack.prepare(patterns) - zero, weight, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("preprocess", [(), (StandardizeSpec(),), (PCASpec(keep=40, eps=0.1),)])
def test_responses_are_products_with_their_patterns(
    preprocess: tuple[PreprocessSpec, ...],
) -> None:
    stack = build(THIRD, preprocess=preprocess)
    scaler_of(stack, 0).scale.uniform_(0.5, 2.0)
    patterns = response_patterns(stack, most=4)
    images = torch.rand(2, *IMAGE).double()
    first, second = stack.stage(0).code(stack.stage(0).scaler(stack.prepare(images)))
    expected = torch.einsum("chw,uchw->u", images[0] - images[1], patterns)
    torch.testing.assert_close((first - second).flatten()[:4], expected)


class Crop(nn.Module):
    """What LCN leaves of the plane, without its arithmetic."""

    def forward(self, x: Tensor) -> Tensor:
        return x[:, :, 1:-2, 1:-2]


def test_contrast_normalisation_is_passed_over() -> None:
    plain = msgspec.structs.replace(FIRST, pool=None, norm=LCNSpec(size=4))
    stack, cropped = build(plain, SECOND), build(plain, SECOND)
    cropped.stage(0).norm = Crop()  # pyright: ignore[reportAttributeAccessIssue]
    torch.testing.assert_close(project_all(stack, 1), transposed_jacobian(cropped, 1))


def test_batch_normalisation_is_undone_by_its_scale() -> None:
    normed = msgspec.structs.replace(FIRST, norm=BatchNormSpec())
    stack, inverse = build(normed, SECOND), build(normed, SECOND)
    norm, twin = stack.stage(0).norm, inverse.stage(0).norm
    assert isinstance(norm, nn.BatchNorm2d)
    assert isinstance(twin, nn.BatchNorm2d)
    assert norm.running_var is not None
    with torch.no_grad():
        norm.running_var.copy_(torch.tensor([4.0, 0.25, 9.0]))
        norm.weight.copy_(torch.tensor([2.0, -0.5, 1.0]))
        assert twin.running_var is not None
        twin.running_var.fill_(1.0 - twin.eps)
        twin.weight.copy_((norm.running_var + norm.eps).sqrt() / norm.weight)
    torch.testing.assert_close(project_all(stack, 1), transposed_jacobian(inverse, 1))


def test_central_units_are_one_for_each_map() -> None:
    stack = build(FIRST)
    assert central_units(stack.stage(0)) == [(0, 3, 3), (1, 3, 3), (2, 3, 3)]


def test_no_unit_gives_no_image() -> None:
    assert project_units(build(FIRST), 0, []).shape == (0, *IMAGE)


@pytest.mark.parametrize("unit", [(3, 0, 0), (0, 7, 0), (0, 0, -1)])
def test_a_unit_that_is_not_there(unit: tuple[int, int, int]) -> None:
    with pytest.raises(ShapeError, match=r"'first' has 3 maps of 7x6; no unit"):
        project_units(build(FIRST), 0, [unit])
