"""Folders and zip archives of images, and single image files."""

import os
import re
import stat
import zipfile
import zlib
from collections.abc import Callable, Collection, Generator
from functools import partial
from io import BytesIO
from lzma import LZMAError
from pathlib import Path, PurePosixPath
from typing import BinaryIO, final

import numpy as np

from featlearn.datasets.images import SUFFIXES
from featlearn.datasets.imageset import Indices
from featlearn.datasets.layout import Group, arrange
from featlearn.datasets.limits import check_expansion
from featlearn.datasets.raw import EncodedImages, RawSet, RawSplits
from featlearn.datasets.targets import (
    MAX_FILE_BYTES,
    Rows,
    find_targets,
    parse_targets,
    targets_for,
)
from featlearn.errors import DataError
from featlearn.wording import human_bytes

MAX_MEMBERS = 2_000_000
"""Files in one archive."""

MAX_MEMBER_BYTES = 2**28
"""Unpacked bytes of one file in an archive."""

MAX_ARCHIVE_BYTES = 2**36
"""Unpacked bytes of all files in an archive."""

BAD_ARCHIVE = (
    zipfile.BadZipFile,
    zlib.error,
    LZMAError,
    EOFError,
    NotImplementedError,  # a compression or a version that zipfile does not know
    RuntimeError,  # a password is needed
    OSError,  # corrupt bzip2
    ValueError,
)
"""What zipfile raises on an archive that is broken or that it cannot read."""


def open_folder(folder: Path) -> RawSplits:
    """Find the images of a folder and of its subfolders.

    Raises:
        DataError: If there are none, or their places contradict each other.
    """
    return _splits(FolderImages, folder, walk(folder))


def open_zip(path: Path) -> RawSplits:
    """Find the images of a zip archive, which is never unpacked to disk.

    Raises:
        DataError: If the archive is broken, has members that climb out of it,
            unpacks to more than the limits, or holds no images.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            members = [info for info in archive.infolist() if not info.is_dir()]
    except BAD_ARCHIVE as error:
        raise DataError(f"{path} is not a zip archive that can be read ({error})") from error
    _check_members(members, path)
    return _splits(ZipImages, path, [info.filename for info in members])


def open_picture(path: Path) -> RawSplits:
    """Take one image file for a set of one image."""
    images = FolderImages(path.parent, (path.name,))
    return RawSplits(RawSet(str(path), images, 1, ids=(path.name,)), divisible=False)


@final
class FolderImages(EncodedImages):
    """Images in files under a folder."""

    def __init__(self, folder: Path, paths: tuple[str, ...]) -> None:
        """Take the folder, and the files' paths in it."""
        self._folder = folder
        self._paths = paths

    def files(self, places: Indices) -> Generator[tuple[str, Callable[[], BinaryIO]]]:
        """Name one file after another."""
        for place in places:
            path = self._folder / self._paths[int(place)]
            yield str(path), partial(_opened, path)


@final
class ZipImages(EncodedImages):
    """Images in a zip archive."""

    def __init__(self, path: Path, paths: tuple[str, ...]) -> None:
        """Take the archive, and its members' names."""
        self._path = path
        self._paths = paths

    def files(self, places: Indices) -> Generator[tuple[str, Callable[[], BinaryIO]]]:
        """Name one member after another, to be unpacked in memory."""
        try:
            archive = zipfile.ZipFile(self._path)
        except BAD_ARCHIVE as error:
            raise DataError(f"{self._path} can no longer be read ({error})") from error
        with archive:
            for place in places:
                member = self._paths[int(place)]
                name = f"{self._path}: {member}"
                yield name, partial(self._unpack, archive, member, name)

    def _unpack(self, archive: zipfile.ZipFile, member: str, name: str) -> BytesIO:
        """Unpack one member, never more of it than the archive's directory says."""
        info = archive.getinfo(member)
        try:
            with archive.open(info) as stream:
                data = stream.read(info.file_size + 1)
        except BAD_ARCHIVE as error:
            raise DataError(f"{name} cannot be unpacked ({error})") from error
        if len(data) != info.file_size:
            raise DataError(
                f"{name} unpacks to {len(data)} bytes, but the archive says {info.file_size}"
            )
        return BytesIO(data)


def _opened(path: Path) -> BinaryIO:
    """Open a file that should hold a picture."""
    try:
        return path.open("rb")
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror}") from error


