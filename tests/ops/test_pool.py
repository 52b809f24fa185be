"""Pooling against windows taken one by one."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from featlearn.errors import ShapeError
from featlearn.geometry import output_size, pads
from featlearn.ops.pool import avg_pool, l2_pool, max_pool

Pooling = Callable[..., Tensor]
POOLINGS = [l2_pool, max_pool, avg_pool]
GEOMETRIES = [(1, 1), (2, 2), (3, 1), (3, 2), (2, 3), (4, 2)]
OF_A_WINDOW: dict[Pooling, Callable[[Tensor], Tensor]] = {
    l2_pool: lambda window: (window.square().sum(dim=(-2, -1)) + 1e-8).sqrt(),
    max_pool: lambda window: window.amax(dim=(-2, -1)),
    avg_pool: lambda window: window.mean(dim=(-2, -1)),
}


def by_windows(x: Tensor, pool: Pooling, size: int, stride: int) -> Tensor:
    """Pool what each "same" window holds of the plane, nothing added."""
    counts = [output_size(n, window=size, stride=stride, padding="same") for n in x.shape[2:]]
    before = [pads(n, window=size, stride=stride, padding="same")[0] for n in x.shape[2:]]
    y = x.new_empty(*x.shape[:2], *counts)
    for row in range(counts[0]):
        for column in range(counts[1]):
            top, left = row * stride - before[0], column * stride - before[1]
            held = x[:, :, max(top, 0) : top + size, max(left, 0) : left + size]
            y[:, :, row, column] = OF_A_WINDOW[pool](held)
    return y


@pytest.mark.parametrize("pool", POOLINGS)
@pytest.mark.parametrize(("size", "stride"), GEOMETRIES)
def test_equals_every_window_alone(pool: Pooling, size: int, stride: int) -> None:
    x = torch.randn(2, 3, 7, 8)
    windows = x.unfold(2, size, stride).unfold(3, size, stride)
    torch.testing.assert_close(pool(x, size=size, stride=stride), OF_A_WINDOW[pool](windows))


@pytest.mark.parametrize("pool", POOLINGS)
@pytest.mark.parametrize(("size", "stride"), GEOMETRIES)
def test_a_border_adds_nothing(pool: Pooling, size: int, stride: int) -> None:
    x = torch.randn(2, 3, 7, 8) - 3.0  # negative: a zero in the border would be the maximum
    y = pool(x, size=size, stride=stride, padding="same")
    torch.testing.assert_close(y, by_windows(x, pool, size, stride))


@pytest.mark.parametrize("pool", POOLINGS)
@pytest.mark.parametrize("padding", ["valid", "same"])
def test_gradients_are_right(pool: Pooling, padding: str) -> None:
    x = torch.randn(2, 2, 4, 5, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda x: pool(x, size=3, stride=2, padding=padding), [x])


@pytest.mark.parametrize("pool", POOLINGS)
def test_finite_at_zero(pool: Pooling) -> None:
    x = torch.zeros(1, 2, 4, 4, dtype=torch.float64, requires_grad=True)
    y = pool(x, size=2, stride=2)
    y.sum().backward()
    torch.testing.assert_close(y, torch.full_like(y, 1e-4 if pool is l2_pool else 0.0))
    assert x.grad is not None
    assert x.grad.isfinite().all()


@pytest.mark.parametrize(("size", "stride"), GEOMETRIES)
def test_l2_without_eps_is_the_norm_of_each_window(size: int, stride: int) -> None:
    x = torch.randn(2, 3, 7, 8)
    windows = x.unfold(2, size, stride).unfold(3, size, stride)
    torch.testing.assert_close(
        l2_pool(x, size=size, stride=stride, eps=0.0),
        torch.linalg.vector_norm(windows, dim=(-2, -1)),
    )


def test_l2_has_no_gradient_at_zero() -> None:
    x = torch.zeros(1, 1, 4, 4, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda x: l2_pool(x, size=2, eps=1e-4), [x])
    (gradient,) = torch.autograd.grad(l2_pool(x, size=2).sum(), x)
    assert not gradient.any()


@pytest.mark.parametrize("pool", POOLINGS)
@pytest.mark.parametrize("padding", ["valid", "same"])
def test_an_empty_batch_passes(pool: Pooling, padding: str) -> None:
    assert pool(torch.zeros(0, 3, 5, 5), size=3, stride=2, padding=padding).shape[:2] == (0, 3)


@pytest.mark.parametrize("pool", POOLINGS)
def test_too_small_an_image_names_the_shape(pool: Pooling) -> None:
    message = rf"{pool.__name__} needs .*height >= 3.*got \(1, 1, 2, 9\)"
    with pytest.raises(ShapeError, match=message):
        pool(torch.ones(1, 1, 2, 9), size=3)


def test_half_precision_loses_no_more_than_its_own_rounding() -> None:
    x = torch.randn(2, 3, 16, 16).bfloat16()
    y = l2_pool(x, size=8, stride=2)
    assert y.dtype is torch.bfloat16
    torch.testing.assert_close(
        y.double(), l2_pool(x.double(), size=8, stride=2), rtol=2**-8, atol=0
    )
