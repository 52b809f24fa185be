"""Many small tiles in one picture, which the page cuts up again."""

import base64
import math
from dataclasses import dataclass
from io import BytesIO

import numpy as np
from PIL import Image

from featlearn.visualize.tiles import Pixels, mosaic

_LARGEST = 16_000
"""Pixels a side of a WebP picture, at most."""

_EXACT = 150_000
"""Up to this many pixels a sheet keeps every one as it is."""

QUALITY = 76


@dataclass(frozen=True)
class Sheet:
    """Tiles in rows, a pixel between them.

    Attributes:
        key: Unique in the page.
        source: A `data:` address.
        width: Of a tile, in pixels of the sheet.
        height: Of a tile.
        columns: Tiles in a row.
        count: How many tiles there are.
        title: What is seen.
        note: How to read it.
        alt: For those who do not see it.
        units: Which entries of the gallery the tiles are of; all, in order, if absent.
    """

    key: str
    source: str
    width: int
    height: int
    columns: int
    count: int
    title: str
    note: str
    alt: str
    units: tuple[int, ...] | None = None

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the whole, in its own pixels."""
        rows = -(-self.count // self.columns)
        return self.columns * (self.width + 1) - 1, rows * (self.height + 1) - 1

    @property
    def shown(self) -> tuple[int, int]:
        """Width and height to show the whole at, in CSS pixels."""
        width, height = self.size
        tile = max(1, min(8, round(72 / self.width)))
        across = min(width * tile, 860)
        return across, round(across * height / width)


def sheet_of(key: str, tiles: Pixels, *, title: str, note: str, alt: str) -> Sheet:
    """Lay tiles out in one picture, about twice as wide as it is high.

    Small sheets keep every pixel; large ones are compressed as photographs are.

    Args:
        key: Unique in the page.
        tiles: `(n, height, width, 4)`, at least one.
        title: What is seen.
        note: How to read it.
        alt: For those who do not see it.
    """
    count, height, width, _ = tiles.shape
    columns = math.ceil(math.sqrt(count * 1.6 * (height + 1) / (width + 1)))
    columns = max(1, min(columns, count, _LARGEST // (width + 1)))
    pixels = mosaic(tiles, columns=columns)
    source = _address(pixels)
    return Sheet(key, source, width, height, columns, count, title, note, alt)


def shrunk(tiles: Pixels, *, side: int) -> Pixels:
    """Make tiles smaller, so that their longer side has `side` pixels at most."""
    height, width = tiles.shape[1:3]
    scale = side / max(height, width)
    if scale >= 1:
        return tiles
    size = max(1, round(width * scale)), max(1, round(height * scale))
    small = [np.asarray(Image.fromarray(t).resize(size, Image.Resampling.BOX)) for t in tiles]
    return np.stack(small)


def _address(pixels: Pixels) -> str:
    """Write a picture as an address that holds it."""
    image, buffer = Image.fromarray(pixels), BytesIO()
    exact = pixels.shape[0] * pixels.shape[1] <= _EXACT
    image.save(buffer, format="WEBP", lossless=exact, quality=60 if exact else QUALITY, method=4)
    return f"data:image/webp;base64,{base64.b64encode(buffer.getvalue()).decode()}"