def _splits(
    reader: type[FolderImages] | type[ZipImages], path: Path, names: list[str]
) -> RawSplits:
    """Arrange files into splits, each with a reader of its own."""
    train, test = arrange(names, source=str(path))
    table, titles, where = _targets(reader, path, names)

    def raw(group: Group, name: str) -> RawSet:
        return RawSet(
            name=name,
            images=reader(path, group.paths),
            count=len(group.paths),
            labels=group.labels,
            classes=group.classes,
            ids=group.paths,
            targets=targets_for(group.paths, table, titles, name=where) if titles else None,
            target_names=titles,
        )

    if test is None:
        return RawSplits(raw(train, str(path)))
    return RawSplits(raw(train, f"{path}: train"), raw(test, f"{path}: test"))


def _targets(
    reader: type[FolderImages] | type[ZipImages], path: Path, names: list[str]
) -> tuple[Rows, tuple[str, ...], str]:
    """Read the file of targets, where there is one, and say what it is called."""
    member = find_targets(names, source=str(path))
    if member is None:
        return {}, (), ""
    files = reader(path, (member,)).files(np.zeros(1, np.int64))
    name, opened = next(files)  # an archive is closed once there are no more
    with opened() as file:
        data = file.read(MAX_FILE_BYTES + 1)
    files.close()
    if len(data) > MAX_FILE_BYTES:
        raise DataError(f"{name} is larger than {human_bytes(MAX_FILE_BYTES)}")
    folder = str(PurePosixPath(member).parent)
    return *parse_targets(data, folder=folder, name=name), name


def walk(folder: Path, *, suffixes: Collection[str] = SUFFIXES) -> list[str]:
    """List all files under a folder as POSIX paths, links followed but not in circles.

    Args:
        folder: Where to look.
        suffixes: Of the files that will be read, in lower case.

    Raises:
        DataError: If a folder cannot be listed, or one of these files is no regular file.
    """
    found: list[str] = []
    seen: set[str] = set()

    def fail(error: OSError) -> None:
        raise DataError(f"{error.filename} cannot be listed: {error.strerror}") from error

    for where, folders, files in os.walk(folder, followlinks=True, onerror=fail):
        here = Path(where)
        if (real := os.path.realpath(here)) in seen:
            folders.clear()
            continue
        seen.add(real)
        folders[:] = [name for name in folders if not name.startswith(".")]
        for name in files:
            _check_regular(here / name, suffixes)
        found += [(here / name).relative_to(folder).as_posix() for name in files]
    return found


def _check_regular(path: Path, suffixes: Collection[str]) -> None:
    """Refuse what would be waited for in vain: a pipe or a device with the name of what is read."""
    if path.suffix.lower() in suffixes and path.exists() and not path.is_file():
        raise DataError(f"{path} is no regular file; move it out of the folder")


def _check_members(members: list[zipfile.ZipInfo], path: Path) -> None:
    """Refuse an archive that is unsafe by what its directory says."""
    if len(members) > MAX_MEMBERS:
        raise DataError(f"{path} has {len(members)} members; the limit is {MAX_MEMBERS}")
    for info in members:
        _check_name(info, path)
        if info.file_size > MAX_MEMBER_BYTES:
            raise DataError(
                f"{path}: {info.filename} unpacks to {human_bytes(info.file_size)}; "
                f"the limit for one file is {human_bytes(MAX_MEMBER_BYTES)}"
            )
    total = sum(info.file_size for info in members)
    if total > MAX_ARCHIVE_BYTES:
        raise DataError(
            f"{path} would unpack to {human_bytes(total)}; the limit is "
            f"{human_bytes(MAX_ARCHIVE_BYTES)}: unpack it into a folder"
        )
    check_expansion(total, path.stat().st_size, name=str(path))


def _check_name(info: zipfile.ZipInfo, path: Path) -> None:
    """Refuse a member that points out of the archive."""
    name = info.filename
    parts = PurePosixPath(name.replace("\\", "/")).parts
    climbs = ".." in parts or re.match(r"[/\\]|[A-Za-z]:", name)
    if climbs or stat.S_ISLNK(info.external_attr >> 16):
        raise DataError(
            f"{path} has the member {name!r}, which points out of the archive; "
            "only archives of plain files below one folder are read"
        )
