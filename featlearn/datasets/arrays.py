"""NPY and NPZ files: arrays of images, never pickles."""

import math
import tokenize
import zipfile
from collections import Counter
from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from featlearn.datasets.imageset import Images
from featlearn.datasets.limits import (
    MAX_DEFLATE_RATIO,
    check_expansion,
    check_set_bytes,
)
from featlearn.datasets.pictures import BAD_ARCHIVE
from featlearn.datasets.raw import RawSet, RawSplits
from featlearn.datasets.targets import as_targets
from featlearn.errors import DataError
from featlearn.wording import human_bytes

_IMAGES = ("images", "x", "x_train")
_LABELS = ("labels", "y", "y_train")
_TEST_IMAGES = ("test_images", "x_test")
_TEST_LABELS = ("test_labels", "y_test")
_TARGETS, _TEST_TARGETS = ("targets",), ("test_targets",)
_MAX_HEADER = 10_000
_BAD_HEADER = (ValueError, TypeError, SyntaxError, tokenize.TokenError)


def open_npy(path: Path) -> RawSplits:
    """Open an array of images, `(n, h, w)`, `(n, h, w, c)` or `(n, c, h, w)`.

    Raises:
        DataError: If the file is broken, needs a pickle, claims more than it
            holds, or is no array of images (`as_image_array`).
    """
    with path.open("rb") as file:
        array = _read_array(file, size=path.stat().st_size, name=str(path))
    images = as_image_array(array, name=str(path))
    return RawSplits(RawSet(str(path), images, len(images)))


