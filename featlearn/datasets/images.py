"""Decoding one picture into an array."""

import logging
import struct
import warnings
import zlib
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any, BinaryIO, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from featlearn.config.data import Colour
from featlearn.datasets.limits import MAX_IMAGE_PIXELS
from featlearn.datasets.quiet import quiet
from featlearn.errors import DataError, UnfitError

SUFFIXES = frozenset(
    {".bmp", ".gif", ".jpeg", ".jpg", ".pbm", ".pgm", ".png", ".pnm", ".ppm", ".tif", ".tiff"}
    | {".webp"}
)
"""Files that are taken for images, in lower case."""

# Raster formats only: Pillow's others may start programs or wrap further files.
_FORMATS = ("BMP", "GIF", "JPEG", "PNG", "PPM", "TIFF", "WEBP")
_ORIENTATION = 0x0112
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_MODES = {
    "1": "black and white",
    "L": "grey",
    "I": "grey",
    "I;16": "grey",
    "I;16B": "grey",
    "F": "grey",
    "LA": "grey with alpha",
    "P": "palette",
    "RGB": "colour",
    "RGBA": "colour with alpha",
    "CMYK": "printing colours",
}
_BROKEN = (
    *(OSError, SyntaxError, EOFError, struct.error, zlib.error),
    # Pillow takes what a header says for what it ought to be: a fraction for an offset, …
    *(ValueError, TypeError, AttributeError, LookupError, ArithmeticError, RuntimeError),
)
"""What Pillow raises on a broken picture."""


class Look(NamedTuple):
    """What a picture is, before a recipe's policy.

    Attributes:
        mode: Its colours in words, as `grey` or `palette`.
        depth: `8-bit`, `16-bit` or `floating-point`.
        shape: Maps, height and width of its pixels, where colours are kept.
        floats: Whether its pixels are read as floating-point numbers.
    """

    mode: str
    depth: str
    shape: tuple[int, int, int]
    floats: bool


def look_at(file: BinaryIO, *, name: str) -> Look:
    """Say what a picture is; it is decoded, so that a broken one is found.

    Args:
        file: The encoded picture, seekable.
        name: What it is called in messages.

    Raises:
        DataError: If the picture is broken, too large or of an unknown format.
    """
    with _silently():
        picture = _loaded(file, name)
        maps = _to_maps(picture, name=name, colour="keep")
    floats = maps.dtype != np.uint8
    depth = "8-bit" if not floats else "floating-point" if picture.mode == "F" else "16-bit"
    mode = _MODES.get(picture.mode, f"colour ({picture.mode})")
    if picture.mode == "P" and picture.has_transparency_data:
        mode = "palette with transparency"
    return Look(mode, depth, maps.shape, floats)


def decode_image(file: BinaryIO, *, name: str, colour: Colour) -> NDArray[Any]:
    """Decode one picture.

    The size in its header is checked before its pixels are decoded, and its EXIF
    orientation is applied. Of an animation the first picture is taken.

    Args:
        file: The encoded picture, seekable.
        name: What it is called in messages.
        colour: `keep` leaves the maps that the file has (grey 1, grey with alpha
            2, colour 3, colour with alpha 4; palettes and printing colours
            become RGB); `grey` and `rgb` make 1 and 3 of them, transparent
            pixels shown on white.

    Returns:
        `(maps, height, width)`: uint8; float32 in [0, 1] for 16-bit grey; float32
        as they are for floating-point pixels.

    Raises:
        DataError: If the picture is broken, too large or of an unknown format.
    """
    with _silently():
        return _to_maps(_loaded(file, name), name=name, colour=colour)


@contextmanager
def _silently() -> Generator[None]:
    """Silence Pillow, which warns of odd metadata; a picture that decodes is good enough.

    What it logs of one that does not, our own sentence says.
    """
    with warnings.catch_warnings(), quiet("PIL", below=logging.CRITICAL):
        warnings.simplefilter("ignore")
        yield


def _loaded(file: BinaryIO, name: str) -> Image.Image:
    """Decode a picture, and turn it upright."""
    try:
        with Image.open(file, formats=_FORMATS) as picture:
            _check_size(picture, name)
            picture.load()
            return _upright(picture)
    except UnidentifiedImageError as error:
        raise DataError(f"{name} is not an image that can be read, or it is empty") from error
    except Image.DecompressionBombError as error:
        raise DataError(_too_large(name, "it has more pixels")) from error
    except _BROKEN as error:
        raise DataError(f"{name} is a broken or truncated image ({error})") from error


