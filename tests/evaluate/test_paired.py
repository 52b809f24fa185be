"""Paired intervals against scipy's paired t test."""

import numpy as np
import pytest
from scipy import stats

from featlearn.errors import DataError
from featlearn.evaluate.paired import paired_interval


@pytest.mark.parametrize("level", [0.8, 0.95])
def test_agrees_with_scipy(level: float) -> None:
    draw = np.random.default_rng(1)
    common = draw.normal(size=12)
    a, b = common + draw.normal(0.3, 0.1, 12), common + draw.normal(0, 0.1, 12)
    expected = stats.ttest_rel(a, b).confidence_interval(level)
    result = paired_interval(list(a), list(b), level=level)
    assert result.mean == pytest.approx((a - b).mean())
    assert (result.low, result.high) == pytest.approx((expected.low, expected.high))


def test_what_both_share_does_not_widen_it() -> None:
    common = [0.0, 5.0, 10.0]
    assert paired_interval([c + 1 for c in common], common) == pytest.approx((1, 1, 1))


@pytest.mark.parametrize(("a", "b"), [([1.0], [1.0]), ([1.0, 2.0], [1.0]), ([], [])])
def test_too_few_pairs(a: list[float], b: list[float]) -> None:
    with pytest.raises(DataError, match="two or more pairs"):
        paired_interval(a, b)


@pytest.mark.parametrize("level", [0.0, 1.0])
def test_a_level_outside_is_refused(level: float) -> None:
    with pytest.raises(DataError, match="level"):
        paired_interval([1.0, 2.0], [0.0, 0.0], level=level)
