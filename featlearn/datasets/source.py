"""From a source, as a recipe or a command names it, to sets of images in memory."""

import os
import sys
from pathlib import Path
from typing import Literal

import msgspec
import numpy as np

from featlearn.config.data import DataSpec
from featlearn.datasets.arrays import open_npy, open_npz
from featlearn.datasets.entries import KNOWN, suggest
from featlearn.datasets.images import SUFFIXES
from featlearn.datasets.imageset import ImageSet, Splits
from featlearn.datasets.known import is_idx_folder, open_idx, open_idx_folder, open_known
from featlearn.datasets.labels import set_apart
from featlearn.datasets.pictures import open_folder, open_picture, open_zip
from featlearn.datasets.raw import RawSplits
from featlearn.datasets.reading import Part, read
from featlearn.datasets.recordings import is_recording, open_recording, open_recordings
from featlearn.errors import DataError, UnfitError, UsageError
from featlearn.seeds import derive

Split = Literal["all", "train", "test"]

# Which images are for test must not change with the seed of a run.
_SPLIT_SEED = 0

_FORMATS = "a folder or zip of images, an image, recordings, or an IDX, NPY or NPZ file"


def find_root(option: Path | None = None) -> Path:
    """Find the data root.

    Returns:
        `option`, else `$FEATLEARN_DATA`, else a folder in the user's cache. It
        need not exist.
    """
    if option is not None:
        return option
    if named := os.environ.get("FEATLEARN_DATA"):
        return Path(named).expanduser()
    return _user_cache() / "featlearn" / "data"


def open_splits(spec: DataSpec, *, root: Path | None, seed: int) -> Splits:
    """Read the images that a recipe learns from, and those it is judged by.

    A source without a test split loses the fraction `spec.test` to one, drawn
    class by class, the same for every seed. Then up to `spec.limit` training
    images are drawn (classes as even as they allow), and `spec.crops` windows
    are cut out of every image of both splits, by `seed`.

    Args:
        spec: Source and size policy.
        root: The data root, for known sets; see `find_root` where absent.
        seed: The seed of the run.

    Raises:
        UsageError: If there is no such set or path.
        DataError: If the data are missing, broken or do not fit the policy.
    """
    raw = open_raw(spec.source, root=root)
    train, test = _divided(raw, spec.test)
    if spec.limit is not None:
        train = train.limited(spec.limit, seed=seed)
    images = read(train, spec, seed=derive(seed, "crops", "train"))
    if test is None:
        return Splits(images, None)
    judged = read(test, spec, seed=derive(seed, "crops", "test"))
    if judged.shape != images.shape:
        raise DataError(
            f"{images.name} has {images.shape}, but {judged.name} {judged.shape}; "
            "set `data.size`, `data.fit` and `data.colour`"
        )
    return Splits(images, judged)


def open_images(
    source: str, spec: DataSpec, *, root: Path | None, split: Split = "all"
) -> ImageSet:
    """Read one set of images, in the order of the source, for a trained model.

    The size policy is that of `spec`, but every image is read, and one image is
    made of it: where the recipe learned from random crops, the central one.

    Args:
        source: A known set, a folder or zip of images, an image, or an IDX, NPY
            or NPZ file; `:train` or `:test` after it takes that split.
        spec: The recipe's data, for `size`, `fit` and `colour`.
        root: The data root, for known sets; see `find_root` where absent.
        split: Which images of a source that has splits, unless `source` says so:
            `all` is the training images, then the test images.

    Raises:
        UsageError: If there is no such set or path, or no such split.
        DataError: If the data are missing, broken or do not fit the policy.
    """
    raw = open_raw(source, root=root)
    one = msgspec.structs.replace(spec, crops=None)
    parts = [raw.train] if split != "test" or raw.test is None else []
    parts += [raw.test] if split != "train" and raw.test is not None else []
    sets = [read(Part(part, np.arange(part.count), part.name), one, seed=0) for part in parts]
    return sets[0] if len(sets) == 1 else _joined(sets[0], sets[1], name=source)


