"""What the paths of a folder or an archive of images say: splits and classes."""

import re
from collections.abc import Collection, Iterable
from typing import NamedTuple

import numpy as np

from featlearn.datasets.images import SUFFIXES
from featlearn.datasets.imageset import Indices
from featlearn.errors import DataError
from featlearn.files import in_utf8

_SPLITS = ("train", "test")
_UNUSED_SPLITS = frozenset({"val", "valid", "validation"})


class Group(NamedTuple):
    """The images of one split.

    Attributes:
        paths: Relative POSIX paths in natural order.
        labels: `(n,)` places in `classes`, or None.
        classes: The names of the subfolders.
    """

    paths: tuple[str, ...]
    labels: Indices | None
    classes: tuple[str, ...]


def arrange(
    paths: Iterable[str],
    *,
    source: str,
    suffixes: Collection[str] = SUFFIXES,
    what: str = "images",
) -> tuple[Group, Group | None]:
    """Sort image files into splits and classes.

    Only files with an image's suffix count, and none whose path has a part that
    begins with a dot. Folders around everything are looked through. The
    subfolders `train` and `test` are splits (a `val` beside them is left alone:
    validation images are drawn from the training images); subfolders of a split,
    or of the whole, are classes.

    Args:
        paths: Relative POSIX paths.
        source: What they are in, for messages.
        suffixes: Of the files that count, in lower case.
        what: What these files are, for messages.

    Returns:
        The training images, and the test images if the source has such a split.

    Raises:
        DataError: If there are no images, or their places contradict each other.
    """
    kept = sorted((path for path in paths if _counts(path, suffixes)), key=natural_key)
    for path in kept:
        if not in_utf8(path):
            raise DataError(f"{source} holds {path!r}, a name that is not in UTF-8; rename it")
    if not kept:
        raise DataError(
            f"{source} holds no {what}; files ending in "
            f"{', '.join(sorted(suffixes))} were looked for"
        )
    depth = _wrapping(kept)
    tops = {_parts(path)[depth].casefold() for path in kept if len(_parts(path)) > depth + 1}
    if not tops.issuperset(_SPLITS):
        return _group(kept, depth, source=source, what=what), None
    others = sorted(tops - set(_SPLITS) - _UNUSED_SPLITS)
    if others or any(len(_parts(path)) == depth + 1 for path in kept):
        found = f"the folder {others[0]!r}" if others else what
        raise DataError(
            f"{source} has {found} beside the folders 'train' and 'test'; "
            f"put all {what} into one of these two"
        )
    train, test = (
        _group(
            [path for path in kept if _parts(path)[depth].casefold() == split],
            depth + 1,
            source=f"{source}: {split}",
            what=what,
        )
        for split in _SPLITS
    )
    return train, _renumbered(test, train.classes, source=source)


def natural_key(path: str) -> tuple[object, ...]:
    """Order `2.png` before `10.png`, and folder by folder."""
    parts = tuple(
        tuple(int(bit) if bit.isdecimal() else bit.casefold() for bit in re.split(r"(\d+)", part))
        for part in _parts(path)
    )
    return (parts, path)


def _parts(path: str) -> tuple[str, ...]:
    """Split a path at its slashes (pathlib takes a second for 20,000 of them)."""
    return tuple(part for part in path.split("/") if part not in {"", "."})


def _counts(path: str, suffixes: Collection[str]) -> bool:
    """Tell files by their suffix, and leave hidden ones out."""
    hidden = any(part.startswith(".") for part in _parts(path))
    return not hidden and f".{path.rpartition('.')[2]}".lower() in suffixes


def _wrapping(paths: list[str]) -> int:
    """Count the folders that only wrap: all images share them, with folders below."""
    depth = 0
    while all(len(_parts(path)) > depth + 2 for path in paths):
        if len({_parts(path)[depth] for path in paths}) > 1:
            break
        depth += 1
    return depth


def _group(paths: list[str], depth: int, *, source: str, what: str) -> Group:
    """Read the classes off the folders at `depth`."""
    flat = [path for path in paths if len(_parts(path)) == depth + 1]
    if len(flat) == len(paths):
        return Group(tuple(paths), None, ())
    if flat:
        nested = next(path for path in paths if len(_parts(path)) > depth + 1)
        raise DataError(
            f"{source} holds {what} both in subfolders ({nested}) and beside them ({flat[0]}); "
            "put each into the subfolder of its class, or none into subfolders"
        )
    names = [_parts(path)[depth] for path in paths]
    classes = tuple(sorted(set(names), key=natural_key))
    places = {name: place for place, name in enumerate(classes)}
    return Group(tuple(paths), np.array([places[name] for name in names], np.int64), classes)


def _renumbered(test: Group, classes: tuple[str, ...], *, source: str) -> Group:
    """Number the test labels as the training classes are numbered."""
    if test.labels is None or not classes:
        return test
    unknown = [name for name in test.classes if name not in classes]
    if unknown:
        raise DataError(
            f"{source} has the class {unknown[0]!r} in 'test' but not in 'train'; "
            "a class must be learned before it is judged"
        )
    table = np.array([classes.index(name) for name in test.classes], np.int64)
    return Group(test.paths, table[test.labels], classes)
