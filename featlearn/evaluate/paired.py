"""What a difference between two methods is worth, when both had the same draws."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from scipy import stats

from featlearn.errors import DataError


class PairedInterval(NamedTuple):
    """Mean of `a - b` over pairs, and the ends of its confidence interval."""

    mean: float
    low: float
    high: float


def paired_interval(
    a: Sequence[float], b: Sequence[float], *, level: float = 0.95
) -> PairedInterval:
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
    if not 0 < level < 1:
        raise DataError(f"the level of an interval lies in (0, 1); got {level}")
    differences = np.asarray(a, dtype=np.float64) - np.asarray(b, dtype=np.float64)
    mean = float(differences.mean())
    error = float(differences.std(ddof=1)) / len(a) ** 0.5
    reach = float(stats.t.ppf((1 + level) / 2, len(a) - 1)) * error
    return PairedInterval(mean, mean - reach, mean + reach)
