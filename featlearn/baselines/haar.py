"""Haar-like features: differences between neighbouring rectangles of an image."""

from functools import cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from featlearn.errors import DataError

_PATTERNS = (
    ((1, -1),),
    ((1,), (-1,)),
    ((1, -2, 1),),
    ((1,), (-2,), (1,)),
    ((1, -1), (-1, 1)),
)
"""Weights of equal cells, row by row: two and three beside or above each other, a chequer."""


class Haar(NamedTuple):
    """One feature: where it lies, and its cells.

    Attributes:
        pattern: Place in the list of patterns.
        map: Of the image.
        top: Upper row.
        left: Left column.
        height: Of one cell, in pixels.
        width: Of one cell, in pixels.
    """

    pattern: int
    map: int
    top: int
    left: int
    height: int
    width: int


def draw_haar(
    shape: tuple[int, int, int], count: int, rng: np.random.Generator
) -> tuple[Haar, ...]:
    """Draw features, each placement of each size of each pattern alike.

    Args:
        shape: Maps, height and width of an image.
        count: How many to draw; fewer come out where some are drawn twice.
        rng: Of the draw.

    Raises:
        DataError: If no feature fits into an image.

    Source:
        Viola & Jones, CVPR 2001.
    """
    maps, rows, columns = shape
    sizes: list[tuple[int, int, int, int, int]] = []
    for place, pattern in enumerate(_PATTERNS):
        high, wide = len(pattern), len(pattern[0])
        sizes += [
            (place, height, width, rows - high * height + 1, columns - wide * width + 1)
            for height in range(1, rows // high + 1)
            for width in range(1, columns // wide + 1)
        ]
    if not sizes:
        raise DataError(f"images of {rows} x {columns} are too small for Haar-like features")
    places = np.array([down * along for *_, down, along in sizes], np.float64)
    chosen = rng.choice(len(sizes), size=count, p=places / places.sum())
    found: dict[Haar, None] = {}
    for size in chosen:
        pattern, height, width, down, along = sizes[size]
        place, top, left = (int(rng.integers(most)) for most in (maps, down, along))
        found[Haar(pattern, place, top, left, height, width)] = None
    return tuple(found)


def integral(images: NDArray[Any]) -> NDArray[np.float32]:
    """Sum every image over all pixels above and left of each corner.

    Args:
        images: `(n, maps, height, width)`.

    Returns:
        `(maps, height + 1, width + 1, n)`, in the unit of the images; sums of whole numbers
        are exact up to 2^24, which an image of 256 x 256 bytes does not exceed.
    """
    count, maps, rows, columns = images.shape
    sums = np.zeros((maps, rows + 1, columns + 1, count), np.float32)
    sums[:, 1:, 1:] = images.transpose(1, 2, 3, 0)
    for axis in (1, 2):
        np.cumsum(sums, axis, out=sums)
    return sums


def haar_response(feature: Haar, sums: NDArray[np.float32]) -> NDArray[np.float32]:
    """Compute one feature of all images.

    Args:
        feature: What it is.
        sums: As `integral` gives them.

    Returns:
        `(n,)`, the sum of the cells' pixels times the cells' weights, which add up to zero.
    """
    plane = sums[feature.map]
    total = np.zeros(plane.shape[-1], np.float32)
    for (row, column), weight in _corners(feature.pattern).items():
        y = feature.top + row * feature.height
        x = feature.left + column * feature.width
        total += np.float32(weight) * plane[y, x]
    return total


@cache
def _corners(pattern: int) -> dict[tuple[int, int], int]:
    """Weigh the corners of a pattern's cells: each cell is a sum over its four."""
    weights = np.pad(np.array(_PATTERNS[pattern]), 1)
    corners = weights[1:, 1:] - weights[1:, :-1] - weights[:-1, 1:] + weights[:-1, :-1]
    return {
        (row, column): int(weight)
        for (row, column), weight in np.ndenumerate(corners)
        if weight != 0
    }
