import os
import stat
import struct
import zipfile
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from featlearn.datasets.pictures import open_folder, open_picture, open_zip
from featlearn.datasets.raw import EncodedImages, RawSet
from featlearn.errors import DataError

Write = Callable[[Mapping[str, Any]], Path]


def grey(value: int) -> NDArray[np.uint8]:
    return np.full((2, 3), value, np.uint8)


PETS = {"dog/10.png": grey(10), "dog/9.png": grey(9), "cat/1.png": grey(1), "cat/note.txt": b"hi"}


def decoded(raw: RawSet, places: list[int] | None = None) -> list[tuple[str, int]]:
    assert isinstance(raw.images, EncodedImages)
    wanted = np.array(range(raw.count) if places is None else places)
    pictures = raw.images.decode(wanted, colour="keep")
    return [(name, int(pixels[0, 0, 0])) for name, pixels in pictures]


def test_a_folder_is_read_in_natural_order_with_its_classes(write_tree: Write) -> None:
    raw = open_folder(write_tree(PETS)).train
    assert raw.count == 3
    assert raw.ids == ("cat/1.png", "dog/9.png", "dog/10.png")
    assert raw.classes == ("cat", "dog")
    assert [value for _, value in decoded(raw)] == [1, 9, 10]
    assert [value for _, value in decoded(raw, [2, 0])] == [10, 1]


def test_a_zip_is_read_as_the_folder_is(write_tree: Write, write_zip: Write) -> None:
    from_folder = open_folder(write_tree(PETS)).train
    from_zip = open_zip(write_zip(PETS)).train
    assert from_zip.ids == from_folder.ids
    assert from_zip.classes == from_folder.classes
    assert [pair[1] for pair in decoded(from_zip)] == [pair[1] for pair in decoded(from_folder)]


def test_splits_of_a_zip(write_zip: Write) -> None:
    splits = open_zip(write_zip({"a/train/1.png": grey(1), "a/test/2.png": grey(2)}))
    assert splits.test is not None
    assert [value for _, value in decoded(splits.test)] == [2]
    assert splits.test.name.endswith("pictures.zip: test")


def test_one_picture_is_a_set_of_one(write_tree: Write) -> None:
    raw = open_picture(write_tree({"it.png": grey(7)}) / "it.png").train
    assert raw.ids == ("it.png",)
    assert [value for _, value in decoded(raw)] == [7]


def test_links_are_followed_but_not_in_circles(write_tree: Write, tmp_path: Path) -> None:
    folder = write_tree({"cat/1.png": grey(1)})
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "2.png").write_bytes((folder / "cat/1.png").read_bytes())
    (folder / "dog").symlink_to(elsewhere)
    (elsewhere / "loop").symlink_to(folder)
    assert open_folder(folder).train.ids == ("cat/1.png", "dog/2.png")


def test_broken_pictures_are_named(write_tree: Write, write_zip: Write, encode: Any) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (20, 20), np.uint8)
    files = {"1.png": grey(1), "2.png": encode(noise)[:-100], "3.png": b""}
    for raw in (open_folder(write_tree(files)).train, open_zip(write_zip(files)).train):
        with pytest.raises(DataError, match=r"2\.png is a broken"):
            decoded(raw, [0, 1])
        with pytest.raises(DataError, match=r"3\.png is not an image.*empty"):
            decoded(raw, [2])


def test_a_picture_that_went_away_is_named(write_tree: Write) -> None:
    folder = write_tree({"1.png": grey(1)})
    raw = open_folder(folder).train
    (folder / "1.png").unlink()
    with pytest.raises(DataError, match=r"1\.png cannot be read: No such file"):
        decoded(raw)


def test_an_archive_that_went_away_is_named(write_zip: Write) -> None:
    path = write_zip({"1.png": grey(1)})
    raw = open_zip(path).train
    path.unlink()
    with pytest.raises(DataError, match=r"pictures\.zip can no longer be read"):
        decoded(raw)


@pytest.mark.skipif(os.geteuid() == 0, reason="nothing is forbidden to root")
def test_a_forbidden_folder_is_named(write_tree: Write) -> None:
    folder = write_tree({"cat/1.png": grey(1)})
    (folder / "cat").chmod(0)
    with pytest.raises(DataError, match="cat cannot be listed: Permission denied"):
        open_folder(folder)


