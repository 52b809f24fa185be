"""From filters and images to pixels: tiles, and mosaics of them."""

import math

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating]
Pixels = NDArray[np.uint8]
"""`(height, width, 4)`, red, green, blue, opacity."""


def signed_tiles(bank: Floats) -> Pixels:
    """Turn filters into tiles in which mid-grey is zero.

    Each filter has a scale of its own, symmetric about zero and the same for all
    its channels, so that its largest weight is white or black (or a full colour).

    Args:
        bank: `(n, 1 or 3, height, width)`; three channels are red, green, blue.

    Returns:
        `(n, height, width, 4)`; an all-zero filter is plain grey.
    """
    reach = np.abs(bank).max(axis=(1, 2, 3), keepdims=True, initial=0.0)
    scaled = bank / np.where(reach > 0, reach, 1.0)
    return _bytes(0.5 + 0.5 * scaled)


def image_tiles(images: Floats, *, low: Floats | float = 0.0, high: Floats | float = 1.0) -> Pixels:
    """Turn images into tiles, `low` to black and `high` to white.

    Args:
        images: `(n, channels, height, width)`; one channel is grey, three are
            colour, of any other number the mean is shown.
        low: Value shown as black, a number or one for each image.
        high: Value shown as white.

    Returns:
        `(n, height, width, 4)`.
    """
    if images.shape[1] not in (1, 3):
        images = images.mean(axis=1, keepdims=True)
    low_, high_ = (np.reshape(end, (-1, 1, 1, 1)) for end in (low, high))
    span = np.where(high_ > low_, high_ - low_, 1.0)
    return _bytes((images - low_) / span)


def strips(bank: Floats) -> Pixels:
    """Lay the channels of each filter side by side, on one scale per filter.

    Args:
        bank: `(n, channels, height, width)`.

    Returns:
        `(n, height, channels·(width + 1) - 1, 4)`, a clear column between channels.
    """
    n, channels, height, width = bank.shape
    flat = bank.transpose(0, 2, 1, 3).reshape(n, 1, height, channels * width)
    tiles = signed_tiles(flat).reshape(n, height, channels, width, 4)
    spaced = np.zeros((n, height, channels, width + 1, 4), np.uint8)
    spaced[..., :width, :] = tiles
    return spaced.reshape(n, height, channels * (width + 1), 4)[:, :, :-1]


def spread(count: int, most: int) -> NDArray[np.int64]:
    """Choose up to `most` of `count` places, evenly, both ends among them."""
    return np.linspace(0, count - 1, min(count, most)).round().astype(np.int64)


def best_columns(count: int, *, height: int, width: int, aspect: float = 2.2) -> int:
    """Choose how many tiles make a row.

    A number that divides `count`, and so leaves no hole, is taken if it comes near
    the wanted shape.

    Args:
        count: How many tiles there are.
        height: Height of a tile.
        width: Width of a tile.
        aspect: Width of the whole over its height.
    """
    wanted = math.sqrt(max(count, 1) * aspect * height / width)
    even = [c for c in range(1, count + 1) if count % c == 0 and 0.6 <= c / wanted <= 1.7]
    if even:
        return min(even, key=lambda c: abs(math.log(c / wanted)))
    return max(1, min(count, round(wanted)))


def mosaic(tiles: Pixels, *, columns: int, gap: int = 1) -> Pixels:
    """Lay tiles out in rows, with clear gaps.

    Args:
        tiles: `(n, height, width, 4)`.
        columns: Tiles in a row.
        gap: Pixels between tiles.

    Returns:
        `(rows·(height + gap) - gap, columns·(width + gap) - gap, 4)`.
    """
    n, height, width, depth = tiles.shape
    rows = -(-n // columns)
    room = np.zeros((rows * columns, height + gap, width + gap, depth), np.uint8)
    room[:n, :height, :width] = tiles
    laid = room.reshape(rows, columns, height + gap, width + gap, depth).swapaxes(1, 2)
    laid = laid.reshape(rows * (height + gap), columns * (width + gap), depth)
    return laid[: rows * (height + gap) - gap, : columns * (width + gap) - gap]


def enlarged(pixels: Pixels, *, width: int) -> Pixels:
    """Repeat every pixel a whole number of times, until about `width` across.

    Sharp edges survive whatever scaling a page applies after.
    """
    factor = max(1, round(width / pixels.shape[1]))
    return pixels.repeat(factor, axis=0).repeat(factor, axis=1)


def _bytes(unit: Floats) -> Pixels:
    """Turn `(n, 1 or 3, h, w)` in [0, 1] into opaque pixels; what is not finite, into clear."""
    known = np.isfinite(unit).all(axis=1)
    colours = np.clip(np.nan_to_num(unit), 0, 1) * 255
    colours = np.broadcast_to(colours, (unit.shape[0], 3, *unit.shape[2:]))
    opaque = np.where(known, 255, 0)[:, np.newaxis]
    stacked = np.concatenate([np.rint(colours), opaque], axis=1)
    return stacked.transpose(0, 2, 3, 1).astype(np.uint8)
