"""Sources of images that are cut off or changed at any byte: refused by name, or as they were."""

import gzip
import io
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from featlearn.config.data import DataSpec
from featlearn.datasets.source import open_images

Attempt = Callable[..., Any]
Damage = Callable[[bytes], Iterator[bytes]]
Put = Callable[[Path, bytes], None]
Encode = Callable[..., bytes]
IdxBytes = Callable[[NDArray[Any]], bytes]

DRAW = np.random.default_rng(0)
IMAGES = DRAW.integers(0, 256, (3, 4, 5), dtype=np.uint8)
COLOUR = DRAW.integers(0, 256, (6, 7, 3), dtype=np.uint8)
DEEP = DRAW.integers(0, 65536, (5, 6), dtype=np.uint16)

FILES = (
    *("three-images-idx3-ubyte", "three-images-idx3-ubyte.gz", "bytes.npy", "floats.npy"),
    *("labels.npz", "classes.npz", "colour.png", "deep.png", "grey.png", "colour.jpg"),
    *("grey.gif", "colour.bmp", "colour.tif", "colour.webp", "grey.pgm", "plain.pgm"),
    "pictures.zip",
)


def saved(array: NDArray[Any]) -> bytes:
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


def archived(save: Callable[..., None], **arrays: NDArray[Any]) -> bytes:
    file = io.BytesIO()
    save(file, **arrays)
    return file.getvalue()


def zipped(**pictures: bytes) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in pictures.items():
            archive.writestr(f"{name}/1.png", data)
    return file.getvalue()


@pytest.fixture
def corpus(encode: Encode, idx_bytes: IdxBytes) -> dict[str, bytes]:
    """Give a small file of every format that is read."""
    idx, grey = idx_bytes(IMAGES), COLOUR[..., 0]
    labelled = {"images": IMAGES, "labels": np.array([0, 1, 1])}
    named = {"images": IMAGES, "labels": np.array(["b", "a", "a"]), "classes": np.array(["a", "b"])}
    files = [
        *(idx, gzip.compress(idx), saved(IMAGES), saved(IMAGES / np.float32(255))),
        archived(np.savez_compressed, **labelled),
        archived(np.savez, **named),
        *(encode(COLOUR), encode(DEEP), encode(grey // 64), encode(COLOUR, "JPEG", quality=50)),
        *(encode(grey, "GIF"), encode(COLOUR, "BMP"), encode(COLOUR, "TIFF")),
        *(encode(COLOUR, "WEBP", lossless=True), encode(grey, "PPM")),
        b"P2\n# three by two\n3 2\n255\n1 2 3\n4 5 6\n",
        zipped(cat=encode(COLOUR), dog=encode(COLOUR)),
    ]
    return dict(zip(FILES, files, strict=True))


def content(path: Path) -> tuple[object, ...]:
    """Read a source, and give all that a result can depend on."""
    found = open_images(str(path), DataSpec(source="x"), root=None)
    labels = None if found.labels is None else found.labels.tolist()
    return found.images.tobytes(), found.images.shape, labels, found.classes, found.ids


@pytest.mark.parametrize("name", FILES)
def test_a_file_that_is_cut_off(
    tmp_path: Path, corpus: dict[str, bytes], name: str, cuts: Damage, attempt: Attempt, put: Put
) -> None:
    path = tmp_path / name
    path.write_bytes(corpus[name])
    whole = content(path)
    refused = 0
    for damaged in cuts(corpus[name]):
        put(path, damaged)
        outcome = attempt(lambda: content(path), str(path))
        assert outcome.refusal or outcome.content == whole, len(damaged)
        refused += outcome.refusal is not None
    assert refused > 20


@pytest.mark.parametrize("name", FILES)
def test_a_file_in_which_a_byte_is_another(
    tmp_path: Path, corpus: dict[str, bytes], name: str, flips: Damage, attempt: Attempt, put: Put
) -> None:
    path = tmp_path / name
    for damaged in flips(corpus[name]):
        put(path, damaged)
        outcome = attempt(lambda: content(path), str(path))
        assert outcome.refusal or outcome.content  # most formats have no checksum of their pixels


@pytest.mark.parametrize("kind", ["images-idx3", "labels-idx1"])
def test_a_file_of_a_folder_like_that_of_mnist(
    tmp_path: Path,
    write_mnist: Callable[[Path], Path],
    kind: str,
    cuts: Damage,
    flips: Damage,
    attempt: Attempt,
    put: Put,
) -> None:
    folder = write_mnist(tmp_path / "set")
    whole = content(folder)
    path = folder / f"t10k-{kind}-ubyte.gz"
    data = path.read_bytes()
    for damaged in (*cuts(data), *flips(data)):
        put(path, damaged)
        outcome = attempt(lambda: content(folder), str(path))
        assert outcome.refusal or outcome.content == whole  # gzip has a checksum


def test_one_picture_of_a_folder(
    tmp_path: Path,
    write_tree: Callable[..., Path],
    corpus: dict[str, bytes],
    cuts: Damage,
    attempt: Attempt,
    put: Put,
) -> None:
    folder = write_tree({"a/1.png": COLOUR, "b/2.png": corpus["colour.png"]})
    whole = content(folder)
    for damaged in cuts(corpus["colour.png"]):
        put(folder / "b" / "2.png", damaged)
        outcome = attempt(lambda: content(folder), str(folder / "b" / "2.png"))
        assert outcome.refusal or outcome.content == whole


def test_a_tiff_whose_pixels_begin_at_a_fraction(
    tmp_path: Path, corpus: dict[str, bytes], attempt: Attempt
) -> None:
    data = corpus["colour.tif"]
    path = tmp_path / "x.tif"
    offsets_as_long = b"\x11\x01\x04\x00"
    assert offsets_as_long in data
    path.write_bytes(data.replace(offsets_as_long, b"\x11\x01\x05\x00"))
    assert "is a broken or truncated image" in attempt(lambda: content(path), str(path)).refusal


def test_what_pillow_logs_is_not_shown(
    tmp_path: Path,
    corpus: dict[str, bytes],
    flips: Damage,
    attempt: Attempt,
    put: Put,
    capfd: pytest.CaptureFixture[str],
) -> None:
    for name in ("colour.png", "colour.tif", "colour.jpg"):
        path = tmp_path / name
        for damaged in flips(corpus[name][:200]):
            put(path, damaged + corpus[name][200:])
            attempt(lambda: content(path), name)  # noqa: B023  called at once
    assert capfd.readouterr() == ("", "")
