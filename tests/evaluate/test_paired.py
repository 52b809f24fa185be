"""Intervals of means and of paired differences against scipy's t tests."""

import numpy as np
import pytest
from scipy import stats

from featlearn.errors import DataError
from featlearn.evaluate.paired import mean_interval, paired_interval


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


@pytest.mark.parametrize("level", [0.8, 0.95])
def test_the_interval_of_a_mean_agrees_with_scipy(level: float) -> None:
    drawn = np.random.default_rng(2).normal(0.3, 0.1, 7)
    expected = stats.ttest_1samp(drawn, 0).confidence_interval(level)
    result = mean_interval(drawn.tolist(), level=level)
    assert result == pytest.approx((drawn.mean(), expected.low, expected.high))


def test_equal_draws_have_no_width() -> None:
    assert mean_interval([0.25, 0.25, 0.25]) == (0.25, 0.25, 0.25)


@pytest.mark.parametrize("values", [[], [1.0]])
def test_one_draw_has_no_interval(values: list[float]) -> None:
    with pytest.raises(DataError, match=f"two or more draws; got {len(values)}"):
        mean_interval(values)
