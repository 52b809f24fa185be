"""What an image made of the network, taken down to the image again: its units, and its code."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from featlearn.errors import ShapeError
from featlearn.evaluate.projection import Unit, through_filter, to_image
from featlearn.evaluate.units import Window, part_of, part_shape
from featlearn.networks.stack import Stack, What
from featlearn.ops.adjoint import adjoint_at
from featlearn.stages.stage import StageOutput
from featlearn.stages.undoing import undo_divisor, undo_norm, unpool

_FAINT = 0.03
"""Of the largest weight of a pattern; what is fainter is not part of where it lies."""


class Rebuilt(NamedTuple):
    """Images, and what their code still holds of them.

    Attributes:
        given: The images as the network sees them, in the unit of the pixels: prepared,
            and taken back as far as that can be undone, `(n, maps, height, width)`.
        rebuilt: The images from their code, of the same shape and unit.
        error: ‖rebuilt - given‖² / ‖given - its mean‖² of each prepared image, `(n,)`; 0 is
            perfect, and 1 no better than a plain image. Infinite for a plain image.
        without: The same error where an empty code stands for the image's own, `(n,)`: what
            its switches and weights alone give away. Only what `error` is below it is due
            to the code.
    """

    given: Tensor
    rebuilt: Tensor
    error: Tensor
    without: Tensor


@torch.no_grad()
def project_examples(
    stack: Stack,
    index: int,
    units: Sequence[Unit],
    images: Tensor,
    *,
    what: What = "output",
    batch: int = 64,
) -> Tensor:
    """Show what in an image made a unit answer.

    The unit's own value, all others being zero, goes down through the decoders as in
    `project_units`, but through the parts in between as they stood for this image. Max
    pooling passes a value to the place that it came from (its switch), L2 pooling gives
    each place h / pooled of it (its derivative at the image), average pooling gives all of
    the window alike. Units of lower stages whose code is zero for the image pass nothing.
    Local contrast normalisation is undone by its divisor at the image, as batch
    normalisation is by its own; the local mean that it takes away is passed over.

    Args:
        stack: The network, in evaluation mode.
        index: Place of the stage.
        units: A unit for each image, `(map, row, column)` of the part.
        images: `(n, maps, height, width)` in [0, 1].
        what: Which part of the stage.
        batch: How many to take down at a time.

    Returns:
        `(n, maps, height, width)`: what the unit adds to the image; zero where it is silent.

    Raises:
        ShapeError: If there is no such unit, or not one for each image.
        UsageError: If the stage has no such part.

    Source:
        Zeiler & Fergus, ECCV 2014, section 2.1, for the switches; the weights of L2 pooling
        follow from it as the derivative of a maximum is its switch.
    """
    shape = part_shape(stack.stage(index), what)
    if len(units) != len(images):
        raise ShapeError(f"{len(images)} images need as many units; got {len(units)}")
    for unit in units:
        if not all(0 <= place < size for place, size in zip(unit, shape, strict=True)):
            raise ShapeError(f"stage {stack.stage(index).name!r} has {shape}; no unit {unit}")
    parts: list[Tensor] = []
    for start in range(0, len(units), batch):
        some = units[start : start + batch]
        parts.append(_project(stack, index, some, images[start : start + batch], what))
    return torch.cat(parts) if parts else images.new_zeros(0, *stack.input_shape)


def answered_windows(patterns: Tensor) -> list[Window]:
    """Find where in each image a unit answered: what of the image to show.

    What a unit sees may be all of the image, of which it answered to one place, as where it
    takes the largest of many. Its pattern is where that lies.

    Args:
        patterns: What `project_examples` gives, `(n, maps, height, width)`, n > 0.

    Returns:
        A window for each, all of one size and inside the image, with all of the pattern but what
        is fainter than 3 % of its largest weight. Of patterns that are all zero, whole images.
    """
    strength = patterns.abs().amax(1)
    there = strength > _FAINT * strength.amax((1, 2), keepdim=True)
    rows, columns = _stretches(there.any(2)), _stretches(there.any(1))
    sides = patterns.shape[2:]
    height, width = (max(end - start for start, end in some) for some in (rows, columns))
    if not height:
        return [Window(0, 0, *sides)] * len(patterns)
    return [
        Window(_around(*row, height, sides[0]), _around(*column, width, sides[1]), height, width)
        for row, column in zip(rows, columns, strict=True)
    ]


def _stretches(there: Tensor) -> list[tuple[int, int]]:
    """Give, for each row of `(n, places)`, the stretch that holds all that is there."""
    found = [row.nonzero().flatten().tolist() for row in there]
    middle = there.shape[1] // 2
    return [(some[0], some[-1] + 1) if some else (middle, middle) for some in found]


def _around(start: int, end: int, size: int, side: int) -> int:
    """Begin a window of `size` so that it holds a stretch in its middle, and lies inside."""
    return min(max((start + end - size) // 2, 0), side - size)


@torch.no_grad()
def rebuild_examples(stack: Stack, index: int, images: Tensor) -> Rebuilt:
    """Rebuild images from their code at a stage: what does it still hold?

    Every stage below is asked to rebuild its input from its code. Between stages, what the
    lower one does after its code is undone by what it did to this image: max pooling by
    its switches, L2 pooling by its weights h / pooled, average pooling by giving each value
    to all of its window, and each of them by the mean where windows overlap; contrast and
    response normalisation by their divisors. The local mean that contrast normalisation
    took away stays lost, and what it cut off at the border is zero: the mean alone would
    draw the image, whatever the code holds. `featlearn.evaluate.decoding.decode` uses
    nothing of the image but its features.

    Args:
        stack: The network, in evaluation mode.
        index: Place of the stage whose code is taken, before its own pooling.
        images: `(n, maps, height, width)` in [0, 1].

    Returns:
        The images, and what is left of them.
    """
    outputs = _outputs(stack, index, images)
    prepared = stack.prepare(images)
    code = outputs[index].code
    rebuilt = _rebuild(stack, index, outputs, code)
    empty = _rebuild(stack, index, outputs, torch.zeros_like(code))
    error, without = _error(rebuilt, prepared), _error(empty, prepared)
    return Rebuilt(_to_pixels(stack, prepared), _to_pixels(stack, rebuilt), error, without)


def _outputs(stack: Stack, index: int, images: Tensor) -> list[StageOutput]:
    """Compute what the stages up to one make of images."""
    maps, outputs = stack.prepare(images), list[StageOutput]()
    for place in range(index + 1):
        outputs.append(stack.stage(place)(maps))
        maps = outputs[-1].output
    return outputs


def _project(stack: Stack, index: int, units: Sequence[Unit], images: Tensor, what: What) -> Tensor:
    """Take the value of one unit of each image down."""
    outputs = _outputs(stack, index, images)
    part = part_of(outputs[index], what)
    maps = torch.zeros_like(part)
    for place, unit in enumerate(units):
        maps[(place, *unit)] = part[(place, *unit)]
    for place in reversed(range(index + 1)):
        stage, output = stack.stage(place), outputs[place]
        if place < index or what == "output":
            maps = undo_divisor(stage, output, maps)
        if stage.pool is not None and (place < index or what != "code"):
            maps = adjoint_at(stage.pool, output.code, maps)
        maps = through_filter(stage, torch.where(output.code == 0, 0.0, maps))
    return to_image(stack, maps)


def _rebuild(stack: Stack, index: int, outputs: Sequence[StageOutput], code: Tensor) -> Tensor:
    """Take codes of a stage down to prepared images."""
    maps = stack.stage(index).rebuild_from(code)
    for place in reversed(range(index)):
        stage, output = stack.stage(place), outputs[place]
        maps = undo_norm(stage, output, maps)
        if stage.pool is not None:
            maps = unpool(stage, stage.pool, output.code, maps)
        maps = stage.rebuild_from(maps)
    return maps


def _error(rebuilt: Tensor, given: Tensor) -> Tensor:
    """Compare prepared images with what is left of them, `(n,)`."""
    varying = given - given.mean((1, 2, 3), keepdim=True)
    return (rebuilt - given).square().sum((1, 2, 3)) / varying.square().sum((1, 2, 3))


def _to_pixels(stack: Stack, prepared: Tensor) -> Tensor:
    """Undo the preparation, as far as it can be undone."""
    for step in reversed(stack.preparation):
        prepared = step.invert(prepared)
    return prepared
