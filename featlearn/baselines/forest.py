"""The random forest, which grows tree by tree."""

import time
from typing import Any

import numpy as np
from sklearn.ensemble import RandomForestClassifier

from featlearn.baselines.choosing import Predict, choose
from featlearn.baselines.task import Allowance, Examples, Fitted, Settings, Task, as_rows
from featlearn.baselines.waiting import interruptible
from featlearn.datasets.imageset import Images, Indices
from featlearn.seeds import derive

TREES = 300

_CANDIDATES: tuple[Settings, ...] = ({"pixels": 1.0}, {"pixels": 2.0})
"""Pixels that each split looks at, in roots of their number."""

_FIRST = 4
"""Trees before it is known how long one takes."""


def fit_forest(task: Task, allowance: Allowance) -> Fitted:
    """Choose how many pixels a split looks at, then grow as many trees as the budget allows.

    With a budget there is no choice: the first candidate is grown.

    Args:
        task: What it is fitted to.
        allowance: Seconds.

    Source:
        Breiman, Machine Learning 2001; scikit-learn's RandomForestClassifier.
    """
    wanted = task.rounds or TREES
    if allowance.seconds is not None:
        settings, choice, first = _CANDIDATES[0], None, min(_FIRST, wanted)
    else:
        settings, choice = choose(
            lambda some, learned: _grown(_forest(some, learned, task, trees=wanted), learned, task),
            _CANDIDATES,
            task,
        )
        first = wanted
    model = _forest(settings, task.train, task, trees=first)
    done = 0
    while True:
        begun = time.monotonic()
        predict = _grown(model, task.train, task)
        each = max((time.monotonic() - begun) / (model.n_estimators - done), 1e-6)
        done = model.n_estimators
        more = min(done, wanted - done, int(min(allowance.left / each, wanted)))
        if more < 1:
            break
        model.n_estimators = done + more
    return Fitted(
        predict,
        settings,
        choice,
        len(task.train),
        allowance.spent,
        rounds=done,
        wanted=wanted,
    )


def _forest(settings: Settings, learned: Examples, task: Task, *, trees: int) -> Any:
    """Make a forest that may grow."""
    pixels = learned.rows.shape[1]
    tried = max(round(float(settings["pixels"]) * pixels**0.5), 1)
    return RandomForestClassifier(
        trees,
        max_features=min(tried, pixels),
        random_state=derive(task.seed, "forest") % 2**32,
        n_jobs=task.threads,
        warm_start=True,
    )


def _grown(model: Any, learned: Examples, task: Task) -> Predict:
    """Grow the trees that are missing."""
    interruptible(lambda: model.fit(learned.rows, learned.labels), threads=task.threads)

    def predict(images: Images) -> Indices:
        return np.asarray(model.predict(as_rows(images)), np.int64)

    return predict