def open_npz(path: Path) -> RawSplits:
    """Open an archive of arrays: images, and labels if it has them.

    Keys: `images` (or `x`, `x_train`); optional `labels` (or `y`, `y_train`) of
    integers or text, `classes` (the name of each label 0, 1, …), and
    `test_images`, `test_labels` (or `x_test`, `y_test`) for a test split. `targets` and
    `test_targets`, `(n,)` or `(n, k)`, are numbers to predict, or booleans that tell which of
    k labels an image has; `target_names` names the columns.

    Raises:
        DataError: If the archive is broken, needs a pickle, claims more than it
            holds, or its arrays do not belong together.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            arrays = _Members(archive, path)
            return _splits(arrays, path)
    except BAD_ARCHIVE as error:
        raise DataError(f"{path} is not an NPZ file that can be read ({error})") from error


def as_image_array(array: NDArray[Any], *, name: str) -> Images:
    """Bring an array of images into `(n, maps, height, width)`, uint8 or float32.

    Three dimensions are `(n, height, width)`. Four are `(n, height, width, maps)`
    if the last is at most 4 and the second is not; they are `(n, maps, height,
    width)` if the last is more than 4. What could be either is refused.

    Raises:
        DataError: If the shape or the dtype is another, or a value is NaN or
            infinite.
    """
    expected = "(n, height, width), (n, height, width, maps <= 4) or (n, maps, height, width)"
    if array.ndim not in {3, 4} or 0 in array.shape:
        raise DataError(f"{name} has the shape {array.shape}; {expected} was expected")
    if array.dtype != np.uint8 and array.dtype.kind != "f":
        raise DataError(
            f"{name} has the type {array.dtype}; uint8 in 0..255 or floats in [0, 1] were "
            "expected: convert it with `.astype`"
        )
    if array.ndim == 3:
        array = array[:, None]
    elif array.shape[3] <= 4 < array.shape[1]:
        array = array.transpose(0, 3, 1, 2)
    elif array.shape[3] <= 4 or array.shape[1] == array.shape[2] != array.shape[3]:
        raise DataError(
            f"{name} has the shape {array.shape}, in which maps may be second or last; "
            "bring it into (n, height, width) with one map, or (n, height, width, maps) "
            "with at most 4 maps and a height above 4"
        )
    if array.dtype == np.uint8:
        return np.ascontiguousarray(array)
    return _finite(array, name)


def _finite(array: NDArray[Any], name: str) -> NDArray[np.float32]:
    """Bring floats to float32 and refuse images that are not finite."""
    check_set_bytes(array.size * 4, name=name)
    with np.errstate(over="ignore"):
        images = np.ascontiguousarray(array, np.float32)
    for place, image in enumerate(images):
        if not np.isfinite(image).all():
            raise DataError(
                f"{name} has a value that is NaN or infinite in image {place} (counted from 0); "
                "mend or leave out such images"
            )
    return images


class _Members(Mapping[str, NDArray[Any]]):
    """The arrays of an NPZ file, read when they are asked for.

    The limits are on what has been read in sum: members may share packed bytes.
    """

    def __init__(self, archive: zipfile.ZipFile, path: Path) -> None:
        self._archive = archive
        self._path = path
        self._taken = 0
        self._names = {
            info.filename.removesuffix(".npy"): info
            for info in archive.infolist()
            if info.filename.endswith(".npy")
        }

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)

    def __getitem__(self, key: str) -> NDArray[Any]:
        info = self._names[key]
        name = f"{self._path}: {key}"
        if info.file_size > info.compress_size * MAX_DEFLATE_RATIO:
            raise DataError(
                f"{name} claims {human_bytes(info.file_size)} in "
                f"{human_bytes(info.compress_size)}, which is impossible"
            )
        self._taken += info.file_size
        check_expansion(self._taken, self._path.stat().st_size, name=name)
        check_set_bytes(self._taken, name=name)
        with self._archive.open(info) as stream:
            return _read_array(stream, size=info.file_size, name=name)

    def first(self, keys: tuple[str, ...]) -> NDArray[Any] | None:
        """Read the first array of those names that is there."""
        return next((self[key] for key in keys if key in self._names), None)


def _splits(arrays: _Members, path: Path) -> RawSplits:
    """Put the arrays of an NPZ file together."""
    images = arrays.first(_IMAGES)
    if images is None:
        raise DataError(
            f"{path} has no array `images`, `x` or `x_train`; it has "
            f"{', '.join(sorted(arrays)) or 'none at all'}"
        )
    names = arrays.first(("classes",))
    numbered = names is not None
    labels = arrays.first(_LABELS)
    classes = _class_names(names, labels, path)
    train = _raw(images, labels, classes, numbered=numbered, name=str(path))
    train = _with_targets(train, arrays, _TARGETS)
    test_images = arrays.first(_TEST_IMAGES)
    if test_images is None:
        return RawSplits(train)
    labels = arrays.first(_TEST_LABELS)
    test = _raw(test_images, labels, classes, numbered=numbered, name=f"{path}: test")
    test = _with_targets(test, arrays, _TEST_TARGETS)
    if test.targets is not None and test.target_names != train.target_names:
        raise DataError(f"{path} has targets of other columns for test images than for the others")
    return RawSplits(train, test)


def _with_targets(raw: RawSet, arrays: "_Members", keys: tuple[str, ...]) -> RawSet:
    """Add the targets of a split, where there are any."""
    array = arrays.first(keys)
    if array is None:
        return raw
    names = arrays.first(("target_names",))
    targets, titles = as_targets(array, names, count=raw.count, name=raw.name)
    return replace(raw, targets=targets, target_names=titles)


def _class_names(
    names: NDArray[Any] | None, labels: NDArray[Any] | None, path: Path
) -> tuple[str, ...]:
    """Name the classes: as `classes` lists them, else by the labels, in order."""
    if names is not None:
        classes = tuple(str(name) for name in names.ravel().tolist())
        if repeated := [name for name, times in Counter(classes).items() if times > 1]:
            raise DataError(
                f"{path}: classes has the name {repeated[0]!r} more than once, so that it does "
                "not say which label is meant; name every class once"
            )
        return classes
    if labels is None:
        return ()
    return tuple(str(value) for value in np.unique(labels).tolist())


def _raw(
    images: NDArray[Any],
    labels: NDArray[Any] | None,
    classes: tuple[str, ...],
    *,
    numbered: bool,
    name: str,
) -> RawSet:
    """Check that labels belong to images, and number them."""
    array = as_image_array(images, name=name)
    if labels is None:
        return RawSet(name, array, len(array))
    if labels.shape != (len(array),) or labels.dtype.kind not in "iuU":
        raise DataError(
            f"{name} has {len(array)} images, so its labels are ({len(array)},) integers or "
            f"text; got {labels.shape} of type {labels.dtype}"
        )
    by_place = numbered and labels.dtype.kind in "iu"
    places = {(place if by_place else name): place for place, name in enumerate(classes)}
    values, inverse = np.unique(labels, return_inverse=True)
    keys = [value if by_place else str(value) for value in values.tolist()]
    if unknown := [key for key in keys if key not in places]:
        raise DataError(
            f"{name} has the label {unknown[0]!r}, which is none of its classes: "
            f"{', '.join(map(str, places))}"
        )
    numbers = np.array([places[key] for key in keys], np.int64)[inverse]
    return RawSet(name, array, len(array), numbers, classes)


def _read_array(file: IO[bytes], *, size: int, name: str) -> NDArray[Any]:
    """Read one array of the NPY format of which `size` bytes are there.

    Raises:
        DataError: If it needs a pickle, or its header does not fit `size`.
    """
    with _refusing(name):
        version = np.lib.format.read_magic(file)
        if version == (1, 0):
            header = np.lib.format.read_array_header_1_0(file, max_header_size=_MAX_HEADER)
        elif version == (2, 0):
            header = np.lib.format.read_array_header_2_0(file, max_header_size=_MAX_HEADER)
        else:
            raise ValueError(f"version {version[0]}.{version[1]} of the format")
    shape, fortran, dtype = header
    if dtype.hasobject or dtype.names is not None:
        raise DataError(
            f"{name} holds Python objects or records, which could run code or mean anything; "
            "save a plain array of uint8 or floats"
        )
    claimed = _claimed(shape, dtype, room=size - file.tell(), name=name)
    check_set_bytes(claimed, name=name)
    data = file.read(claimed)
    if len(data) != claimed:
        raise DataError(f"{name} is truncated; write or copy it again")
    flat = np.frombuffer(data, dtype)
    return flat.reshape(shape, order="F" if fortran else "C")


def _claimed(shape: tuple[int, ...], dtype: np.dtype[Any], *, room: int, name: str) -> int:
    """Count the bytes that a header claims; refuse other bytes than there are, or none."""
    claimed, header = math.prod(shape) * dtype.itemsize, f"{shape} of {dtype}"
    if 0 <= claimed < room and min(shape, default=0) >= 0:
        raise DataError(
            f"{name} goes on for {human_bytes(room - claimed)} after the {human_bytes(claimed)} "
            f"that its header claims, {header}; its header is wrong, or something was added: "
            "save it again"
        )
    if claimed != room or min(shape, default=0) < 0:
        raise DataError(
            f"{name} should hold {human_bytes(claimed)} by its header, {header}, "
            f"but holds {human_bytes(room)}; it is truncated or its header is wrong"
        )
    if claimed == 0:
        raise DataError(f"{name} holds nothing, by its header {header}; give it values")
    return claimed


@contextmanager
def _refusing(name: str) -> Generator[None]:
    """Reword NumPy's refusal of a header, which it parses as Python; that has limits too."""
    try:
        yield
    except (*_BAD_HEADER, RecursionError, MemoryError) as error:
        reason = error.args[0] if error.args else "its header is nested too deeply"
        raise DataError(f"{name} is not an NPY file that can be read ({reason})") from error
