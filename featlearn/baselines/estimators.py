"""The rows that scikit-learn fits at one go: linear, neighbours, Gaussian kernel."""

import warnings
from collections.abc import Callable
from typing import Any, Literal, NamedTuple

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression, RidgeClassifier
from sklearn.neighbors import KNeighborsClassifier
from sklearn.svm import SVC

from featlearn.baselines.choosing import (
    Predict,
    choose,
    growth,
    images_to_choose_on,
    images_to_learn_from,
)
from featlearn.baselines.task import Allowance, Examples, Fitted, Settings, Task, as_rows
from featlearn.baselines.waiting import interruptible
from featlearn.datasets.imageset import Images, Indices
from featlearn.seeds import derive

_CACHE = 1000
"""Megabytes of kernel values that the support vector machine may keep."""


class Estimator(NamedTuple):
    """How a row is fitted.

    Attributes:
        candidates: The settings to choose among.
        make: Makes scikit-learn's estimator.
    """

    candidates: tuple[Settings, ...]
    make: Callable[["Making"], Any]


class Making(NamedTuple):
    """What an estimator is made for.

    Attributes:
        settings: Those of one candidate.
        learned: Images that it will learn from.
        seed: Of its draws, if it has any.
        threads: How many it may use, if it can.
    """

    settings: Settings
    learned: Examples
    seed: int
    threads: int


def _linear(given: Making) -> Any:
    """Least squares on the classes as numbers, or logistic regression; both with an L2 penalty."""
    settings = given.settings
    if settings["loss"] == "squares":
        return RidgeClassifier(alpha=float(settings["alpha"]), random_state=given.seed)
    strength = float(settings["C"])
    return LogisticRegression(C=strength, tol=1e-3, max_iter=200, random_state=given.seed)


def _neighbours(given: Making) -> Any:
    """Nearest neighbours by Euclidean distance between pixels."""
    k = min(int(given.settings["k"]), len(given.learned))
    return KNeighborsClassifier(k, algorithm="brute", n_jobs=given.threads)


def _svm(given: Making) -> Any:
    """A support vector machine with a Gaussian kernel, one class against another."""
    rows = given.learned.rows
    gamma = float(given.settings["gamma"]) / (rows.shape[1] * max(float(rows.var()), 1e-12))
    strength = float(given.settings["C"])
    return SVC(C=strength, gamma=gamma, cache_size=_CACHE, random_state=given.seed)


Name = Literal["linear", "neighbours", "svm"]

KINDS: dict[Name, Estimator] = {
    "linear": Estimator(
        (
            *({"loss": "logistic", "C": strength} for strength in (0.1, 0.03, 1.0)),
            *({"loss": "squares", "alpha": alpha} for alpha in (10.0, 100.0)),
        ),
        _linear,
    ),
    "neighbours": Estimator(tuple({"k": k} for k in (3, 1, 5)), _neighbours),
    "svm": Estimator(tuple({"C": 10.0, "gamma": gamma} for gamma in (2.0, 1.0, 4.0)), _svm),
}
"""`gamma` is in units of one over the number of pixels times their variance."""


def fit_estimator(kind: Estimator, task: Task, allowance: Allowance) -> Fitted:
    """Choose settings on a part of the training images, then fit to all, or to what fits.

    Args:
        kind: The row.
        task: What it is fitted to.
        allowance: Seconds for choosing, fitting, and judging the task's number of images.
    """

    def fit(settings: Settings, learned: Examples) -> Predict:
        return _fit(kind, settings, learned, task)

    limited = allowance.seconds is not None
    grown = growth(fit, kind.candidates[0], task) if limited else None
    most = images_to_choose_on(grown, allowance, tried=len(kind.candidates))
    if most < 2 * task.classes:
        settings, choice = kind.candidates[0], None
    else:
        settings, choice = choose(fit, kind.candidates, task, most=most)
    count = images_to_learn_from(grown, allowance, task)
    learned = task.train.limited(count, seed=derive(task.seed, "budget"))
    predict = fit(settings, learned)
    return Fitted(predict, settings, choice, len(learned), allowance.spent)


def _fit(kind: Estimator, settings: Settings, learned: Examples, task: Task) -> Predict:
    """Fit an estimator; a single class is named without one."""
    if len(np.unique(learned.labels)) == 1:
        only = learned.labels[0]
        return lambda images: np.full(len(images), only)
    seed = derive(task.seed, "estimator") % 2**32
    estimator = kind.make(Making(settings, learned, seed, task.threads))
    with warnings.catch_warnings():
        # Few steps are enough for a classifier that is judged by its error.
        warnings.simplefilter("ignore", ConvergenceWarning)
        interruptible(lambda: estimator.fit(learned.rows, learned.labels), threads=task.threads)

    def predict(images: Images) -> Indices:
        named = interruptible(lambda: estimator.predict(as_rows(images)), threads=task.threads)
        return np.asarray(named, np.int64)

    return predict
