"""The data sets that come with scikit-learn, so that nothing need be downloaded."""

import numpy as np

from featlearn.datasets.raw import RawSet, RawSplits

DIGITS_TEST = 500
"""Test split of the digits: the last 500 images, in the order of the set."""


def open_digits() -> RawSplits:
    """Open scikit-learn's digits: 1,797 of 8 x 8 in 17 grey levels.

    It has no official test split: the last 500 images, in the order of the set, are it.
    """
    from sklearn.datasets import load_digits

    values, targets = load_digits(return_X_y=True)
    grey = np.asarray(values).reshape(-1, 1, 8, 8)
    # 0..16 becomes 0..255, so that the level 16 is white.
    images = np.rint(grey * (255 / 16)).astype(np.uint8)
    labels = np.asarray(targets, np.int64)
    classes = tuple(str(digit) for digit in range(10))
    cut = len(images) - DIGITS_TEST
    return RawSplits(
        RawSet("digits: train", images[:cut], cut, labels[:cut], classes),
        RawSet("digits: test", images[cut:], DIGITS_TEST, labels[cut:], classes),
    )


def open_photographs() -> RawSplits:
    """Open scikit-learn's two sample photographs, 427 x 640 in colour."""
    from sklearn.datasets import load_sample_images

    samples = load_sample_images()
    images = np.stack(samples.images).transpose(0, 3, 1, 2)
    names = tuple(str(name).rsplit("/", maxsplit=1)[-1] for name in samples.filenames)
    train = RawSet("photographs", np.ascontiguousarray(images), len(images), ids=names)
    return RawSplits(train, divisible=False)
