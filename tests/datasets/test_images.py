import io
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from featlearn.config.data import Colour
from featlearn.datasets.images import convert_maps, decode_image
from featlearn.errors import DataError

Encode = Callable[..., bytes]
RNG = np.random.default_rng(0)
GREY = RNG.integers(0, 256, (3, 4), np.uint8)
RGB = RNG.integers(0, 256, (3, 4, 3), np.uint8)


def decode(data: bytes, colour: Colour = "keep") -> NDArray[Any]:
    return decode_image(io.BytesIO(data), name="it.png", colour=colour)


def saved(picture: Image.Image, kind: str = "PNG", **options: Any) -> bytes:
    file = io.BytesIO()
    picture.save(file, kind, **options)
    return file.getvalue()


@pytest.mark.parametrize("kind", ["PNG", "BMP", "GIF", "PPM", "TIFF"])
def test_grey_is_one_map(encode: Encode, kind: str) -> None:
    maps = decode(encode(GREY, kind), "grey" if kind == "GIF" else "keep")
    assert maps.dtype == np.uint8
    np.testing.assert_array_equal(maps, GREY[None])


@pytest.mark.parametrize("kind", ["PNG", "BMP", "PPM", "TIFF"])
def test_colour_is_three_maps(encode: Encode, kind: str) -> None:
    np.testing.assert_array_equal(decode(encode(RGB, kind)), RGB.transpose(2, 0, 1))


@pytest.mark.parametrize(("mode", "maps"), [("1", 1), ("LA", 2), ("RGBA", 4), ("CMYK", 3)])
def test_kept_maps_are_those_of_the_file(mode: str, maps: int) -> None:
    kind = "TIFF" if mode == "CMYK" else "PNG"
    assert decode(saved(Image.new(mode, (5, 2)), kind)).shape == (maps, 2, 5)


def test_a_palette_becomes_colour() -> None:
    picture = Image.new("P", (2, 1))
    picture.putpalette([10, 20, 30, 40, 50, 60])
    picture.putpixel((1, 0), 1)
    assert decode(saved(picture)).tolist() == [[[10, 40]], [[20, 50]], [[30, 60]]]
    assert decode(saved(picture, transparency=0)).shape == (4, 1, 2)


def test_sixteen_bits_become_unit_floats() -> None:
    deep = np.array([[0, 13107, 65535]], np.uint16)
    for kind in ("PNG", "TIFF", "PPM"):
        maps = decode(saved(Image.fromarray(deep), kind))
        assert maps.dtype == np.float32
        np.testing.assert_allclose(maps, [[[0, 0.2, 1]]], rtol=1e-6)


def test_floating_point_pixels_stay_and_must_be_finite() -> None:
    deep = np.array([[-0.5, 0.25, 3]], np.float32)
    assert decode(saved(Image.fromarray(deep), "TIFF")).tolist() == [deep.tolist()]
    deep[0, 1] = np.nan
    with pytest.raises(DataError, match=r"it\.png has pixels that are NaN"):
        decode(saved(Image.fromarray(deep), "TIFF"))


def test_integers_beyond_sixteen_bits_are_refused() -> None:
    deep = np.array([[0, 70000]], np.int32)
    with pytest.raises(DataError, match=r"pixels in 0\.\.70000"):
        decode(saved(Image.fromarray(deep), "TIFF"))


def test_grey_and_rgb_are_those_of_pillow(encode: Encode) -> None:
    expected = np.asarray(Image.fromarray(RGB).convert("L"), np.int64)
    assert np.abs(decode(encode(RGB), "grey")[0].astype(np.int64) - expected).max() <= 1
    np.testing.assert_array_equal(decode(encode(GREY), "rgb"), np.stack([GREY] * 3))


def test_transparency_is_shown_on_white() -> None:
    pixels = np.array([[[0, 0, 0, 255], [0, 0, 0, 0], [0, 100, 200, 51]]], np.uint8)
    shown = decode(saved(Image.fromarray(pixels)), "rgb")
    assert shown.transpose(1, 2, 0).tolist() == [[[0, 0, 0], [255, 255, 255], [204, 224, 244]]]
    grey = decode(saved(Image.fromarray(pixels)), "grey")
    assert grey[0, 0, :2].tolist() == [0, 255]


def test_transparent_grey_is_shown_on_white() -> None:
    pixels = np.array([[[0, 255], [100, 0]]], np.uint8)
    assert decode(saved(Image.fromarray(pixels)), "grey").tolist() == [[[0, 255]]]


@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientation_turns_the_picture_upright(orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    picture = Image.fromarray(GREY)
    # The inverse of each turn, from the definition of the EXIF tag.
    stored = {
        1: lambda a: a,
        2: lambda a: a[:, ::-1],
        3: lambda a: a[::-1, ::-1],
        4: lambda a: a[::-1],
        5: lambda a: a.T,
        6: lambda a: np.rot90(a, 1),
        7: lambda a: a[::-1, ::-1].T,
        8: lambda a: np.rot90(a, -1),
    }[orientation](GREY)
    picture = Image.fromarray(np.ascontiguousarray(stored))
    np.testing.assert_array_equal(decode(saved(picture, exif=exif)), GREY[None])


@pytest.mark.parametrize("exif", [b"MM\0*\xff\xff\xff\xff", b"no TIFF header"])
def test_broken_metadata_do_not_matter(exif: bytes) -> None:
    data = saved(Image.fromarray(GREY), exif=b"Exif\0\0" + exif)
    np.testing.assert_array_equal(decode(data), GREY[None])


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "GIF", "BMP", "TIFF", "WEBP", "PPM"])
def test_a_truncated_picture_is_refused_by_name(encode: Encode, kind: str) -> None:
    data = encode(RNG.integers(0, 256, (20, 20, 3), np.uint8), kind)
    for length in (0, 1, 8, len(data) // 4, len(data) // 2, len(data) * 3 // 4):
        with pytest.raises(DataError, match=r"it\.png is (a broken|not an image)"):
            decode(data[:length])


def test_what_is_no_picture_is_refused() -> None:
    with pytest.raises(DataError, match=r"it\.png is not an image"):
        decode(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n")


@pytest.mark.parametrize(
    ("side", "what"), [(9000, "9000 x 9000 pixels are more"), (60_000, "it has more pixels")]
)
def test_a_huge_picture_is_refused_before_memory_is_taken(
    side: int, what: str, memory_below: Callable[[int], AbstractContextManager[None]]
) -> None:
    header = f"P5 {side} {side} 255\n".encode()
    with memory_below(1_000_000), pytest.raises(DataError) as refused:
        decode(header + bytes(100))
    said = f"it.png is too large to decode: {what} than the limit of 67108864"
    assert str(refused.value) == said


@pytest.mark.parametrize("colour", ["grey", "rgb"])
def test_many_maps_cannot_be_converted(colour: Colour) -> None:
    images = np.zeros((2, 5, 3, 3), np.float32)
    with pytest.raises(DataError, match=f'spectra has 5 maps.*"{colour}"'):
        convert_maps(images, colour=colour, name="spectra")
    assert convert_maps(images, colour="keep", name="spectra") is images


def test_floats_are_converted_as_floats() -> None:
    images = np.array([0.2, 0.4, 0.6], np.float32).reshape(1, 3, 1, 1)
    grey = convert_maps(images, colour="grey", name="it")
    assert grey.dtype == np.float32
    np.testing.assert_allclose(
        grey, np.full((1, 1, 1, 1), 0.299 * 0.2 + 0.587 * 0.4 + 0.114 * 0.6), rtol=1e-6
    )
