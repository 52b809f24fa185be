"""Known sets under the data root, and other folders of the same layout."""

from functools import partial
from pathlib import Path

import numpy as np

from featlearn.datasets.embedded import open_digits, open_photographs
from featlearn.datasets.entries import KNOWN
from featlearn.datasets.entry import KnownSet
from featlearn.datasets.idx import read_idx
from featlearn.datasets.known_digits import VARIANT_OF, open_variant
from featlearn.datasets.known_faces import open_named, open_olivetti, open_scenes
from featlearn.datasets.pictures import open_folder, open_zip
from featlearn.datasets.raw import RawSet, RawSplits
from featlearn.datasets.recordings import open_spoken
from featlearn.errors import DataError
from featlearn.wording import count

_TRAIN_IMAGES = "train-images-idx3-ubyte"


def open_known(name: str, *, root: Path) -> RawSplits:
    """Open a set of the catalogue.

    Raises:
        DataError: If its files are not under `root`, or are broken.
    """
    match name:
        case "digits":
            return open_digits()
        case "photographs":
            return open_photographs()
        case "faces-in-scenes":
            return open_scenes(partial(open_known, root=root))
        case "faces-named":
            return open_named(partial(open_known, root=root))
        case "mnist-rotated" | "mnist-random-background" | "mnist-image-background":
            return open_variant(VARIANT_OF[name], partial(open_known, root=root))
        case _:
            return _open_fetched(KNOWN[name], root / name)


def is_present(name: str, root: Path) -> bool:
    """Say whether a known set's files, gzipped or not, and folders are under the data root.

    Sizes, checksums and what is in folders are not looked at.
    """
    known = KNOWN[name]
    return not _missing(known, root / name) and all(is_present(part, root) for part in known.parts)


def is_idx_folder(folder: Path) -> bool:
    """Tell a folder that holds IDX files by MNIST's names."""
    return _find(folder, _TRAIN_IMAGES) is not None


def open_idx_folder(folder: Path, *, name: str, classes: tuple[str, ...] = ()) -> RawSplits:
    """Open a folder of IDX files by MNIST's names, each plain or `.gz`.

    Raises:
        DataError: If a file is missing or broken, or labels and images disagree.
    """
    train = _open_split(folder, "train", name=f"{name}: train", classes=classes)
    test = _open_split(folder, "t10k", name=f"{name}: test", classes=train.classes)
    return RawSplits(train, test)


def open_idx(path: Path) -> RawSplits:
    """Open one IDX file of images, with the labels of the same name beside it.

    Raises:
        DataError: If a file is broken, or labels and images disagree.
    """
    beside = path.name.replace("-images", "-labels").replace("-idx3", "-idx1")
    labels = path.with_name(beside) if beside != path.name else None
    if labels is not None and not labels.exists():
        labels = None
    return RawSplits(_read_split(path, labels, name=str(path), classes=()))


def _open_fetched(known: KnownSet, folder: Path) -> RawSplits:
    """Open a downloaded set, or say how to download it."""
    missing = _missing(known, folder)
    if missing:
        advice = f"fetch it with `featlearn data fetch {known.name}`"
        if not known.mirrors:
            what = "files" if known.files else f"folders of {_material(known)}"
            advice = f"no address is published for it: put its {what} there"
        raise DataError(
            f"{known.name} is not under the data root: {folder / missing[0]} is missing; {advice}"
        )
    match known.name:
        case "natural-olshausen-field":
            return _open_planes(known, folder)
        case "fsdd":
            return open_spoken(folder / known.folders[0], known.class_names)
        case "natural-bsds500":
            return open_folder(folder)
        case "cifar10-jpg" | "faces-cbcl":
            return open_zip(folder / known.files[0].name)
        case "faces-olivetti":
            return open_olivetti(folder / known.files[0].name)
        case _:
            return open_idx_folder(folder, name=known.name, classes=known.class_names)


def _material(known: KnownSet) -> str:
    """Name what a set holds."""
    return "recordings" if known.sounds else "images"


def _missing(known: KnownSet, folder: Path) -> list[str]:
    """List the files and folders of a known set that are not there."""
    files = [file.name for file in known.files if _find(folder, file.name) is None]
    return files + [name for name in known.folders if not (folder / name).is_dir()]


def _open_planes(known: KnownSet, folder: Path) -> RawSplits:
    """Open files that hold one plane each, as big-endian 32-bit floats without a header."""
    images = np.empty((len(known.files), *known.shape), np.float32)
    for place, file in enumerate(known.files):
        path = folder / file.name
        size = path.stat().st_size
        if size != file.size:
            raise DataError(f"{path} has {count(size)} bytes; {count(file.size)} were expected")
        images[place] = np.fromfile(path, dtype=">f4").reshape(known.shape)
    names = tuple(file.name for file in known.files)
    return RawSplits(RawSet(known.name, images, len(images), ids=names), divisible=False)


def _open_split(folder: Path, stem: str, *, name: str, classes: tuple[str, ...]) -> RawSet:
    """Open the images and the labels of one split."""
    paths: list[Path] = []
    for kind in ("images-idx3-ubyte", "labels-idx1-ubyte"):
        path = _find(folder, f"{stem}-{kind}")
        if path is None:
            raise DataError(f"{folder} has no file {stem}-{kind} or {stem}-{kind}.gz")
        paths.append(path)
    return _read_split(paths[0], paths[1], name=name, classes=classes)


def _read_split(
    images_path: Path, labels_path: Path | None, *, name: str, classes: tuple[str, ...]
) -> RawSet:
    """Read images and labels, and check that they belong together."""
    images = read_idx(images_path, dimensions=3)[:, None]
    if 0 in images.shape:
        raise DataError(f"{images_path} holds no images (its header says {images.shape[0]})")
    if labels_path is None:
        return RawSet(name, images, len(images))
    labels = read_idx(labels_path, dimensions=1)
    if len(labels) != len(images):
        raise DataError(
            f"{images_path} holds {len(images)} images, but {labels_path} {len(labels)} labels"
        )
    names = classes or tuple(str(value) for value in range(int(labels.max()) + 1))
    if labels.max() >= len(names):
        raise DataError(
            f"{labels_path} has the label {labels.max()}; labels below {len(names)} were expected"
        )
    return RawSet(name, images, len(images), labels.astype("int64"), names)


def _find(folder: Path, name: str) -> Path | None:
    """Find a file by its name, packed by gzip or not."""
    plain = name.removesuffix(".gz")
    for candidate in (folder / f"{plain}.gz", folder / plain):
        if candidate.is_file():
            return candidate
    return None
