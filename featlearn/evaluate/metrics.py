"""How right a classifier is, altogether and class by class."""

from collections.abc import Sequence

import msgspec
import numpy as np
from numpy.typing import NDArray

from featlearn.errors import DataError


class ClassScore(msgspec.Struct, frozen=True, kw_only=True):
    """One class: how many test images it has, and the share of them named right.

    `accuracy` is in [0, 1], and `None` where there are no images.
    """

    name: str
    images: int
    accuracy: float | None


class ClassificationResult(msgspec.Struct, frozen=True, kw_only=True):
    """The figures of one classifier on one set of images.

    Attributes:
        images: How many images were classified.
        accuracy: Share named right, in [0, 1].
        error: `1 - accuracy`.
        majority: Share of the largest class: the accuracy of naming it every time.
        classes: Names of the classes, in the order of the labels.
        per_class: One score for each class.
        confusion: `confusion[true][predicted]`, in images.
    """

    images: int
    accuracy: float
    error: float
    majority: float
    classes: tuple[str, ...]
    per_class: tuple[ClassScore, ...]
    confusion: tuple[tuple[int, ...], ...]


def classification_report(
    labels: NDArray[np.int64], predictions: NDArray[np.int64], classes: Sequence[str]
) -> ClassificationResult:
    """Compare predictions with labels.

    Args:
        labels: True classes, `(n,)`, in [0, len(classes)).
        predictions: Predicted classes, of the same shape and range.
        classes: Names of the classes.

    Raises:
        DataError: If there are no images, the two differ in shape, or a class
            has no name.
    """
    if labels.shape != predictions.shape or labels.ndim != 1 or labels.size == 0:
        raise DataError(
            "classification_report needs labels and predictions of one shape (n >= 1,); "
            f"got {labels.shape} and {predictions.shape}"
        )
    count = len(classes)
    low = int(min(labels.min(), predictions.min()))
    high = int(max(labels.max(), predictions.max()))
    if low < 0 or high >= count:
        raise DataError(
            f"labels run from {low} to {high}, but there are names for {count} classes only"
        )
    confusion = np.bincount(labels * count + predictions, minlength=count * count)
    confusion = confusion.reshape(count, count)
    correct = int(np.trace(confusion))
    return ClassificationResult(
        images=int(labels.size),
        accuracy=correct / labels.size,
        error=(int(labels.size) - correct) / labels.size,
        majority=int(confusion.sum(axis=1).max()) / labels.size,
        classes=tuple(classes),
        per_class=tuple(
            _score(name, row, place)
            for place, (name, row) in enumerate(zip(classes, confusion, strict=True))
        ),
        confusion=tuple(tuple(int(cell) for cell in row) for row in confusion),
    )


def _score(name: str, row: NDArray[np.int64], place: int) -> ClassScore:
    """Score one class from its row of the confusion matrix."""
    images = int(row.sum())
    return ClassScore(
        name=name, images=images, accuracy=int(row[place]) / images if images else None
    )
