"""The rows of the table, and how each is fitted."""

from typing import Literal, assert_never, get_args

from featlearn.baselines import boosted, estimators
from featlearn.baselines.boosted import fit_boosted
from featlearn.baselines.boosted_trees import fit_boosted_trees
from featlearn.baselines.estimators import fit_estimator
from featlearn.baselines.forest import fit_forest
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


CHOOSING: frozenset[Name] = frozenset({"linear", "forest", "neighbours", "svm", "two-layer"})
"""Those that choose settings on training images, if they have the time."""


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
        case "boosted-stumps" | "boosted-products" | "haar-stumps" | "haar-products":
            return fit_boosted(boosted.KINDS[name], task, allowance, kept)
        case "linear" | "neighbours" | "svm":
            return fit_estimator(estimators.KINDS[name], task, allowance)
        case "boosted-trees":
            return fit_boosted_trees(task, allowance)
        case "forest":
            return fit_forest(task, allowance)
        case "two-layer":
            return fit_two_layer(task, allowance)
        case _:
            assert_never(name)
