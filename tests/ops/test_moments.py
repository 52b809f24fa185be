"""Moments of a sample in batches against those of the whole."""

import pytest
import torch

from featlearn.errors import DataError
from featlearn.ops.moments import moments


@pytest.mark.parametrize("dims", [(0,), (0, 2, 3)])
@pytest.mark.parametrize("cut", [1, 4, 20])
def test_equals_the_moments_of_the_whole(dims: tuple[int, ...], cut: int) -> None:
    x = torch.randn(20, 3, 4, 5, dtype=torch.float64) * 2 + 1
    seen = moments(x.split(cut), dims=dims)
    torch.testing.assert_close(seen.mean, x.mean(dims, keepdim=True))
    torch.testing.assert_close(seen.deviation, x.std(dims, correction=0, keepdim=True))
    torch.testing.assert_close(seen.least, x.amin(dims, keepdim=True))
    torch.testing.assert_close(seen.greatest, x.amax(dims, keepdim=True))
    assert seen.count * seen.mean.numel() == x.numel()


def test_a_large_mean_costs_no_precision() -> None:
    x = torch.randn(1000, 1, dtype=torch.float64)
    seen = moments((x + 1e6).split(100), dims=(0,))
    torch.testing.assert_close(
        seen.deviation, x.std(0, correction=0, keepdim=True), rtol=1e-6, atol=0
    )


def test_an_empty_batch_is_passed_over() -> None:
    x = torch.randn(6, 2)
    torch.testing.assert_close(
        moments([x[:0], x, x[:0]], dims=(0,)).mean, x.double().mean(0, keepdim=True)
    )


@pytest.mark.parametrize("batches", [[], [torch.zeros(0, 2)]])
def test_no_sample_is_refused(batches: list[torch.Tensor]) -> None:
    with pytest.raises(DataError, match="at least one sample"):
        moments(batches, dims=(0,))


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_what_is_not_finite_is_refused(value: float) -> None:
    with pytest.raises(DataError, match="NaN or infinity"):
        moments([torch.ones(3, 2), torch.full((1, 2), value)], dims=(0,))
