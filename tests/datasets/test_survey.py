"""What kinds of pictures there are, and that what is advised does bring them together."""

import zipfile
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from featlearn.config.data import DataSpec
from featlearn.datasets.source import open_images
from featlearn.datasets.survey import Survey, survey
from featlearn.errors import DataError, UsageError


def pixels(*shape: int) -> Any:
    return np.random.default_rng(0).integers(0, 256, shape).astype(np.uint8)


def png(array: Any, **options: Any) -> bytes:
    file = BytesIO()
    Image.fromarray(array).save(file, "PNG", **options)
    return file.getvalue()


MIXED = {
    "a/1.png": png(pixels(6, 8)),
    "a/2.png": png(pixels(6, 8)),
    "a/10.png": png(pixels(6, 8, 3)),
    "b/1.png": png(pixels(9, 5)),
    "b/2.png": png(pixels(9, 5, 4)),
}
BROKEN = {"b/0.png": MIXED["a/1.png"][:50], "b/3.png": b""}


def folder(path: Path, files: dict[str, bytes]) -> Path:
    for name, data in files.items():
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        (path / name).write_bytes(data)
    return path


def archive(path: Path, files: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path.with_suffix(".zip"), "w") as made:
        for name, data in files.items():
            made.writestr(name, data)
    return path.with_suffix(".zip")


def found(source: Path) -> Survey:
    result = survey(str(source), root=None)
    assert result is not None
    return result


@pytest.mark.parametrize("write", [folder, archive])
def test_every_kind_is_counted_and_has_an_example(
    tmp_path: Path, write: Callable[[Path, dict[str, bytes]], Path]
) -> None:
    result = found(write(tmp_path / "set", MIXED | BROKEN))
    assert result.images == 5
    assert [(kind.name, kind.images, kind.example) for kind in result.sizes] == [
        ("6x8", 3, "a/1.png"),
        ("9x5", 2, "b/1.png"),
    ]
    assert [(kind.name, kind.images, kind.example) for kind in result.modes] == [
        ("grey", 3, "a/1.png"),
        ("colour", 1, "a/10.png"),
        ("colour with alpha", 1, "b/2.png"),
    ]
    assert [(kind.name, kind.images) for kind in result.depths] == [("8-bit", 5)]
    assert [bad.name for bad in result.broken] == ["b/0.png", "b/3.png"]
    assert "b/0.png is a broken or truncated image" in result.broken[0].reason
    assert "b/3.png is not an image" in result.broken[1].reason
    assert "mend or remove them" in result.advice[-1]


@pytest.mark.parametrize(
    "files",
    [
        MIXED,
        {name: MIXED[name] for name in ("a/1.png", "b/1.png")},
        {name: MIXED[name] for name in ("a/1.png", "a/10.png")},
        {"a.png": png(pixels(6, 8)), "b.png": png(pixels(6, 8, 2))},
    ],
)
def test_what_it_advises_gives_one_shape(tmp_path: Path, files: dict[str, bytes]) -> None:
    source = str(folder(tmp_path, files))
    with pytest.raises(DataError):
        open_images(source, DataSpec(source=source), root=None)
    settings = found(tmp_path).settings
    given: dict[str, Any] = {key.removeprefix("data."): value for key, value in settings.items()}
    images = open_images(source, DataSpec(source=source, **given), root=None)
    assert len(images) == len(files)


def test_nothing_mixes_depths(tmp_path: Path) -> None:
    deep = png(pixels(6, 8).astype(np.uint16) * 200)
    result = found(folder(tmp_path, {"1.png": MIXED["a/1.png"], "2.png": deep}))
    assert [(kind.name, kind.example) for kind in result.depths] == [
        ("8-bit", "1.png"),
        ("16-bit", "2.png"),
    ]
    assert result.settings == {}
    assert "convert the files to one depth" in result.advice[0]


@pytest.mark.parametrize(
    ("mode", "kind", "name"),
    [
        ("1", "PNG", "black and white"),
        ("LA", "PNG", "grey with alpha"),
        ("P", "PNG", "palette"),
        ("CMYK", "JPEG", "printing colours"),
        ("F", "TIFF", "grey"),
    ],
)
def test_modes_have_words(tmp_path: Path, mode: str, kind: str, name: str) -> None:
    Image.new(mode, (5, 4)).save(tmp_path / f"1.{kind.lower()}", kind)
    (tmp_path / "2.png").write_bytes(b"")
    (mode_found,) = found(tmp_path).modes
    assert mode_found.name == name
    assert found(tmp_path).depths[0].name == ("floating-point" if mode == "F" else "8-bit")


def test_a_size_is_that_of_the_picture_upright(tmp_path: Path) -> None:
    turned = Image.Exif()
    turned[0x0112] = 6
    folder(tmp_path, {"1.png": png(pixels(4, 7), exif=turned), "2.png": png(pixels(4, 7))})
    assert [kind.name for kind in found(tmp_path).sizes] == ["7x4", "4x7"]


def test_there_may_be_nothing_to_say(tmp_path: Path) -> None:
    alike = {name: MIXED[name] for name in ("a/1.png", "a/2.png")}
    assert survey(str(folder(tmp_path / "alike", alike)), root=None) is None
    assert survey(str(folder(tmp_path / "broken", BROKEN)), root=None) is None
    assert survey("digits", root=None) is None
    with pytest.raises(UsageError, match="no data set and no path"):
        survey(str(tmp_path / "nowhere"), root=None)
