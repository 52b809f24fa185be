"""What pooled codes are worth: a linear support vector machine, its weight of errors chosen."""

from typing import NamedTuple

import torch
from torch import Tensor

from featlearn.evaluate.linear_svm import LinearSVM, fit_svm

STRENGTHS = (3.0, 10.0, 30.0, 100.0)
"""Weights of errors to choose from."""

_STEPS = (100, 200)  # of the solver, to choose and at the end: more change no figure


class Judged(NamedTuple):
    """How well classes are told.

    Attributes:
        right: Test images named right.
        strength: Weight of errors that was chosen.
        chosen: Accuracy on the validation images at that.
    """

    right: int
    strength: float
    chosen: float


def judge(
    train: Tensor, labels: Tensor, test: Tensor, truth: Tensor, *, validation: Tensor
) -> Judged:
    """Choose the weight of errors on some training images, fit all, and test once.

    Args:
        train: Standardised features, `(n, features)`.
        labels: Classes, `(n,)`, from 0.
        test: Features of the test images.
        truth: Their classes.
        validation: `(n,)`, which training images choose.
    """
    classes = int(labels.max()) + 1
    fitted, theirs = train[~validation], labels[~validation]
    judged, own = train[validation], labels[validation]
    tried: dict[float, tuple[float, LinearSVM]] = {}
    machine: LinearSVM | None = None
    for strength in STRENGTHS:
        machine = fit_svm(
            fitted, theirs, classes=classes, strength=strength, start=machine, steps=_STEPS[0]
        )
        tried[strength] = float((machine.predict(judged) == own).double().mean()), machine
    del fitted, judged
    best = max(tried, key=lambda strength: tried[strength][0])  # the smallest of equals
    chosen, start = tried[best]
    machine = fit_svm(train, labels, classes=classes, strength=best, start=start, steps=_STEPS[1])
    return Judged(int((machine.predict(test) == truth).sum()), best, chosen)


def every_fifth(labels: Tensor) -> Tensor:
    """Set a fifth of each class apart: every fifth of its images in their order, `(n,)`."""
    apart = torch.zeros(len(labels), dtype=torch.bool)
    for label in labels.unique():
        apart[(labels == label).nonzero()[4::5, 0]] = True
    return apart
