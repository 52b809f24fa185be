"""Triton's sums over windows, their adjoint and L2 pooling against the plain operations."""

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from featlearn.ops import window_cuda

SHAPES = st.tuples(st.integers(1, 19), st.integers(1, 20), st.sampled_from([1, 3, 64, 70]))
Border = tuple[list[int], list[int], tuple[int, int]]


def places(shape: tuple[int, int, int], size: int, stride: int, before: int) -> Border:
    """Give the grid of windows, the border before and what must be added after."""
    grid = [(length - 1 + before) // stride + 1 for length in shape[:2]]  # the last holds some
    after = [
        max((count - 1) * stride + size - length - before, 0)
        for count, length in zip(grid, shape[:2], strict=True)
    ]
    return grid, [before, before], (after[0], after[1])


def by_windows(
    x: torch.Tensor, line: torch.Tensor, stride: int, border: Border, *, mean: bool = False
) -> torch.Tensor:
    grid, (top, left), (below, right) = border

    def sums(planes: torch.Tensor) -> torch.Tensor:
        padded = F.pad(planes, (0, 0, left, right, top, below))
        windows = padded.unfold(0, len(line), stride).unfold(1, len(line), stride)
        return torch.einsum("rcpuv,u,v->rcp", windows[: grid[0], : grid[1]], line, line)

    return sums(x) / sums(torch.ones_like(x)) if mean else sums(x)


@given(
    SHAPES,
    st.lists(st.floats(0.1, 2), min_size=1, max_size=5),
    st.integers(1, 3),
    st.integers(0, 2),
    st.booleans(),
    st.booleans(),
    st.sampled_from([torch.float32, torch.float64]),
)
@settings(max_examples=30, deadline=None, derandomize=True)
def test_sums_and_their_adjoint_equal_the_plain_ones(
    shape: tuple[int, int, int],
    weights: list[float],
    stride: int,
    before: int,
    mean: bool,
    square: bool,
    dtype: torch.dtype,
) -> None:
    border = places(shape, len(weights), stride, min(before, len(weights) - 1))
    x = torch.randn(shape, generator=torch.Generator().manual_seed(0)).to(dtype)
    sums = window_cuda.window_sum(x, weights, stride, border[0], border[1], mean, square)
    line = torch.tensor(weights, dtype=dtype)
    own = x.clone().requires_grad_()
    expected = by_windows(own, line, stride, border, mean=mean)
    plain = by_windows(x.square(), line, stride, border, mean=mean) if square else expected.detach()
    error = 1e-5 if dtype == torch.float32 else 1e-10
    torch.testing.assert_close(sums, plain, rtol=error, atol=10 * error)
    (adjoint,) = torch.autograd.grad(expected, own, sums)
    back = window_cuda.window_spread(sums, weights, stride, list(shape[:2]), border[1], mean)
    torch.testing.assert_close(back, adjoint, rtol=error, atol=100 * error)


@given(
    SHAPES,
    st.integers(1, 5),
    st.integers(1, 3),
    st.integers(0, 2),
    st.booleans(),
    st.sampled_from([torch.float64, torch.float32, torch.bfloat16, torch.float16]),
)
@settings(max_examples=30, deadline=None, derandomize=True)
def test_roots_and_their_derivative_equal_the_plain_ones(
    shape: tuple[int, int, int],
    size: int,
    stride: int,
    before: int,
    mean: bool,
    dtype: torch.dtype,
) -> None:
    border, ones = places(shape, size, stride, min(before, size - 1)), [1.0] * size
    draw = torch.Generator().manual_seed(0)
    x = torch.randn(shape, generator=draw).to(dtype)
    roots = window_cuda.window_root(x, ones, stride, border[0], border[1], mean, 1e-8)
    own = x.double().requires_grad_()
    plain = by_windows(own.square(), torch.ones(size).double(), stride, border, mean=mean)
    expected = (plain + 1e-8).sqrt()
    error = {torch.float64: 1e-10, torch.float32: 1e-5}.get(dtype, 2**-7)
    assert roots.dtype == dtype
    torch.testing.assert_close(roots.double(), expected.detach(), rtol=error, atol=error)
    grad = torch.randn(roots.shape, generator=draw).to(dtype)
    (exact,) = torch.autograd.grad(expected, own, grad.double())
    slope = window_cuda.root_slope(grad, x, roots, ones, stride, border[1], mean)
    assert slope.dtype == dtype
    error = {torch.float64: 1e-10, torch.float32: 1e-4}.get(dtype, 2**-5)
    torch.testing.assert_close(slope.double(), exact, rtol=error, atol=error)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_window_of_zeros_has_a_derivative_of_zero(dtype: torch.dtype) -> None:
    x = torch.zeros(4, 4, 3, dtype=dtype)
    for eps in (1e-8, torch.finfo(dtype).tiny):
        roots = window_cuda.window_root(x, [1.0] * 2, 2, [2, 2], [0, 0], False, eps)
        slope = window_cuda.root_slope(
            torch.ones_like(roots), x, roots, [1.0] * 2, 2, [0, 0], False
        )
        torch.testing.assert_close(roots, torch.full_like(roots, eps).sqrt(), rtol=1e-6, atol=0)
        assert not slope.any()


@pytest.mark.filterwarnings("ignore:invalid value encountered:RuntimeWarning")  # never taken
def test_what_is_infinite_stays_in_its_windows() -> None:
    x = torch.ones(9, 9, 2)
    x[4, 4] = torch.inf
    sums = window_cuda.window_sum(x, [1.0] * 3, 1, [7, 7], [0, 0], False, False)
    spoilt = torch.zeros(7, 7, dtype=torch.bool)
    spoilt[2:5, 2:5] = True
    assert torch.equal(sums.isinf().all(2), spoilt)
    assert (sums[~spoilt] == 9).all()


@pytest.mark.parametrize("shape", [(5, 5, 0), (1, 1, 1)])
def test_nothing_and_one_number_pass(shape: tuple[int, int, int]) -> None:
    x = torch.ones(shape)
    roots = window_cuda.window_root(x, [1.0], 1, list(shape[:2]), [0, 0], False, 0.0)
    torch.testing.assert_close(roots, x)
    torch.testing.assert_close(window_cuda.root_slope(x, x, roots, [1.0], 1, [0, 0], False), x)
