"""Top images against a sort of everything, and memory against the number of images."""

import tracemalloc
import weakref
from collections.abc import Iterator

import numpy as np
import pytest
import torch
from torch import Tensor

from featlearn.config.banks import ConvSpec, DenseSpec, LocalSpec
from featlearn.config.data import DataSpec
from featlearn.config.pieces import AvgPoolSpec
from featlearn.config.recipe import Recipe
from featlearn.config.stages import StageSpec
from featlearn.errors import DataError, ShapeError, UsageError
from featlearn.evaluate.top_images import TopImages, cut, excited, top_images
from featlearn.evaluate.units import Window, place_of
from featlearn.geometry import MapShape
from featlearn.networks.stack import Stack, build_stack

IMAGE = MapShape(1, 7, 6)


def stage(
    name: str, kind: ConvSpec | LocalSpec | DenseSpec, pool: AvgPoolSpec | None = None
) -> StageSpec:
    return StageSpec(name=name, filter=kind, pool=pool, activation="identity", input="none")


def build(*stages: StageSpec, shape: MapShape = IMAGE) -> Stack:
    recipe = Recipe(title="t", data=DataSpec(source="digits"), stages=stages)
    return build_stack(recipe, shape, seed=0).eval()


def two_stages() -> Stack:
    low = stage("low", LocalSpec(size=3, maps=2), pool=AvgPoolSpec(size=2))
    return build(low, stage("high", DenseSpec(maps=3)))


def pixels(shape: MapShape = IMAGE) -> Stack:
    """Build a stack whose only stage answers with the pixels themselves."""
    stack = build(stage("pixels", ConvSpec(size=1, maps=1, bias=False)), shape=shape)
    with torch.no_grad():
        stack.stage(0).filter.weight.fill_(1.0)
    return stack


def draw(count: int, shape: MapShape = IMAGE) -> Tensor:
    """Draw coarse values, so that many are equal."""
    draws = torch.Generator().manual_seed(3)
    return torch.randint(0, 8, (count, *shape), generator=draws) / 8


@pytest.mark.parametrize("least", [False, True])
@pytest.mark.parametrize("size", [1, 7, 50])
def test_one_pass_finds_what_sorting_everything_finds(size: int, *, least: bool) -> None:
    stack, images = two_stages(), draw(50)
    found = top_images(stack, images.split(size), count=5, least=least)
    with torch.no_grad():
        outputs = [stage.output.flatten(1).numpy() for stage in stack(images)]
    for top, values in zip(found, outputs, strict=True):
        order = np.argsort(values if least else -values, axis=0, kind="stable")[:5]
        best = np.take_along_axis(values, order, axis=0)
        np.testing.assert_allclose(top.values.numpy(), best.T, rtol=1e-5, atol=1e-6)
        assert (top.units == torch.arange(values.shape[1])[:, None]).all()
    assert [len(top.values) for top in found] == [2 * 4 * 3, 3]


@pytest.mark.parametrize("least", [False, True])
def test_of_equal_responses_the_earlier_image_wins(*, least: bool) -> None:
    images = draw(60)
    values = images.flatten(1).numpy()
    order = np.argsort(values if least else -values, axis=0, kind="stable")[:9]
    for size in (1, 8, 60):
        (top,) = top_images(pixels(), images.split(size), count=9, least=least)
        np.testing.assert_array_equal(top.places.numpy(), order.T)


def test_a_map_counts_every_image_once_at_its_best_position() -> None:
    stack, images = build(stage("low", ConvSpec(size=3, maps=2))), draw(40)
    (top,) = top_images(stack, images.split(9), count=4, over_maps=True)
    with torch.no_grad():
        maps = stack(images)[0].output.numpy()
    for place in range(2):
        planes = maps[:, place].reshape(40, -1)
        order = np.argsort(-planes.max(axis=1), kind="stable")[:4]
        np.testing.assert_array_equal(top.places[place].numpy(), order)
        np.testing.assert_array_equal(
            top.units[place].numpy(), place * planes.shape[1] + planes[order].argmax(axis=1)
        )


