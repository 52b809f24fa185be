import numpy as np
import pytest
import torch

from featlearn.baselines.binned import MOST_BINS, Binned
from featlearn.errors import DataError


def test_sums_are_those_below_each_threshold() -> None:
    rng = np.random.default_rng(0)
    columns = [
        rng.integers(5, size=60).astype(np.float32),
        rng.normal(size=60).astype(np.float32),
        np.full(60, 3, np.float32),
    ]
    values = torch.from_numpy(rng.normal(size=(60, 4)).astype(np.float32))
    binned = Binned(columns)
    sums = binned.sums([2, 0, 1], values)
    for row, place in enumerate([2, 0, 1]):
        for bin_ in range(sums.shape[1]):
            below = columns[place] <= binned.threshold(place, bin_)
            torch.testing.assert_close(sums[row, bin_], values[torch.from_numpy(below)].sum(0))


def test_every_cut_between_values_can_be_made() -> None:
    column = np.array([4, 1, 1, 9, 4], np.float32)
    binned = Binned([column])
    assert [binned.threshold(0, bin_) for bin_ in range(binned.bins)] == [2.5, 6.5, np.inf]


def test_many_values_are_cut_into_equal_shares() -> None:
    column = np.random.default_rng(0).permutation(10_000).astype(np.float32)
    binned = Binned([column])
    assert binned.bins == MOST_BINS
    cuts = np.array([binned.threshold(0, bin_) for bin_ in range(binned.bins - 1)])
    shares = np.diff([np.mean(column < cut) for cut in cuts])
    np.testing.assert_allclose(shares, 1 / MOST_BINS, atol=2e-4)


def test_a_value_met_often_is_one_bin() -> None:
    column = np.concatenate([np.zeros(5000), np.arange(1, 2001)]).astype(np.float32)
    binned = Binned([column])
    assert binned.threshold(0, 0) > 0
    assert binned.bins <= MOST_BINS


@pytest.mark.parametrize("wrong", [np.nan, np.inf])
def test_what_has_no_order_is_refused(wrong: float) -> None:
    with pytest.raises(DataError, match="not finite"):
        Binned([np.array([1, wrong], np.float32)])


def test_nothing_is_refused() -> None:
    with pytest.raises(DataError, match="no feature"):
        Binned([])
    with pytest.raises(DataError, match="no image"):
        Binned([np.empty(0, np.float32)])