def convert_maps(images: NDArray[Any], *, colour: Colour, name: str) -> NDArray[Any]:
    """Give decoded images the maps that `colour` asks for.

    Args:
        images: `(…, maps, height, width)`, uint8 or float32.
        colour: `keep`, `grey` (ITU-R 601 luma, Pillow's) or `rgb`.
        name: What the images are called in messages.

    Returns:
        Images of the same dtype, with 1 map (`grey`), 3 (`rgb`) or as they were.

    Raises:
        UnfitError: If there is no rule for that number of maps.
    """
    maps = images.shape[-3]
    if colour == "keep" or maps == {"grey": 1, "rgb": 3}[colour]:
        return images
    if maps > 4:
        raise UnfitError(
            f'{name} has {maps} maps, which `data.colour = "{colour}"` cannot convert',
            advice='use `data.colour = "keep"`',
        )
    if maps in {2, 4}:
        images = _on_white(images)
    if colour == "rgb":
        return np.repeat(images, 3, axis=-3) if images.shape[-3] == 1 else images
    return images if images.shape[-3] == 1 else _luma(images)


def _upright(picture: Image.Image) -> Image.Image:
    """Turn a picture as its EXIF orientation says; broken EXIF says nothing."""
    try:
        turn = _TURNS.get(picture.getexif().get(_ORIENTATION, 1))
    except _BROKEN:
        turn = None
    return picture if turn is None else picture.transpose(turn)


def _check_size(picture: Image.Image, name: str) -> None:
    """Refuse a picture too large to decode, by its header."""
    width, height = picture.size
    if width * height > MAX_IMAGE_PIXELS:
        raise DataError(_too_large(name, f"{width} x {height} pixels are more"))


def _too_large(name: str, what: str) -> str:
    """Say that a picture is too large."""
    return f"{name} is too large to decode: {what} than the limit of {MAX_IMAGE_PIXELS}"


def _to_maps(picture: Image.Image, *, name: str, colour: Colour) -> NDArray[Any]:
    """Turn a decoded picture into maps first."""
    mode = picture.mode
    if mode.startswith("I") or mode == "F":
        maps = _deep_grey(picture, name)
    else:
        plain = _plain_mode(picture)
        maps = np.asarray(picture if plain == mode else picture.convert(plain))
        maps = maps[None] if maps.ndim == 2 else maps.transpose(2, 0, 1)
    return np.ascontiguousarray(convert_maps(maps, colour=colour, name=name))


def _plain_mode(picture: Image.Image) -> str:
    """Name the 8-bit mode that holds what the picture holds."""
    mode = picture.mode
    if mode in {"L", "LA", "RGB", "RGBA"}:
        return mode
    if mode == "1":
        return "L"
    return "RGBA" if picture.has_transparency_data else "RGB"


def _deep_grey(picture: Image.Image, name: str) -> NDArray[np.float32]:
    """Bring 16-bit grey to [0, 1], and take floating-point pixels as they are."""
    pixels = np.asarray(picture)
    if pixels.dtype.kind == "f":
        if not np.isfinite(pixels).all():
            raise DataError(f"{name} has pixels that are NaN or infinite")
        return pixels.astype(np.float32)[None]
    if pixels.min() < 0 or pixels.max() > 65535:
        raise DataError(
            f"{name} has pixels in {pixels.min()}..{pixels.max()}; "
            "8-bit, 16-bit or floating-point pixels were expected"
        )
    return (pixels / 65535).astype(np.float32)[None]


def _on_white(images: NDArray[Any]) -> NDArray[Any]:
    """Show images whose last map is alpha on a white ground."""
    top = 255 if images.dtype == np.uint8 else 1
    alpha = images[..., -1:, :, :].astype(np.float32) / top
    shown = images[..., :-1, :, :] * alpha + top * (1 - alpha)
    return _like(shown, images)


def _luma(images: NDArray[Any]) -> NDArray[Any]:
    """Weigh red, green and blue as ITU-R 601 does."""
    weights = np.array([0.299, 0.587, 0.114], np.float32)
    grey = np.einsum("c,...chw->...hw", weights, images.astype(np.float32))
    return _like(grey[..., None, :, :], images)


def _like(values: NDArray[Any], images: NDArray[Any]) -> NDArray[Any]:
    """Bring values back to the dtype of `images`."""
    if images.dtype == np.uint8:
        return np.clip(np.rint(values), 0, 255).astype(np.uint8)
    return values.astype(np.float32)
