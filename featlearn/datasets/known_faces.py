"""The known sets of faces: portraits as they were published, and faces in natural scenes."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from featlearn.config.data import DataSpec
from featlearn.datasets.entries import KNOWN
from featlearn.datasets.imageset import Images
from featlearn.datasets.pasting import paste
from featlearn.datasets.raw import RawSet, RawSplits
from featlearn.datasets.reading import Part, read
from featlearn.datasets.scenes import (
    JITTERS,
    SIDE,
    Faces,
    Scenes,
    aligned_faces,
    judged,
    mixture,
    scene_crops,
    without_people,
)
from featlearn.errors import DataError

Opener = Callable[[str], RawSplits]
"""Opens a known set by its name."""

SHARE = 0.04
"""In how many of the scenes to learn from there is a face."""

REPEATS = 4
"""How often each portrait of a person to be judged by is pasted."""

MAJORITY = 0.648
"""Share of the negatives among the scenes to be judged by, as in Le et al., ICML 2012."""

LEARNED_PEOPLE = 20
"""How many of Olivetti's people, the first ones, are learned from; the others judge."""

REGIME = "third"
"""How far faces are moved in the known set."""

_HDF5 = (2, 0)
"""From this version on, MATLAB's files are HDF5."""

_SEED = 0
_PER_PERSON = 10
# Olivetti's portraits show more around the face than CBCL's crops do. In this part of them the mean
# of the first people is most like CBCL's mean: a correlation of 0.90 under the mask.
_ROWS = slice(3, 57)
_COLUMNS = slice(5, 59)


def open_olivetti(path: Path) -> RawSplits:
    """Open Olivetti's portraits from MATLAB's file, a column for each.

    Raises:
        DataError: If it is not that file.
    """
    from scipy.io import loadmat
    from scipy.io.matlab import MatReadError, matfile_version

    known = KNOWN["faces-olivetti"]
    try:
        if matfile_version(path, appendmat=False) >= _HDF5:
            raise DataError(
                f"{path} is of MATLAB 7.3 (HDF5), and version 5 was expected; "
                f"`featlearn data fetch {known.name}` gives that"
            )
        columns = np.asarray(loadmat(path, variable_names=["faces"])["faces"])
    except (MatReadError, OSError, ValueError, TypeError, KeyError) as error:
        raise DataError(f"{path} cannot be read as MATLAB's file of faces ({error})") from error
    pixels = known.shape.height * known.shape.width
    if columns.shape != (pixels, known.train) or columns.dtype != np.uint8:
        raise DataError(
            f"{path}: `faces` is {columns.shape} in {columns.dtype}; "
            f"({pixels}, {known.train}) in uint8 was expected"
        )
    # Each column holds a picture column by column.
    images = columns.T.reshape(known.train, 1, *known.shape[1:]).transpose(0, 1, 3, 2)
    people = np.arange(known.train) // _PER_PERSON
    ids = tuple(f"{_person(row)}/{row % _PER_PERSON + 1}" for row in range(known.train))
    raw = RawSet(
        known.name,
        np.ascontiguousarray(images),
        known.train,
        people.astype(np.int64),
        known.class_names,
        ids,
    )
    return RawSplits(raw)


def open_scenes(opened: Opener) -> RawSplits:
    """Make the known set of scenes; it is the same each time.

    Args:
        opened: Opens the sets that it is made of.

    Raises:
        DataError: If one of these is missing or broken.
    """
    known = KNOWN["faces-in-scenes"]
    train = learned_scenes(opened, share=SHARE, count=known.train)
    test = judged_scenes(opened, REGIME)
    return RawSplits(_raw("train", train), _raw("test", test))


