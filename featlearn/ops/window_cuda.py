"""Sums over windows, their adjoint and roots on a CUDA device, below differentiation.

The arguments are those of the operations in `window_kernels`.
"""

from torch import Tensor

from featlearn.ops.kernels.windows import Windows


def window_sum(
    x: Tensor,
    weights: list[float],
    stride: int,
    grid: list[int],
    border: list[int],
    mean: bool,
    square: bool,
) -> Tensor:
    """Sum planes, or their squares, over windows."""
    from featlearn.ops.triton import window_sum as kernels

    windows = _windows(x.shape, weights, stride, grid, border, mean)
    return kernels.window_sum(x.contiguous(), windows, square=square)


def window_root(
    x: Tensor,
    weights: list[float],
    stride: int,
    grid: list[int],
    border: list[int],
    mean: bool,
    eps: float,
) -> Tensor:
    """Take roots of `eps` and the sums of squares over windows."""
    from featlearn.ops.triton import window_sum as kernels

    windows = _windows(x.shape, weights, stride, grid, border, mean)
    return kernels.window_sum(x.contiguous(), windows, square=True, eps=eps)


def window_spread(
    sums: Tensor,
    weights: list[float],
    stride: int,
    size: list[int],
    border: list[int],
    mean: bool,
) -> Tensor:
    """Give back to every position what windows over it hold, by its weight in each."""
    from featlearn.ops.triton import window_sum as kernels

    planes = (*size, sums.shape[2])
    windows = _windows(planes, weights, stride, sums.shape, border, mean)
    return kernels.window_spread(sums.contiguous(), windows)


def root_slope(
    grad: Tensor,
    x: Tensor,
    roots: Tensor,
    weights: list[float],
    stride: int,
    border: list[int],
    mean: bool,
) -> Tensor:
    """Give the derivative of `window_root` by the planes."""
    from featlearn.ops.triton import window_sum as kernels

    windows = _windows(x.shape, weights, stride, roots.shape, border, mean)
    held = (x.contiguous(), roots.contiguous())
    return kernels.window_spread(grad.contiguous(), windows, roots=held)


def _windows(
    planes: tuple[int, ...],
    weights: list[float],
    stride: int,
    grid: tuple[int, ...] | list[int],
    border: list[int],
    mean: bool,
) -> Windows:
    height, width, count = planes
    top, left = border
    return Windows(count, height, width, grid[0], grid[1], stride, top, left, tuple(weights), mean)
