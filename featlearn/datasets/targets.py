"""Targets of images: numbers to predict, or sets of labels as columns of 0 and 1."""

import csv
import io
import math
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import PurePosixPath
from typing import Any

import numpy as np
from numpy.typing import NDArray

from featlearn.datasets.imageset import ImageSet, Targets
from featlearn.errors import DataError
from featlearn.wording import plural

TARGETS_FILE = "targets.csv"
"""The file beside a folder's images: a header `image,NAME,NAME`, then a row for each image."""

MAX_FILE_BYTES = 2**28
"""Longest such file that is read."""


def as_targets(
    array: NDArray[Any], names: NDArray[Any] | None, *, count: int, name: str
) -> tuple[Targets, tuple[str, ...]]:
    """Bring an array of targets into `(n, k)` float32, and name its columns.

    Args:
        array: `(n,)` or `(n, k)`, numbers or booleans.
        names: `(k,)` text; `target` and a number from 1 each if absent.
        count: How many images there are.
        name: Of the set, for messages.

    Raises:
        DataError: If the shape, the type or the names do not fit, or a number is infinite.
    """
    table = array[:, None] if array.ndim == 1 else array
    if (
        table.ndim != 2
        or len(table) != count
        or not table.shape[1]
        or table.dtype.kind not in "biuf"
    ):
        raise DataError(
            f"{name} has {plural(count, 'image')}, so its targets are ({count},) or ({count}, k) "
            f"numbers or booleans; got {array.shape} of type {array.dtype}"
        )
    titles = [f"target{place}" for place in range(1, table.shape[1] + 1)]
    if names is not None:
        titles = [str(title) for title in names.ravel().tolist()]
    _check_names(titles, table.shape[1], name)
    with np.errstate(over="ignore"):
        return _finite(table.astype(np.float32), titles, name), tuple(titles)


def find_targets(names: Iterable[str], *, source: str) -> str | None:
    """Find the file of targets among the files of a folder or an archive, if there is one.

    Raises:
        DataError: If there are several.
    """
    found = [name for name in names if PurePosixPath(name).name == TARGETS_FILE]
    if len(found) > 1:
        raise DataError(f"{source} has {len(found)} files {TARGETS_FILE}; leave one")
    return found[0] if found else None


Rows = dict[str, list[float]]
"""The numbers of each image, by its path."""


def parse_targets(data: bytes, *, folder: str, name: str) -> tuple[Rows, tuple[str, ...]]:
    """Read a file of targets.

    Args:
        data: What is in it: CSV in UTF-8.
        folder: Its folder, as a POSIX path; paths of images begin there.
        name: What it is called in messages.

    Returns:
        The numbers of each image by its path, NaN for an empty cell, and the names of the
        columns.

    Raises:
        DataError: If it is no such file; the sentence names the line.
    """
    try:
        lines = csv.reader(io.StringIO(data.decode("utf-8-sig"), newline=""), strict=True)
        head, *rows = [(lines.line_num, row) for row in lines if row]
    except (UnicodeDecodeError, csv.Error, ValueError) as error:
        raise DataError(
            f"{name} cannot be read as a table in CSV with a header image,NAME,... ({error})"
        ) from None
    titles = [title.strip() for title in head[1][1:]]
    if head[1][0].strip() != "image" or not titles:
        raise DataError(
            f"{name} begins with {','.join(head[1])[:60]!r}; a header image,NAME,... was expected"
        )
    _check_names(titles, len(titles), name)
    table: Rows = {}
    for line, row in rows:
        path = str(PurePosixPath(folder) / row[0].strip())
        if path in table:
            raise DataError(f"{name}: line {line} gives {row[0]} a second time")
        table[path] = _numbers(row, titles, where=f"{name}: line {line}")
    return table, tuple(titles)


def targets_for(ids: Sequence[str], table: Rows, titles: Sequence[str], *, name: str) -> Targets:
    """Give images their targets, `(n, k)` in their order.

    Raises:
        DataError: If an image has none, or a number is infinite.
    """
    missing = [image for image in ids if image not in table]
    if missing:
        raise DataError(
            f"{name} has no row for {missing[0]} ({len(missing)} of {len(ids)} missing)"
        )
    values = np.array([table[image] for image in ids], np.float64).reshape(len(ids), len(titles))
    with np.errstate(over="ignore"):
        return _finite(values.astype(np.float32), titles, name)


def match_targets(images: ImageSet, names: Sequence[str]) -> Targets:
    """Put the targets of a set in the order of another list of columns; names decide.

    Returns:
        `(n, len(names))`.

    Raises:
        DataError: If the set has no targets, or lacks one of these.
    """
    if images.targets is None:
        raise DataError(
            f"{images.name} has no targets; give an array `targets` in an NPZ file, or a file "
            f"{TARGETS_FILE} in a folder or zip of images"
        )
    missing = [name for name in names if name not in images.target_names]
    if missing:
        raise DataError(
            f"{images.name} has no target {missing[0]!r}, which the head was trained on; it has "
            f"{', '.join(images.target_names)}"
        )
    return images.targets[:, [images.target_names.index(name) for name in names]]


def _numbers(row: Sequence[str], titles: Sequence[str], *, where: str) -> list[float]:
    """Read the numbers of one image."""
    if len(row) != len(titles) + 1:
        raise DataError(f"{where} has {len(row)} cells; {len(titles) + 1} were expected")
    values: list[float] = []
    for title, cell in zip(titles, row[1:], strict=True):
        try:
            values.append(float(cell) if cell.strip() else math.nan)
        except ValueError:
            raise DataError(f"{where}: {title} is {cell[:60]!r}; a number was expected") from None
    return values


def _check_names(titles: Sequence[str], columns: int, name: str) -> None:
    """Refuse names that do not name each column once."""
    repeated = [title for title, times in Counter(titles).items() if times > 1]
    if repeated or len(titles) != columns or not all(titles):
        what = f"{repeated[0]!r} twice" if repeated else f"{len(titles)} names, or an empty one,"
        raise DataError(
            f"{name} has {what} for {plural(columns, 'column')} of targets; name each once"
        )


def _finite(values: Targets, titles: Sequence[str], name: str) -> Targets:
    """Refuse what is beyond single precision; NaN is a label that is missing."""
    odd = np.argwhere(np.isinf(values))
    if len(odd):
        row, column = odd[0]
        raise DataError(
            f"{name}: target {titles[column]!r} of image {row} (counted from 0) is infinite; "
            "mend or leave out such images"
        )
    return values
