"""Selectivity against numpy and scipy."""

import numpy as np
import pytest
import torch
from scipy import stats

from featlearn.errors import DataError, ShapeError
from featlearn.evaluate.selectivity import lifetime_kurtosis, selectivity


def draw(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def test_the_distance_is_in_standard_deviations() -> None:
    positive, negative = draw(40, 3) + 2, draw(70, 3, seed=1) * 3
    p, q = positive.double().numpy(), negative.double().numpy()
    wanted = (p.mean(0) - q.mean(0)) / np.sqrt((p.var(0, ddof=1) + q.var(0, ddof=1)) / 2)
    np.testing.assert_allclose(selectivity(positive, negative).numpy(), wanted)


def test_units_without_spread_are_apart_or_not() -> None:
    found = selectivity(torch.tensor([[1.0, 2.0]] * 3), torch.tensor([[1.0, 1.0]] * 2))
    assert found.tolist() == [0.0, float("inf")]


@pytest.mark.parametrize(("n", "units"), [(1, 3), (4, 2)])
def test_responses_that_do_not_fit_are_refused(n: int, units: int) -> None:
    with pytest.raises(ShapeError, match=rf"got \({n}, {units}\) and \(5, 3\)"):
        selectivity(draw(n, units), draw(5, 3))


@pytest.mark.parametrize("size", [1, 33, 500])
def test_kurtosis_is_scipys_whatever_the_batches(size: int) -> None:
    values = draw(500, 4).exp() + 1000
    wanted = stats.kurtosis(values.double().numpy(), axis=0)
    np.testing.assert_allclose(lifetime_kurtosis(values.split(size)).numpy(), wanted, rtol=1e-6)


def test_kurtosis_of_what_never_changes_is_unknown() -> None:
    assert lifetime_kurtosis([torch.full((9, 2), 0.1), torch.zeros(0, 2)]).isnan().all()
    with pytest.raises(DataError, match="at least one response"):
        lifetime_kurtosis([torch.zeros(0, 2)])