def test_nan_never_wins_and_missing_images_are_marked() -> None:
    images = draw(4)
    images[:3, 0, 0, 0] = torch.tensor([float("nan"), 0.25, float("-inf")])
    images[:, 0, 0, 1] = float("nan")
    for over_maps in (False, True):
        (top,) = top_images(pixels(), images.split(3), count=9, over_maps=over_maps)
        assert top.values.shape == (1 if over_maps else IMAGE.units, 4)
    (top,) = top_images(pixels(), images.split(3), count=9)
    assert top.places[0, 2:].tolist() == [-1, -1]
    assert top.values[0, 2:].isnan().all()
    assert sorted(top.places[0, :2].tolist()) == [1, 3]
    assert top.places[1].tolist() == [-1] * 4
    (low,) = top_images(pixels(), images.split(3), count=1, least=True)
    assert low.places[0].tolist() == [2]


def test_stages_and_parts_are_chosen() -> None:
    stack, images = two_stages(), draw(8)
    (code,) = top_images(stack, [images], stages=[0], what="code", count=2)
    assert code.values.shape == (2 * 5 * 4, 2)
    with pytest.raises(UsageError, match="'high' has no pooling"):
        top_images(stack, [images], what="pooled")


def test_nothing_to_rank_is_refused() -> None:
    with pytest.raises(DataError, match="at least one image"):
        top_images(pixels(), [])
    with pytest.raises(DataError, match="at least one image"):
        top_images(pixels(), [torch.zeros(0, *IMAGE)])
    with pytest.raises(UsageError, match="at least 1 image a unit; got 0"):
        top_images(pixels(), [draw(2)], count=0)


def test_memory_does_not_grow_with_the_images() -> None:
    shape = MapShape(1, 2, 2)
    stack = pixels(shape)
    alive: weakref.WeakSet[Tensor] = weakref.WeakSet()
    most = 0

    def stream(batches: int) -> Iterator[Tensor]:
        nonlocal most
        draws = torch.Generator().manual_seed(0)
        for _ in range(batches):
            images = torch.rand(1000, *shape, generator=draws)
            alive.add(images)
            most = max(most, len(alive))
            yield images

    def peak(batches: int) -> int:
        tracemalloc.start()
        try:
            (top,) = top_images(stack, stream(batches))
            assert top.values.shape == (4, 16)
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    peak(2)  # what is imported and cached once
    assert peak(120) < peak(12) + 100_000  # bytes of Python's own
    assert most <= 3  # batches of images


def test_crops_are_where_the_unit_looks() -> None:
    stack = build(stage("low", ConvSpec(size=3, maps=1, padding="same")))
    images = draw(20)
    (top,) = top_images(stack, [images], count=3)
    corner = place_of(MapShape(1, 7, 6), (0, 0, 0))
    shown = excited(stack, 0, top, corner, images[top.places[corner]], name="low 0,0,0")
    assert shown.windows == [Window(-1, -1, 3, 3)] * 3
    crops = cut(shown.images, shown.windows, fill=0.25)
    assert crops.shape == (3, 1, 3, 3)
    torch.testing.assert_close(crops[..., 1:, 1:], shown.images[..., :2, :2])
    assert (crops[..., 0, :] == 0.25).all()
    assert (crops[..., :, 0] == 0.25).all()
    outside = cut(images[:1], [Window(-9, 2, 3, 3)])
    assert (outside == 0.5).all()


def test_crops_of_a_map_come_from_where_it_fired() -> None:
    images = torch.zeros(5, *IMAGE)
    images[3, 0, 4, 2] = 1.0
    (top,) = top_images(pixels(), [images], count=1, over_maps=True)
    shown = excited(pixels(), 0, top, 0, images[top.places[0]], name="map 0")
    assert shown.windows == [Window(4, 2, 1, 1)]
    assert cut(shown.images, shown.windows).item() == 1.0


def test_images_that_do_not_fit_are_refused() -> None:
    stack, images = pixels(), draw(4)
    (top,) = top_images(stack, [images], count=2)
    with pytest.raises(ShapeError, match="unit 0 has 2 top images; got 4"):
        excited(stack, 0, top, 0, images, name="unit 0")
    with pytest.raises(ShapeError, match=r"got 4 images and 2 windows of 2 sizes"):
        cut(images, [Window(0, 0, 1, 1), Window(0, 0, 2, 2)])


@pytest.mark.gpu
def test_cuda_finds_the_same() -> None:
    images = draw(300)
    (here,) = top_images(pixels(), images.split(64))
    moved: list[TopImages] = top_images(pixels().cuda(), images.cuda().split(64))
    for ours, theirs in zip(here, moved[0], strict=True):
        torch.testing.assert_close(theirs.cpu(), ours)
