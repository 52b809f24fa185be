"""What a mean over draws is worth, and a difference between two methods on the same draws."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from scipy import stats

from featlearn.errors import DataError


class Interval(NamedTuple):
    """A mean, and the ends of its confidence interval."""

    mean: float
    low: float
    high: float


def mean_interval(values: Sequence[float], *, level: float = 0.95) -> Interval:
    """Estimate the mean of independent draws.

    Args:
        values: One figure for each draw.
        level: Confidence, in (0, 1).

    Returns:
        The mean and its Student interval, in the unit of `values`.

    Raises:
        DataError: If there are fewer than two draws.
    """
    if len(values) < 2:
        raise DataError(f"an interval needs two or more draws; got {len(values)}")
    if not 0 < level < 1:
        raise DataError(f"the level of an interval lies in (0, 1); got {level}")
    drawn = np.asarray(values, dtype=np.float64)
    mean = float(drawn.mean())
    error = float(drawn.std(ddof=1)) / len(drawn) ** 0.5
    reach = float(stats.t.ppf((1 + level) / 2, len(drawn) - 1)) * error
    return Interval(mean, mean - reach, mean + reach)


def paired_interval(a: Sequence[float], b: Sequence[float], *, level: float = 0.95) -> Interval:
    """Estimate the mean of `a - b`, pair by pair.

    Pairing removes what both have in common, such as an easy draw of labels, so
    the interval is that of the difference and not of two means side by side.

    Args:
        a: One figure for each draw.
        b: The other method's figure on the same draws.
        level: Confidence, in (0, 1).

    Returns:
        The mean difference and its Student interval, in the unit of `a`.

    Raises:
        DataError: If the two differ in length or hold fewer than two pairs.
    """
    if len(a) != len(b) or len(a) < 2:
        raise DataError(f"a paired interval needs two or more pairs; got {len(a)} and {len(b)}")
    differences = np.asarray(a, dtype=np.float64) - np.asarray(b, dtype=np.float64)
    return mean_interval(differences.tolist(), level=level)
