"""The units of a stack: their names, their responses, and the part of the image that they see."""

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from featlearn.config.inputs import WhitenSpec
from featlearn.config.parts import CompositeSpec
from featlearn.config.pieces import LCNSpec
from featlearn.errors import UsageError
from featlearn.evaluate.projection import Unit
from featlearn.geometry import MapShape
from featlearn.networks.stack import Stack, What
from featlearn.stages.composite import CompositeFilter
from featlearn.stages.parts import places_below
from featlearn.stages.stage import Stage, StageOutput

_NAME = re.compile(r"(?P<map>\d+)(?:,(?P<row>\d+),(?P<column>\d+))?")


class Window(NamedTuple):
    """A rectangle of an image, in pixels; parts of it may lie outside, in the padding."""

    top: int
    left: int
    height: int
    width: int

    def inside(self, image: MapShape) -> "Window":
        """Cut off what lies outside the image."""
        top, left = max(self.top, 0), max(self.left, 0)
        bottom = min(self.top + self.height, image.height)
        right = min(self.left + self.width, image.width)
        return Window(top, left, bottom - top, right - left)


def part_shape(stage: Stage, what: What = "output") -> MapShape:
    """Give the shape of a part of a stage.

    Raises:
        UsageError: If the stage has no such part.
    """
    match what:
        case "code":
            return stage.code_shape
        case "pooled":
            if stage.pooled_shape is None:
                raise UsageError(f"stage {stage.name!r} has no pooling")
            return stage.pooled_shape
        case "output":
            return stage.output_shape


def part_of(output: StageOutput, what: What = "output") -> Tensor:
    """Take a part of what a stage computed; the stage must have it (see `part_shape`)."""
    match what:
        case "code":
            return output.code
        case "pooled":
            assert output.pooled is not None
            return output.pooled
        case "output":
            return output.output


def responses(
    stack: Stack,
    batches: Iterable[Tensor],
    *,
    stages: Sequence[int] | None = None,
    what: What = "output",
) -> Iterator[list[Tensor]]:
    """Compute what units answer to images, a batch at a time.

    Args:
        stack: The network, in evaluation mode.
        batches: Images `(n, maps, height, width)` in [0, 1], gone through once.
        stages: Places of the stages that are wanted, ascending; all if absent.
        what: Which part of them.

    Yields:
        For each batch and each wanted stage `(n, units)`: map after map, row after row.
    """
    wanted = range(len(stack)) if stages is None else stages
    with torch.no_grad():
        for images in batches:
            maps = stack.prepare(images)
            found: list[Tensor] = []
            for place in range(max(wanted, default=-1) + 1):
                output: StageOutput = stack.stage(place)(maps)
                if place in wanted:
                    found.append(part_of(output, what).flatten(1))
                maps = output.output
            yield found


def unit_at(shape: MapShape, index: int) -> Unit:
    """Find the map, row and column of a unit by its place among the flattened ones."""
    plane = shape.height * shape.width
    return index // plane, index % plane // shape.width, index % shape.width


def place_of(shape: MapShape, unit: Unit) -> int:
    """Find a unit's place among the flattened ones."""
    return (unit[0] * shape.height + unit[1]) * shape.width + unit[2]


def unit_name(shape: MapShape, unit: Unit) -> str:
    """Write a unit as it is named: `3` for a map without a plane, else `3,4,5`."""
    flat = shape.height * shape.width == 1
    return str(unit[0]) if flat else ",".join(str(place) for place in unit)


def find_unit(shape: MapShape, name: str) -> Unit:
    """Find a unit by its name, as `unit_name` writes it; a map alone names its central unit.

    Raises:
        UsageError: If there is no such unit.
    """
    match = _NAME.fullmatch(name.replace(" ", ""))
    if match is None:
        raise UsageError(f"a unit is named MAP or MAP,ROW,COLUMN, as 3 or 3,4,5; got {name!r}")
    row, column = match["row"], match["column"]
    unit = (
        int(match["map"]),
        shape.height // 2 if row is None else int(row),
        shape.width // 2 if column is None else int(column),
    )
    if any(place >= size for place, size in zip(unit, shape, strict=True)):
        raise UsageError(f"there are {shape}, counted from 0; no unit {name}")
    return unit


def receptive_window(stack: Stack, index: int, unit: Unit, what: What = "output") -> Window:
    """Give the part of the image that a unit answers to.

    Contrast normalisation sees more than what it normalises. At the unit's own stage that
    is not counted, as the crop should show what the unit answers to, not what it is
    measured against; below, both its windows are, that of the deviation and that of the mean.
    What an image is measured by as a whole is passed over: whitening, its contrast, and the
    mean deviation that contrast normalisation may divide by.

    Args:
        stack: The network.
        index: Place of the stage.
        unit: A unit of its part, `(map, row, column)`.
        what: Which part.

    Returns:
        The window in pixels of the image, before it is cut at the border: all units of a part
        have windows of one size.
    """
    rows = _interval(stack, index, unit[1], what, axis=1)
    columns = _interval(stack, index, unit[2], what, axis=2)
    if stack.stage(0).input_shape[1:] != stack.input_shape[1:]:  # PCA left no plane
        return Window(0, 0, stack.input_shape.height, stack.input_shape.width)
    return Window(rows[0], columns[0], rows[1] - rows[0], columns[1] - columns[0])


def _interval(stack: Stack, index: int, place: int, what: What, *, axis: int) -> tuple[int, int]:
    """Walk down from a place along one axis; the end is one past the last pixel."""
    start, end = place, place + 1
    for below in reversed(range(index + 1)):
        stage = stack.stage(below)
        if below < index or what == "output":
            start, end = _through_norm(stage, start, end, axis=axis, widen=below < index)
        if below < index or what != "code":
            start, end = _through_pool(stage, start, end, axis=axis)
        start, end = _through_filter(stage, start, end, axis=axis)
    return start, end


def _through_filter(stage: Stage, start: int, end: int, *, axis: int) -> tuple[int, int]:
    """Step from places of the code to those of the stage's input."""
    if isinstance(stage.filter, CompositeFilter):
        return stage.filter.below(start, end, axis)
    spec, given = stage.spec.filter, stage.spec.input
    assert not isinstance(spec, CompositeSpec)
    window = given.size if isinstance(given, WhitenSpec) else 1
    if spec.size is None or window is None:
        return 0, stage.input_shape[axis]
    seen = stage.scaler.output_shape[axis]
    first, last = places_below(start, end, seen, spec.size, spec.stride, spec.padding)
    return first, last + window - 1


def _through_norm(stage: Stage, start: int, end: int, *, axis: int, widen: bool) -> tuple[int, int]:
    """Step from normalised places to those before."""
    spec = stage.spec.norm
    if not isinstance(spec, LCNSpec):
        return start, end
    size = (stage.pooled_shape or stage.code_shape)[axis]
    first, last = places_below(start, end, size, spec.size, 1, spec.padding)
    if widen:  # the means under the window of the deviation come from windows of their own
        return places_below(first, last, size, spec.size, 1, "same")
    middle = (spec.size - 1) // 2
    return first + middle, first + middle + (end - start)


def _through_pool(stage: Stage, start: int, end: int, *, axis: int) -> tuple[int, int]:
    """Step from pooled places to those of the code."""
    spec = stage.spec.pool
    if spec is None:
        return start, end
    return places_below(start, end, stage.code_shape[axis], *spec.window)
