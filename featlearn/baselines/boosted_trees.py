"""Boosted trees, as scikit-learn's gradient boosting on histograms fits them."""

import time
from typing import Any

import numpy as np
from sklearn.ensemble import HistGradientBoostingClassifier

from featlearn.baselines.task import Allowance, Fitted, Settings, Task, as_rows
from featlearn.baselines.waiting import interruptible
from featlearn.datasets.imageset import Images, Indices
from featlearn.seeds import derive

ROUNDS = 300
"""Trees of each class."""

_RATE = 0.1
_LEAVES = 31
_PIXELS = 0.2
"""The share of them that each split looks at."""

_FIRST = 8
"""Rounds before it is known how long one takes."""


def fit_boosted_trees(task: Task, allowance: Allowance) -> Fitted:
    """Boost trees for as many rounds as the budget allows.

    The rounds come in pieces, each half as long again as all before, as every piece begins
    with sorting pixels into bins and naming all images by the trees so far.

    Args:
        task: What it is fitted to.
        allowance: Seconds.

    Source:
        Friedman, Annals of Statistics 2001; scikit-learn's HistGradientBoostingClassifier.
    """
    wanted = task.rounds or ROUNDS
    settings: Settings = {"rate": _RATE, "leaves": _LEAVES, "pixels": _PIXELS}
    make: Any = HistGradientBoostingClassifier
    model = make(
        learning_rate=_RATE,
        max_leaf_nodes=_LEAVES,
        max_features=_PIXELS,
        max_iter=min(_FIRST, wanted) if allowance.seconds is not None else wanted,
        early_stopping=False,
        warm_start=True,
        random_state=derive(task.seed, "boosted trees") % 2**32,
    )
    done = 0
    while True:
        begun = time.monotonic()
        interruptible(lambda: model.fit(task.train.rows, task.train.labels), threads=task.threads)
        each = max((time.monotonic() - begun) / (model.max_iter - done), 1e-6)
        done = model.max_iter
        task.progress.count("rounds of boosted trees", done=done, of=wanted)
        more = min(done // 2 + 1, wanted - done, int(min(allowance.left / each, wanted)))
        if more < 1:
            break
        model.max_iter = done + more

    def predict(images: Images) -> Indices:
        return np.asarray(model.predict(as_rows(images)), np.int64)

    return Fitted(
        predict, settings, None, len(task.train), allowance.spent, rounds=done, wanted=wanted
    )