def open_named(opened: Opener) -> RawSplits:
    """Make the known set of named people in scenes; it is the same each time.

    The people are those that detection may be learned from. Of each the first eight portraits
    are learned from and the other two judge, among pictures of BSDS500's own splits.

    Args:
        opened: Opens the sets that it is made of.

    Raises:
        DataError: If one of these is missing or broken.
    """
    scenes = opened("natural-bsds500")
    assert scenes.test is not None
    faces = _olivetti(opened)
    known = KNOWN["faces-named"]
    train = _named(faces, scenes.train, range(8), copies=known.train // (8 * LEARNED_PEOPLE))
    test = _named(faces, scenes.test, range(8, 10), copies=known.test // (2 * LEARNED_PEOPLE))
    return RawSplits(train, test)


def _named(faces: Faces, pictures: RawSet, portraits: range, *, copies: int) -> RawSet:
    """Paste some portraits of each of the first people into scenes, several times each."""
    known = KNOWN["faces-named"]
    rows = [person * _PER_PERSON + k for person in range(LEARNED_PEOPLE) for k in portraits]
    places = np.repeat(rows, copies)
    generator = torch.Generator().manual_seed(_SEED + 2 + portraits.start)
    grounds, names = scene_crops(without_people(pictures), len(places), generator=generator)
    pasted = paste(
        faces.patches[places], grounds, side=SIDE, jitter=JITTERS[REGIME], generator=generator
    )
    images = (pasted * 255).round().to(torch.uint8).numpy()
    people = (places // _PER_PERSON).astype(np.int64)
    ids = tuple(
        f"{faces.people[row]}/{name}-{place}"
        for place, (row, name) in enumerate(zip(places.tolist(), names, strict=True))
    )
    split = "test" if portraits.start else "train"
    name = f"{known.name}: {split}"
    return RawSet(name, images, len(images), people, known.class_names, ids)


def learned_scenes(opened: Opener, *, share: float, count: int, seed: int = _SEED) -> Scenes:
    """Make scenes to learn from, with faces of CBCL or of Olivetti's first people in some.

    Args:
        opened: Opens a known set.
        share: In how many there is a face, in [0, 1]. With the same seed and count the
            scenes are the same but for the faces.
        count: How many scenes.
        seed: Of everything drawn.
    """
    olivetti = _olivetti(opened).of(_learned)
    crops, labels = _read(opened("faces-cbcl").train)
    chosen = crops[labels == 0]
    cbcl = aligned_faces(chosen, [f"cbcl-{number}" for number in range(len(chosen))])
    # As many of either, though there are twelve times as many crops as portraits.
    times = len(cbcl.people) // len(olivetti.people)
    faces = Faces(
        torch.cat([cbcl.patches, olivetti.patches.repeat(times, 1, 1, 1)]),
        cbcl.people + olivetti.people * times,
    )
    return mixture(
        without_people(opened("natural-bsds500").train),
        faces,
        count=count,
        share=share,
        jitter=JITTERS[REGIME],
        generator=torch.Generator().manual_seed(seed),
    )


def judged_scenes(opened: Opener, regime: str, *, seed: int = _SEED + 1) -> Scenes:
    """Make scenes to be judged by: people and pictures that are in no scene to learn from.

    Args:
        opened: Opens a known set.
        regime: A name in `JITTERS`.
        seed: Of everything drawn.
    """
    test = opened("natural-bsds500").test
    assert test is not None
    return judged(
        without_people(test),
        _olivetti(opened).of(lambda name: not _learned(name)),
        repeats=REPEATS,
        majority=MAJORITY,
        jitter=JITTERS[regime],
        generator=torch.Generator().manual_seed(seed),
    )


def _olivetti(opened: Opener) -> Faces:
    """Take Olivetti's faces, cut out as CBCL's are."""
    images, _ = _read(opened("faces-olivetti").train)
    people = [_person(row) for row in range(len(images))]
    return aligned_faces(images, people, rows=_ROWS, columns=_COLUMNS)


def _read(raw: RawSet) -> tuple[Images, NDArray[np.int64]]:
    """Read all images of a set, and their labels."""
    images = read(Part(raw, np.arange(raw.count), raw.name), DataSpec(source=raw.name), seed=0)
    assert images.labels is not None
    return images.images, images.labels


def _person(row: int) -> str:
    """Name the person of a portrait."""
    return f"person-{row // _PER_PERSON + 1}"


def _learned(name: str) -> bool:
    """Tell people to learn from."""
    return int(name.removeprefix("person-")) <= LEARNED_PEOPLE


def _raw(split: str, scenes: Scenes) -> RawSet:
    """Make a split of scenes."""
    known = KNOWN["faces-in-scenes"]
    labels = np.where(scenes.faces, 0, 1).astype(np.int64)
    ids = tuple(
        f"{known.class_names[label]}/{name}" for label, name in zip(labels, scenes.ids, strict=True)
    )
    images = scenes.images
    return RawSet(f"{known.name}: {split}", images, len(images), labels, known.class_names, ids)
