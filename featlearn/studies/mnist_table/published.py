"""What was published, and what stands for it here."""

from typing import NamedTuple

from featlearn.baselines.rows import Name


class Published(NamedTuple):
    """A row of the published table.

    Attributes:
        method: What it is called.
        error: In percent, to one decimal.
        baseline: The classical classifier that stands for it, or
        recipe: the shipped recipe that does.
    """

    method: str
    error: float
    baseline: Name | None = None
    recipe: str | None = None


TABLE = (
    Published("linear", 12.0, "linear"),
    Published("boosted stumps", 7.7, "boosted-stumps"),
    Published("product of boosted stumps", 1.3, "boosted-products"),
    Published("boosted trees", 1.5, "boosted-trees"),
    Published("(product of) stumps on Haar features", 0.9, "haar-products"),
    Published("nearest neighbours", 5.0, "neighbours"),
    Published("SVM, Gaussian kernel", 1.4, "svm"),
    Published("two-layer net, 800 hidden units", 1.6, "two-layer"),
    Published("four-layer net, pre-trained", 1.0, recipe="mnist-dense"),
    Published("conv net, pre-trained", 0.6, recipe="mnist-conv"),
)
"""The tutorial's table (Ranzato & others, CVPR 2012); its first eight rows are from that of
LeCun, Cortes and Burges, where no row but that on Haar features has any preparation."""

BUDGETS: dict[Name, float] = {
    "boosted-products": 1800.0,
    "boosted-trees": 1800.0,
    "haar-products": 1800.0,
}
"""Seconds for rows that could go on for long; all others are as whole as `baselines` makes them."""
