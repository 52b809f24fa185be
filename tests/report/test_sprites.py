"""Sheets of tiles: each tile is where the page looks for it."""

import base64
from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from featlearn.report.sprites import Sheet, sheet_of, shrunk
from featlearn.visualize.tiles import Pixels


def tiles(count: int, height: int, width: int) -> Pixels:
    drawn = np.random.default_rng(0).integers(0, 255, (count, height, width, 4)).astype(np.uint8)
    drawn[..., 3] = 255
    return drawn


def decoded(sheet: Sheet) -> Pixels:
    head, data = sheet.source.split(",", 1)
    assert head == "data:image/webp;base64"
    return np.asarray(Image.open(BytesIO(base64.b64decode(data))).convert("RGBA"))


@pytest.mark.parametrize(("count", "height", "width"), [(1, 1, 1), (7, 5, 9), (100, 9, 9)])
def test_small_sheets_keep_every_pixel_in_its_place(count: int, height: int, width: int) -> None:
    given = tiles(count, height, width)
    sheet = sheet_of("k", given, title="t", note="n", alt="a")
    pixels = decoded(sheet)
    assert sheet.size == (pixels.shape[1], pixels.shape[0])
    for place, tile in enumerate(given):
        row, column = divmod(place, sheet.columns)
        top, left = row * (height + 1), column * (width + 1)
        np.testing.assert_array_equal(pixels[top : top + height, left : left + width], tile)


def test_large_sheets_are_compressed_and_near(monkeypatch: pytest.MonkeyPatch) -> None:
    smooth = np.linspace(0, 255, 64).astype(np.uint8)
    given = np.full((60, 64, 64, 4), 255, np.uint8)
    given[..., :3] = smooth[:, None]
    sheet = sheet_of("k", given, title="t", note="n", alt="a")
    assert len(sheet.source) < given.nbytes / 20
    inside = decoded(sheet)[8:56, 8:56, 0].astype(int)
    assert np.abs(inside - given[0, 8:56, 8:56, 0]).max() < 12


def test_tiles_are_made_smaller_never_larger() -> None:
    given = tiles(3, 20, 40)
    assert shrunk(given, side=40) is given
    small = shrunk(given, side=20)
    assert small.shape == (3, 10, 20, 4)
    boxes = given.reshape(3, 10, 2, 20, 2, 4).mean(axis=(2, 4))
    assert np.abs(small - boxes).max() <= 1