def _divided(raw: RawSplits, fraction: float) -> tuple[Part, Part | None]:
    """Take the splits that a source has, or set some of its images apart."""
    everything = np.arange(raw.train.count)
    if raw.test is not None:
        return (
            Part(raw.train, everything, raw.train.name),
            Part(raw.test, np.arange(raw.test.count), raw.test.name),
        )
    if not raw.divisible:
        return Part(raw.train, everything, raw.train.name), None
    train, test = set_apart(raw.train.labels, raw.train.count, fraction, seed=_SPLIT_SEED)
    name = raw.train.name
    if not len(test):
        return Part(raw.train, train, name), None
    return Part(raw.train, train, f"{name}: train"), Part(raw.train, test, f"{name}: test")


def _joined(first: ImageSet, second: ImageSet, *, name: str) -> ImageSet:
    """Put the splits of a source one after the other."""
    if first.shape != second.shape or first.images.dtype != second.images.dtype:
        raise UnfitError(
            f"{first.name} has {first.shape}, but {second.name} {second.shape}",
            advice="set `data.size`, `data.fit` and `data.colour`, or take one split: "
            f"{name}:train or {name}:test",
        )
    labels = None
    if first.labels is not None and second.labels is not None:
        labels = np.concatenate([first.labels, second.labels])
    ids = None
    if first.ids is not None and second.ids is not None:
        ids = first.ids + second.ids
    targets = None
    if first.targets is not None and second.targets is not None:
        targets = np.concatenate([first.targets, second.targets])
    return ImageSet(
        images=np.concatenate([first.images, second.images]),
        labels=labels,
        classes=first.classes if labels is not None else (),
        ids=ids,
        name=name,
        targets=targets,
        target_names=first.target_names if targets is not None else (),
    )


def open_raw(source: str, *, root: Path | None) -> RawSplits:
    """Open a source, or the split of it that `:train` or `:test` names, decoding no picture.

    Raises:
        UsageError: If there is no such set or path, or no such split.
        DataError: If the data are missing or broken.
    """
    base, colon, split = source.rpartition(":")
    if not colon or split not in {"train", "test"} or Path(source).exists():
        return _open_whole(source, root=root)
    splits = _open_whole(base, root=root)
    if splits.test is None:
        raise UsageError(f"{base} has no splits of its own, so there is no {source!r}")
    return RawSplits(splits.train if split == "train" else splits.test, divisible=False)


def _open_whole(source: str, *, root: Path | None) -> RawSplits:
    """Open a known set or a path."""
    if source in KNOWN:
        return open_known(source, root=find_root(root))
    path = Path(source).expanduser()
    if not source:  # an empty path would be the current folder
        raise UsageError(f"the source of images is empty; name a known set, {_FORMATS}")
    if not path.exists():
        raise UsageError(f"there is no data set and no path {source!r}{suggest(source)}")
    try:
        return _open_path(path)
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror or error}") from error


def _open_path(path: Path) -> RawSplits:
    """Open a path by what its name, or else its first bytes, say that it is."""
    if path.is_dir():
        if is_idx_folder(path):
            return open_idx_folder(path, name=str(path))
        return open_recordings(path) or open_folder(path)
    suffix = path.suffix.lower()
    if not path.is_file():
        raise DataError(f"{path} is no regular file; {_FORMATS} was expected")
    if not path.stat().st_size:
        raise DataError(f"{path} is empty; {_FORMATS} was expected")
    if suffix in SUFFIXES:
        return open_picture(path)
    if is_recording(path):
        return open_recording(path)
    if opener := {".npy": open_npy, ".npz": open_npz, ".zip": open_zip}.get(suffix):
        return opener(path)
    with path.open("rb") as file:
        start = file.read(8)
    if start.startswith((b"\x1f\x8b", b"\0\0")):
        return open_idx(path)
    if start.startswith(b"PK"):
        return open_zip(path)
    raise DataError(f"{path} is of no format that is read here; {_FORMATS} was expected")


def _user_cache() -> Path:
    """Find the folder that the system gives to caches of this user."""
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
