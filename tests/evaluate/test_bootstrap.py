"""The bootstrap against SciPy's, and against a loop that draws groups one by one."""

from collections.abc import Callable

import numpy as np
import pytest
from scipy import stats

from featlearn.errors import DataError
from featlearn.evaluate.bootstrap import (
    bootstrap,
    bootstrap_difference,
    bootstrap_mean,
    bootstrap_means,
)


def test_single_items_agree_with_scipy() -> None:
    values = np.random.default_rng(1).normal(3, 2, size=400)
    ours = bootstrap_mean(values, draws=4000, level=0.9)
    theirs = stats.bootstrap(
        (values,),
        np.mean,
        n_resamples=4000,
        confidence_level=0.9,
        method="percentile",
        rng=np.random.default_rng(2),
    ).confidence_interval
    assert ours.mean == pytest.approx(values.mean(), abs=1e-12)
    width = theirs.high - theirs.low
    assert abs(ours.low - theirs.low) < 0.05 * width
    assert abs(ours.high - theirs.high) < 0.05 * width


def test_groups_are_drawn_whole() -> None:
    rng = np.random.default_rng(3)
    groups = np.repeat(["a", "b", "c", "d", "e"], [1, 7, 20, 3, 9])
    values = rng.random(len(groups)) + (groups == "c")
    parts = [values[groups == name] for name in np.unique(groups)]
    loop = [
        np.concatenate([parts[place] for place in rng.integers(5, size=5)]).mean()
        for _ in range(4000)
    ]
    ours = bootstrap_mean(values, groups=groups, draws=4000)
    assert ours.mean == pytest.approx(values.mean(), abs=1e-12)
    np.testing.assert_allclose(ours[1:], np.quantile(loop, [0.025, 0.975]), atol=0.03)
    apart = bootstrap_mean(values, draws=4000)
    assert apart.high - apart.low < (ours.high - ours.low) / 2


def test_pairing_removes_what_both_have_in_common() -> None:
    rng = np.random.default_rng(4)
    hard = rng.normal(size=300)
    ours = bootstrap_difference(hard + 0.1, hard, groups=np.arange(300) // 3)
    np.testing.assert_allclose(ours, [0.1, 0.1, 0.1], atol=1e-12)


def test_many_means_are_bounded_by_the_same_draws() -> None:
    rng = np.random.default_rng(6)
    values, groups = rng.random((60, 3)), rng.integers(9, size=60)
    ours = bootstrap_means(values, groups=groups, seed=2)
    for found, column in zip(ours, values.T, strict=True):
        np.testing.assert_allclose(found, bootstrap_mean(column, groups=groups, seed=2), atol=1e-12)
    assert bootstrap_means(np.zeros((4, 0))) == []


def test_the_seed_decides_and_many_groups_are_drawn_in_parts(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    values = np.random.default_rng(5).random(50)
    whole = bootstrap_mean(values, seed=7)
    assert bootstrap_mean(values, seed=7) == whole
    assert bootstrap_mean(values, seed=8)[1:] != whole[1:]
    monkeypatch.setattr("featlearn.evaluate.bootstrap._CELLS", 120)
    np.testing.assert_allclose(bootstrap_mean(values, seed=7), whole, atol=1e-12)


def test_a_statistic_of_ones_own_leaves_undefined_draws_out() -> None:
    right, count = np.array([1.0, 0.0, 4.0]), np.array([2.0, 0.0, 5.0])

    def share(weights: np.ndarray) -> np.ndarray:
        with np.errstate(invalid="ignore"):
            return (weights @ right) / (weights @ count)

    found = bootstrap(share, 3, draws=500)
    assert found.mean == pytest.approx(5 / 7)
    assert 0.5 <= found.low < found.mean < found.high <= 0.8
    never = bootstrap(lambda weights: np.full(len(weights), np.nan), 3)
    assert np.isnan(never).all()


def test_one_group_says_nothing() -> None:
    assert bootstrap_mean([1, 0, 1, 1], groups=[3, 3, 3, 3]) == (0.75, 0.75, 0.75)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: bootstrap_mean([]), r"got \(0, 1\)"),
        (lambda: bootstrap_mean([[1], [2]]), r"got \(2, 1\)"),
        (lambda: bootstrap_means([1, 2]), r"values \(n >= 1, means\); got \(2,\)"),
        (lambda: bootstrap_mean([1, 2], groups=[0]), r"2 values, but groups for \(1,\)"),
        (lambda: bootstrap_mean([1, 2], level=1), r"level 1$"),
        (lambda: bootstrap_mean([1, 2], draws=0), r"0 draws"),
        (lambda: bootstrap_difference([1], [1, 2]), r"as many of both; got \(1,\), \(2,\)"),
    ],
)
def test_misuse_is_named(call: Callable[[], object], words: str) -> None:
    with pytest.raises(DataError, match=words):
        call()
