"""The rows of the table, and how each is fitted."""

from typing import Literal, assert_never, get_args

from featlearn.baselines.boosted import (
    HAAR_PRODUCTS,
    HAAR_STUMPS,
    PRODUCTS,
    STUMPS,
    fit_boosted,
)
from featlearn.baselines.boosted_trees import fit_boosted_trees
from featlearn.baselines.estimators import FOREST, LINEAR, NEIGHBOURS, SVM, fit_estimator
from featlearn.baselines.task import Allowance, Fitted, Kept, Task
from featlearn.baselines.two_layer import fit_two_layer

Name = Literal[
    "linear",
    "boosted-stumps",
    "boosted-products",
    "boosted-trees",
    "forest",
    "haar-stumps",
    "haar-products",
    "neighbours",
    "svm",
    "two-layer",
]

NAMES: tuple[Name, ...] = get_args(Name)
"""In the order of the table."""

WORDS: dict[Name, str] = {
    "linear": "linear",
    "boosted-stumps": "boosted stumps",
    "boosted-products": "product of boosted stumps",
    "boosted-trees": "boosted trees",
    "forest": "random forest",
    "haar-stumps": "stumps on Haar features",
    "haar-products": "product of stumps on Haar features",
    "neighbours": "nearest neighbours",
    "svm": "SVM, Gaussian kernel",
    "two-layer": "two-layer net, 800 hidden units",
}
"""What each row is called."""


def fit_row(name: Name, task: Task, allowance: Allowance, kept: Kept) -> Fitted:
    """Fit one row.

    Args:
        name: Which.
        task: What it is fitted to.
        allowance: Seconds to choose and to fit.
        kept: Where a boosting is saved while it runs.

    Raises:
        FeatlearnError: If the images or a saved file stand in the way.
    """
    match name:
        case "linear":
            return fit_estimator(LINEAR, task, allowance)
        case "boosted-stumps":
            return fit_boosted(STUMPS, task, allowance, kept)
        case "boosted-products":
            return fit_boosted(PRODUCTS, task, allowance, kept)
        case "boosted-trees":
            return fit_boosted_trees(task, allowance)
        case "forest":
            return fit_estimator(FOREST, task, allowance)
        case "haar-stumps":
            return fit_boosted(HAAR_STUMPS, task, allowance, kept)
        case "haar-products":
            return fit_boosted(HAAR_PRODUCTS, task, allowance, kept)
        case "neighbours":
            return fit_estimator(NEIGHBOURS, task, allowance)
        case "svm":
            return fit_estimator(SVM, task, allowance)
        case "two-layer":
            return fit_two_layer(task, allowance)
        case _:
            assert_never(name)
