"""How far a figure would move with other people, pictures or recordings: the bootstrap."""

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike, NDArray

from featlearn.errors import DataError
from featlearn.evaluate.paired import Interval

DRAWS = 2000
"""Resamples, enough for a 95 % interval to two figures."""

_CELLS = 1 << 16  # draws times groups at once: as many as a cache holds

Numbers = NDArray[np.float64]


def bootstrap(
    statistic: Callable[[Numbers], Numbers],
    groups: int,
    *,
    draws: int = DRAWS,
    level: float = 0.95,
    seed: int = 0,
) -> Interval:
    """Bound a statistic by drawing groups with replacement.

    Args:
        statistic: Given how often each draw took each group, `(some draws, groups)`,
            gives the statistic of each draw, `(some draws,)`. It is also asked for that of
            the sample itself, whose weights are all 1. NaN marks a draw on which it is
            not defined; such draws are left out.
        groups: How many groups there are; each is drawn whole.
        draws: How many times to draw as many groups as there are.
        level: Confidence, in (0, 1).
        seed: Of the draws.

    Returns:
        The statistic of the sample, and the percentiles of the draws that hold `level` of
        them in the middle. With a single group both are the statistic: nothing can be said.

    Raises:
        DataError: If there are no groups, no draws, or the level is out of range.

    Source:
        Efron, Annals of Statistics 1979: the percentile interval.
    """
    drawn = _drawn(statistic, groups, draws=draws, level=level, seed=seed)
    drawn = drawn[~np.isnan(drawn)]
    whole = float(statistic(np.ones((1, groups)))[0])
    if not len(drawn):
        return Interval(whole, whole, whole)
    low, high = np.quantile(drawn, [(1 - level) / 2, (1 + level) / 2])
    return Interval(whole, float(low), float(high))


def bootstrap_mean(
    values: ArrayLike,
    *,
    groups: ArrayLike | None = None,
    draws: int = DRAWS,
    level: float = 0.95,
    seed: int = 0,
) -> Interval:
    """Bound a mean over items, such as the share of images that were named right.

    Args:
        values: `(n,)`, in any unit: 1 and 0 for right and wrong.
        groups: `(n,)`, which group each item belongs to, by number or name, such as its
            person or picture: items that are not independent are drawn together. Each
            item by itself if absent.
        draws: How many times to draw.
        level: Confidence, in (0, 1).
        seed: Of the draws.

    Returns:
        The mean over all items and its percentile interval. Large groups weigh more, in
        the sample as in the draws.

    Raises:
        DataError: If there are no items, or `groups` has another length.
    """
    items = np.asarray(values, dtype=np.float64)
    if items.ndim != 1:
        raise DataError(f"a bootstrap needs values (n >= 1,); got {items.shape}")
    return bootstrap_means(items[:, None], groups=groups, draws=draws, level=level, seed=seed)[0]


def bootstrap_means(
    values: ArrayLike,
    *,
    groups: ArrayLike | None = None,
    draws: int = DRAWS,
    level: float = 0.95,
    seed: int = 0,
) -> list[Interval]:
    """Bound several means over the same items, such as those of many methods, by the same draws.

    Args:
        values: `(n, means)`, a column for each mean; a column of differences bounds the
            difference of two methods.
        groups: As `bootstrap_mean` takes them.
        draws: How many times to draw.
        level: Confidence, in (0, 1).
        seed: Of the draws.

    Returns:
        What `bootstrap_mean` gives for each column, in much less time than one by one.

    Raises:
        DataError: If there are no items, or `groups` has another length.
    """
    items = np.asarray(values, dtype=np.float64)
    if items.ndim != 2 or not len(items):
        raise DataError(f"a bootstrap needs values (n >= 1, means); got {items.shape}")
    places = _places(groups, len(items))
    sizes = np.bincount(places).astype(np.float64)
    sums = np.zeros((len(sizes), items.shape[1]))
    np.add.at(sums, places, items)

    def means(weights: Numbers) -> Numbers:
        return (weights @ sums) / (weights @ sizes)[:, None]

    drawn = _drawn(means, len(sizes), draws=draws, level=level, seed=seed)
    lows, highs = np.quantile(drawn, [(1 - level) / 2, (1 + level) / 2], axis=0)
    ends = zip(items.mean(0), lows, highs, strict=True)
    return [Interval(*(float(number) for number in interval)) for interval in ends]


def bootstrap_difference(
    a: ArrayLike,
    b: ArrayLike,
    *,
    groups: ArrayLike | None = None,
    draws: int = DRAWS,
    level: float = 0.95,
    seed: int = 0,
) -> Interval:
    """Bound the mean of `a - b` over the same items, such as two methods on the same images.

    Args are those of `bootstrap_mean`; every draw takes the same items of both.

    Raises:
        DataError: If the two differ in length, and as `bootstrap_mean` does.
    """
    one, other = np.asarray(a, dtype=np.float64), np.asarray(b, dtype=np.float64)
    if one.shape != other.shape:
        raise DataError(f"a paired bootstrap needs as many of both; got {one.shape}, {other.shape}")
    return bootstrap_mean(one - other, groups=groups, draws=draws, level=level, seed=seed)


def _places(groups: ArrayLike | None, count: int) -> NDArray[np.int64]:
    """Number the groups of the items."""
    if groups is None:
        return np.arange(count)
    named = np.asarray(groups)
    if named.shape != (count,):
        raise DataError(f"there are {count} values, but groups for {named.shape}")
    return np.unique(named, return_inverse=True)[1].astype(np.int64, copy=False)


def _drawn(
    statistic: Callable[[Numbers], Numbers], groups: int, *, draws: int, level: float, seed: int
) -> Numbers:
    """Compute a statistic, or several, of each draw."""
    if groups < 1 or draws < 1 or not 0 < level < 1:
        raise DataError(
            "a bootstrap needs groups, draws and a level in (0, 1); "
            f"got {groups} groups, {draws} draws and level {level}"
        )
    rng = np.random.default_rng(seed)
    found: list[Numbers] = []
    left = draws
    while left:
        rows = min(left, max(_CELLS // groups, 1))
        taken = rng.integers(groups, size=(rows, groups))
        taken += groups * np.arange(rows)[:, None]
        counts = np.bincount(taken.reshape(-1), minlength=rows * groups)
        found.append(statistic(counts.reshape(rows, groups).astype(np.float64)))
        left -= rows
    return np.concatenate(found)