@pytest.mark.parametrize(
    "name",
    ["../1.png", "a/../../1.png", "/etc/1.png", "C:/1.png", "c:1.png", "..\\1.png", "\\1.png"],
)
def test_a_zip_that_climbs_out_is_refused(write_zip: Write, name: str) -> None:
    path = write_zip({"good.png": grey(1), name: grey(2)})
    with pytest.raises(DataError, match="points out of the archive"):
        open_zip(path)


def test_a_colon_in_a_name_is_no_drive(write_zip: Write) -> None:
    assert open_zip(write_zip({"12:30.png": grey(1)})).train.count == 1


def test_a_link_in_a_zip_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "links.zip"
    info = zipfile.ZipInfo("1.png")
    info.external_attr = (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(info, "/etc/passwd")
    with pytest.raises(DataError, match=r"'1\.png', which points out"):
        open_zip(path)


def test_nothing_is_unpacked_to_disk(write_zip: Write) -> None:
    path = write_zip(PETS)
    decoded(open_zip(path).train)
    assert [entry.name for entry in path.parent.iterdir()] == ["pictures.zip"]


def test_a_bomb_is_refused_before_memory_is_taken(
    tmp_path: Path,
    memory_below: Callable[[int], AbstractContextManager[None]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    path = tmp_path / "bomb.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for place in range(3):
            archive.writestr(f"{place}.png", bytes(2**20))
    monkeypatch.setattr("featlearn.datasets.limits.FREE_BYTES", 2**20)
    with memory_below(300_000), pytest.raises(DataError, match=r"3.1 MB.*like a zip bomb"):
        open_zip(path)


def test_a_huge_member_is_refused_by_name(
    write_zip: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("featlearn.datasets.pictures.MAX_MEMBER_BYTES", 1000)
    with pytest.raises(DataError, match=r"big\.png unpacks to 1\.0 kB; the limit"):
        open_zip(write_zip({"big.png": bytes(1001)}))


def test_too_many_members_are_refused(write_zip: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("featlearn.datasets.pictures.MAX_MEMBERS", 3)
    with pytest.raises(DataError, match="has 4 members; the limit is 3"):
        open_zip(write_zip(PETS))


@pytest.mark.parametrize("claim", [10, 5000])
def test_a_member_that_lies_about_its_size_is_refused(
    tmp_path: Path, claim: int, memory_below: Callable[[int], AbstractContextManager[None]]
) -> None:
    path = tmp_path / "liar.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("1.png", bytes(10**6))
    data = path.read_bytes()
    true_size = struct.pack("<I", 10**6)
    assert data.count(true_size) == 2
    path.write_bytes(data.replace(true_size, struct.pack("<I", claim)))
    raw = open_zip(path).train
    with memory_below(500_000), pytest.raises(DataError, match=r"1\.png cannot be unpacked"):
        decoded(raw)


def test_a_member_that_is_shorter_than_said_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "liar.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("1.png", bytes(1000))
    data = path.read_bytes()
    path.write_bytes(data.replace(struct.pack("<I", 1000), struct.pack("<I", 2000)))
    with pytest.raises(DataError, match=r"1\.png (unpacks to 1000 bytes|cannot be unpacked)"):
        decoded(open_zip(path).train)


def test_a_zip_cut_anywhere_is_refused_by_name(write_zip: Write) -> None:
    path = write_zip({"1.png": grey(1), "2.png": grey(2)})
    data = path.read_bytes()
    for length in range(0, len(data), 7):
        path.write_bytes(data[:length])
        with pytest.raises(DataError, match=r"pictures\.zip"):
            decoded(open_zip(path).train)


def test_a_changed_byte_is_found_by_the_checksum(write_zip: Write) -> None:
    path = write_zip({"1.png": grey(1)})
    data = bytearray(path.read_bytes())
    data[45] ^= 255
    path.write_bytes(data)
    with pytest.raises(DataError, match=r"1\.png cannot be unpacked"):
        decoded(open_zip(path).train)


def test_an_encrypted_member_is_refused(write_zip: Write) -> None:
    path = write_zip({"1.png": grey(1)})
    data = bytearray(path.read_bytes())
    data[6] |= 1  # the flag in the local header, and in the directory
    data[data.index(b"PK\1\2") + 8] |= 1
    path.write_bytes(data)
    with pytest.raises(DataError, match=r"1\.png cannot be unpacked.*password"):
        decoded(open_zip(path).train)
