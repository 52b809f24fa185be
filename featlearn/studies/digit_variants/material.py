"""The digits of the study: to learn from, to choose by, and to be judged by."""

from functools import partial
from io import BytesIO
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from featlearn.baselines.task import Examples
from featlearn.datasets.entries import KNOWN
from featlearn.datasets.imageset import ImageSet
from featlearn.datasets.known import open_known
from featlearn.datasets.known_digits import VALIDATED, VARIANTS, Sizes, Variant, harder_digits
from featlearn.datasets.raw import RawSet
from featlearn.files import write_bytes

_SEED = 0  # that of the known sets: what is asked for in full is what they hold


class Material(NamedTuple):
    """A set, parted.

    Attributes:
        learned: What every method learns from.
        validated: What settings are chosen by.
        judged: The test images.
        pictures: `(n,)`, which photograph is behind each test image; `None` if none is.
        file: An NPZ file of the former two, the second as its test split: trainings that choose
            by it have no way to the test images.
    """

    learned: Examples
    validated: Examples
    judged: ImageSet
    pictures: NDArray[np.str_] | None
    file: Path


def sizes_of(images: int | None) -> Sizes:
    """Give the numbers of digits: the known sets', or in proportion to fewer to learn from."""
    known = KNOWN[VARIANTS["rotated"]]
    learned = known.train - VALIDATED
    if images is None:
        return Sizes(learned, VALIDATED, known.test)
    learned, every = min(images, learned), learned
    return Sizes(learned, VALIDATED * learned // every, known.test * learned // every)


def make_material(variant: Variant, folder: Path, sizes: Sizes, *, root: Path) -> Material:
    """Make a set, and write what is learned from and chosen by, unless it is written.

    Args:
        variant: Which set.
        folder: Where the file is written.
        sizes: How many digits there are.
        root: Where data sets are.

    Raises:
        DataError: If MNIST, or the photographs, are missing.
    """
    splits = harder_digits(variant, partial(open_known, root=root), sizes, seed=_SEED)
    assert splits.test is not None
    train, test = _examples(splits.train), _examples(splits.test)
    cut = sizes.learned
    learned = Examples(train.images[:cut], train.labels[:cut])
    validated = Examples(train.images[cut:], train.labels[cut:])
    classes = KNOWN[VARIANTS[variant]].class_names
    file = folder / f"{variant}.npz"
    if not file.exists():
        write_bytes(file, _packed(learned, validated, classes))
    ids = splits.test.ids
    pictures = None if ids is None else np.array([name.split("/")[0] for name in ids])
    judged = ImageSet(test.images, test.labels, classes, ids, splits.test.name)
    return Material(learned, validated, judged, pictures, file)


def _examples(raw: RawSet) -> Examples:
    """Take the images of a split, which are in memory."""
    assert isinstance(raw.images, np.ndarray)
    assert raw.labels is not None
    return Examples(raw.images, raw.labels)


def _packed(learned: Examples, validated: Examples, classes: tuple[str, ...]) -> bytes:
    """Write both parts as the bytes of an NPZ file."""
    buffer = BytesIO()
    np.savez(
        buffer,
        images=learned.images[:, 0],
        labels=learned.labels,
        test_images=validated.images[:, 0],
        test_labels=validated.labels,
        classes=np.array(classes),
    )
    return buffer.getvalue()
