"""Units against gradients: what a unit can depend on is its receptive window."""

from typing import get_args

import pytest
import torch
from torch import Tensor

from featlearn.config.banks import ConvSpec, DenseSpec, LocalSpec
from featlearn.config.data import DataSpec, StandardizeSpec
from featlearn.config.pieces import AvgPoolSpec, L2PoolSpec, LCNSpec
from featlearn.config.recipe import Recipe
from featlearn.config.stages import StageSpec
from featlearn.errors import UsageError
from featlearn.evaluate.units import (
    Window,
    find_unit,
    part_of,
    part_shape,
    place_of,
    receptive_window,
    responses,
    unit_at,
    unit_name,
)
from featlearn.geometry import MapShape, Padding
from featlearn.networks.stack import Stack, What, build_stack

IMAGE = MapShape(2, 19, 17)


def build(norm: LCNSpec | None = None) -> Stack:
    first = StageSpec(
        name="first",
        filter=LocalSpec(size=3, maps=3, stride=2),
        activation="identity",
        pool=AvgPoolSpec(size=3, stride=1, padding="same"),
        norm=norm,
    )
    second = StageSpec(
        name="second",
        filter=ConvSpec(size=3, maps=4, padding="same"),
        activation="identity",
        pool=L2PoolSpec(size=2, stride=2),
    )
    third = StageSpec(name="third", filter=DenseSpec(maps=5), activation="identity")
    recipe = Recipe(
        title="t",
        data=DataSpec(source="digits"),
        stages=(first, second, third),
        preprocess=(StandardizeSpec(),),
    )
    images = torch.rand(40, *IMAGE, generator=torch.Generator().manual_seed(1))
    return build_stack(recipe, IMAGE, seed=0, images=images).double().eval()


def seen(stack: Stack, index: int, unit: tuple[int, int, int], what: What) -> Window:
    """Bound the pixels at which the gradient of a unit is not zero."""
    image = torch.rand(1, *IMAGE, dtype=torch.float64).requires_grad_()
    maps = part_of(stack.stage(index)(stack.maps_below(image, index)), what)
    (gradient,) = torch.autograd.grad(maps[(0, *unit)], image)
    there = gradient[0].abs().amax(0) > 0
    rows, columns = there.any(1).nonzero(), there.any(0).nonzero()
    top, left = int(rows[0]), int(columns[0])
    return Window(top, left, int(rows[-1]) + 1 - top, int(columns[-1]) + 1 - left)


@pytest.mark.parametrize("norm", [None, LCNSpec(size=3, across=True, constant=1e-3)])
@pytest.mark.parametrize("index", [0, 1, 2])
@pytest.mark.parametrize("what", get_args(What))
def test_the_window_is_what_the_gradient_reaches(
    norm: LCNSpec | None, index: int, what: What
) -> None:
    stack = build(norm)
    if index == 2 and what == "pooled":
        with pytest.raises(UsageError, match="'third' has no pooling"):
            part_shape(stack.stage(2), what)
        return
    if index == 0 and what == "output" and norm is not None:
        return  # the window of its own normalisation is not counted; see below
    shape = part_shape(stack.stage(index), what)
    for place in range(shape.units):
        unit = unit_at(shape, place)
        window = receptive_window(stack, index, unit, what)
        assert window.inside(IMAGE) == seen(stack, index, unit, what)


@pytest.mark.parametrize("padding", ["valid", "same"])
def test_windows_of_a_part_are_of_one_size(padding: Padding) -> None:
    stack = build(LCNSpec(size=3, padding=padding))
    for index in range(3):
        shape = part_shape(stack.stage(index))
        windows = [
            receptive_window(stack, index, unit_at(shape, place)) for place in range(shape.units)
        ]
        assert len({window[2:] for window in windows}) == 1


@pytest.mark.parametrize("padding", ["valid", "same"])
def test_what_a_unit_is_measured_against_is_not_counted(padding: Padding) -> None:
    stack = build(LCNSpec(size=3, padding=padding))
    moved = 0 if padding == "same" else 1
    pooled = receptive_window(stack, 0, (1, 2 + moved, 3 + moved), "pooled")
    assert receptive_window(stack, 0, (1, 2, 3)) == pooled


def test_units_are_counted_map_after_map() -> None:
    shape = MapShape(2, 3, 4)
    planes = torch.arange(shape.units).view(*shape)
    for place in range(shape.units):
        unit = unit_at(shape, place)
        assert int(planes[unit]) == place == place_of(shape, unit)
        assert find_unit(shape, unit_name(shape, unit)) == unit
    assert unit_name(MapShape(7, 1, 1), (3, 0, 0)) == "3"
    assert find_unit(MapShape(7, 1, 1), "3") == (3, 0, 0)
    assert find_unit(shape, "1") == (1, 1, 2)


@pytest.mark.parametrize("name", ["", "x", "1,2", "-1", "1,2,3,4", "2", "0,3,0", "0,0,4"])
def test_a_unit_that_is_not_there_is_refused(name: str) -> None:
    with pytest.raises(UsageError, match=r"a unit is named|no unit"):
        find_unit(MapShape(2, 3, 4), name)


def test_responses_are_the_stages_own() -> None:
    stack = build(LCNSpec(size=3))
    images = torch.rand(7, *IMAGE, dtype=torch.float64)
    outputs = stack(images)
    for what in ("code", "output"):
        parts: list[Tensor] = [part_of(output, what).flatten(1) for output in outputs]
        batches = list(responses(stack, images.split(3), what=what))
        assert [len(batch[0]) for batch in batches] == [3, 3, 1]
        for place, part in enumerate(parts):
            torch.testing.assert_close(torch.cat([batch[place] for batch in batches]), part)
    (only,) = zip(*responses(stack, [images], stages=[1], what="pooled"), strict=True)
    torch.testing.assert_close(only[0], part_of(outputs[1], "pooled").flatten(1))
