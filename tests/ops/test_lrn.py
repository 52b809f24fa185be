"""Local response normalisation against the sum that the paper writes."""

import numpy as np
import pytest
import torch

from featlearn.errors import ShapeError
from featlearn.ops.lrn import lrn


@pytest.mark.parametrize("size", [1, 3, 4, 5, 20])
def test_equals_plain_loops(size: int) -> None:
    rng = np.random.default_rng(0)
    x = 3 * rng.standard_normal((2, 7, 3, 4))
    k, alpha, beta = 1.5, 0.2, 0.6
    expected = np.empty_like(x)
    for place in range(7):
        first = max(place - size // 2, 0)
        last = min(place - size // 2 + size, 7)
        energy = (x[:, first:last] ** 2).sum(1)
        expected[:, place] = x[:, place] / (k + alpha * energy) ** beta
    found = lrn(torch.from_numpy(x), size=size, k=k, alpha=alpha, beta=beta)
    np.testing.assert_allclose(found.numpy(), expected, rtol=1e-9)


def test_finite_in_value_and_gradient_at_zero() -> None:
    x = torch.zeros(1, 3, 2, 2, requires_grad=True)
    y = lrn(x)
    y.sum().backward()
    assert not y.any()
    assert x.grad is not None
    torch.testing.assert_close(x.grad, torch.full_like(x, 2**-0.75))


def test_gradients_are_those_of_finite_differences() -> None:
    x = torch.randn(2, 4, 2, 3, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda given: lrn(given, size=3, alpha=0.5), (x,))


def test_what_it_cannot_take_is_refused() -> None:
    with pytest.raises(ShapeError, match=r"lrn needs \(batch, maps, "):
        lrn(torch.zeros(3, 4))
    with pytest.raises(ValueError, match="lrn needs k above 0; got 0"):
        lrn(torch.zeros(1, 1, 1, 1), k=0)
