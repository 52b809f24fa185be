"""Choosing hyper-parameters on a part of the training images, and what fits into a budget."""

import time
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from featlearn.baselines.task import Allowance, Choice, Examples, Settings, Task
from featlearn.datasets.imageset import Images, Indices
from featlearn.datasets.labels import hold_out_labelled
from featlearn.seeds import derive

MOST = 10_000
"""Training images that choosing looks at, at most."""

_VALIDATION = 0.2
_PILOTS = (1000, 2000)
_QUERIES = 200
_SHARE_OF_CHOOSING = 1 / 3
_MARGIN = 0.9

Predict = Callable[[Images], Indices]
Fit = Callable[[Settings, Examples], Predict]
"""Fits a classifier with some settings to some images."""


class Growth(NamedTuple):
    """How the time of a row grows with the images it learns from: like a power.

    Attributes:
        images: So many images
        seconds: took so long.
        power: The exponent.
    """

    images: int
    seconds: float
    power: float

    def within(self, seconds: float) -> int:
        """Give how many images fit into some seconds."""
        return int(self.images * (max(seconds, 0.0) / self.seconds) ** (1 / self.power))


def growth(fit: Fit, settings: Settings, task: Task) -> Growth:
    """Measure how the time to fit and to predict grows, on two small draws of images."""
    sizes = [min(size, len(task.train)) for size in _PILOTS]
    times = [_time(fit, settings, task, size) for size in sizes]
    if sizes[0] == sizes[1]:
        return Growth(sizes[1], times[1], 1.0)
    power = float(np.log(times[1] / times[0]) / np.log(sizes[1] / sizes[0]))
    return Growth(sizes[1], times[1], min(max(power, 1.0), 3.0))


def choose(
    fit: Fit, candidates: Sequence[Settings], task: Task, *, most: int = MOST
) -> tuple[Settings, Choice | None]:
    """Take the settings with the least error on training images that they did not learn from.

    Args:
        fit: Fits a classifier.
        candidates: The settings; of equally good ones the first is taken.
        task: For the training images.
        most: Images to look at; a fifth of them is judged on, each class in proportion.

    Returns:
        The settings, and how they were chosen: `None` if there was no choice, be it for
        want of candidates or of images.
    """
    some = task.train.limited(most, seed=derive(task.seed, "choosing"))
    learn, check = hold_out_labelled(some.labels, _VALIDATION, seed=derive(task.seed, "validation"))
    if len(candidates) == 1 or not len(check):
        return candidates[0], None
    learned, checked = some.some(learn), some.some(check)
    errors = [
        float(np.mean(fit(settings, learned)(checked.images) != checked.labels))
        for settings in candidates
    ]
    best = int(np.argmin(errors))
    return candidates[best], Choice(len(candidates), len(learned), len(checked), errors[best])


def images_to_choose_on(grown: Growth | None, allowance: Allowance, *, tried: int) -> int:
    """Give how many images choosing may look at, when it may take a third of the budget."""
    if grown is None:
        return MOST
    most = grown.within(allowance.left * _SHARE_OF_CHOOSING / tried)
    return min(int(most / (1 - _VALIDATION)), MOST)


def images_to_learn_from(grown: Growth | None, allowance: Allowance, task: Task) -> int:
    """Give how many images can be learned from in what is left, one of each class at least."""
    if grown is None:
        return len(task.train)
    most = grown.within(allowance.left * _MARGIN)
    return min(max(most, task.classes), len(task.train))


def _time(fit: Fit, settings: Settings, task: Task, size: int) -> float:
    """Time a fit to some images, and the prediction of as many as will be judged on."""
    some = task.train.limited(size, seed=derive(task.seed, "pilot"))
    begun = time.monotonic()
    predict = fit(settings, some)
    fitted = time.monotonic()
    queries = some.images[:_QUERIES]
    predict(queries)
    asked = (time.monotonic() - fitted) * task.judged / len(queries)
    return max(fitted - begun + asked, 1e-6)
