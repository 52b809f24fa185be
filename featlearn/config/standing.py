"""Walking up the layers: the shape that was reached, and what a unit there sees."""

import math
from collections.abc import Iterable
from typing import NamedTuple

from featlearn.errors import RecipeError, ShapeError
from featlearn.geometry import Border, MapShape, output_size, pads, window_output


class Sight(NamedTuple):
    """What a unit sees of the image, along one axis: pixels, and pixels between neighbours."""

    field: int
    jump: int

    def through(self, *, window: int, stride: int) -> "Sight":
        """Look through a window over the units."""
        return Sight(self.field + (window - 1) * self.jump, self.jump * stride)


class Standing(NamedTuple):
    """Where the walk up the layers stands."""

    shape: MapShape
    height: Sight
    width: Sight
    image: MapShape

    def beside(self, others: Iterable["Standing"], shape: MapShape) -> "Standing":
        """Join with where other branches stand, to maps of which each sees what any of them do."""
        every = [self, *others]
        return Standing(
            shape,
            max((standing.height for standing in every), key=lambda sight: sight.field),
            max((standing.width for standing in every), key=lambda sight: sight.field),
            self.image,
        )

    def at(self, shape: MapShape, *, window: tuple[int, int], stride: int = 1) -> "Standing":
        """Step through a window to maps of another shape."""
        return Standing(
            shape,
            self.height.through(window=window[0], stride=stride),
            self.width.through(window=window[1], stride=stride),
            self.image,
        )

    def seeing_all(self, shape: MapShape) -> "Standing":
        """Step to maps of which every unit sees the whole image."""
        whole = self.image
        return Standing(shape, Sight(whole.height, 1), Sight(whole.width, 1), whole)


def slide(
    stage: str,
    key: str,
    shape: MapShape,
    maps: int,
    *,
    size: int,
    stride: int,
    padding: Border,
) -> tuple[MapShape, int]:
    """Slide a window: the shape of what comes out, and the inputs seen in one map.

    Raises:
        RecipeError: If the window does not fit; the sentence names stage and key.
    """
    try:
        output = window_output(shape, size=size, stride=stride, padding=padding, maps=maps)
    except ShapeError:
        raise RecipeError(
            f"stage {stage!r}: {key} {size} does not fit into {shape.height}x{shape.width}"
        ) from None
    return output, inputs_seen(shape, size=(size, size), stride=stride, padding=padding)


def inputs_seen(shape: MapShape, *, size: tuple[int, int], stride: int, padding: Border) -> int:
    """Count the inputs of one map inside a window, summed over its positions."""
    return math.prod(
        _covered(length, window=side, stride=stride, padding=padding)
        for length, side in zip((shape.height, shape.width), size, strict=True)
    )


def _covered(length: int, *, window: int, stride: int, padding: Border) -> int:
    """Count the inputs inside a window, summed over its positions along one axis."""
    before, _ = pads(length, window=window, stride=stride, padding=padding)
    count = output_size(length, window=window, stride=stride, padding=padding)
    return covered(length, window=window, stride=stride, before=before, count=count)


def covered(length: int, *, window: int, stride: int, before: int, count: int) -> int:
    """Count the inputs inside a window, summed over its positions along one axis.

    Each position is not looked at: an axis may be described that is longer than any loop.

    Args:
        length: Of the axis.
        window: Its side.
        stride: Step between positions.
        before: How far the first position reaches over the beginning.
        count: Positions.
    """
    beyond = max((count - 1) * stride - before + window - length, 0)
    lost = _overhangs(before, stride, count) + _overhangs(beyond, stride, count)
    return count * window - lost


def _overhangs(longest: int, stride: int, count: int) -> int:
    """Sum what positions reach over an end, each a stride less than the one further out."""
    reaching = min(-(-longest // stride), count)
    return reaching * longest - stride * reaching * (reaching - 1) // 2
