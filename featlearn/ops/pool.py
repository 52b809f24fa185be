"""Pooling within each map over square windows."""

import torch
import torch.nn.functional as F
from torch import Tensor

from featlearn.geometry import Border
from featlearn.ops import window_kernels
from featlearn.ops.planes import check_planes, lies_by_channels, on_planes, pad_planes
from featlearn.ops.window_sums import window_roots, window_sums


def l2_pool(
    x: Tensor, *, size: int, stride: int = 1, padding: Border = "valid", eps: float = 1e-8
) -> Tensor:
    """Pool each map over square windows by the root of the sum of squares.

    Args:
        x: Filter responses, `(batch, maps, height, width)`, any unit.
        size: Side of the window, in input positions.
        stride: Step between windows, in input positions.
        padding: `valid` keeps every window inside; `same`, or a number for every side, adds
            zeros around.
        eps: Added under the root, in squared units of `x`, so that the gradient
            at an all-zero window is zero and not NaN.

    Returns:
        `(batch, maps, height', width')` in the unit and the precision of `x`; summed in
        single precision at least.

    Raises:
        ShapeError: If `x` is not 4-D, or is smaller than a valid window.

    Source:
        Le et al., ICML 2012, the term sqrt(eps + H_j (W x)^2) with uniform H_j.
    """
    check_planes(x, operation="l2_pool", window=(size, size), stride=stride, padding=padding)
    read = window_kernels.usable(x) and not lies_by_channels(x)
    exact = x if read else x.to(torch.promote_types(x.dtype, torch.float32))
    ones = [1.0] * size
    return window_roots(exact, ones, eps=eps, stride=stride, padding=padding).to(x.dtype)


def max_pool(x: Tensor, *, size: int, stride: int = 1, padding: Border = "valid") -> Tensor:
    """Pool each map over square windows by their largest value.

    Args:
        x: Filter responses, `(batch, maps, height, width)`.
        size: Side of the window, in input positions.
        stride: Step between windows, in input positions.
        padding: `valid` keeps every window inside; under `same`, or a number of places on
            every side, the border is ignored.

    Returns:
        `(batch, maps, height', width')` in the unit of `x`.

    Raises:
        ShapeError: If `x` is not 4-D, or is smaller than a valid window.
    """
    window = (size, size)
    check_planes(x, operation="max_pool", window=window, stride=stride, padding=padding)

    def largest(planes: Tensor) -> Tensor:
        # Every window over a border holds an input, so -inf never comes out.
        padded = pad_planes(
            planes, window=window, stride=stride, padding=padding, value=float("-inf")
        )
        return F.max_pool2d(padded, size, stride)

    return on_planes(largest, x)


def avg_pool(x: Tensor, *, size: int, stride: int = 1, padding: Border = "valid") -> Tensor:
    """Pool each map over square windows by their mean.

    Args:
        x: Filter responses, `(batch, maps, height, width)`.
        size: Side of the window, in input positions.
        stride: Step between windows, in input positions.
        padding: `valid` keeps every window inside; under `same`, or a number of places on
            every side, a window at the border takes the mean of the inputs it holds.

    Returns:
        `(batch, maps, height', width')` in the unit of `x`.

    Raises:
        ShapeError: If `x` is not 4-D, or is smaller than a valid window.
    """
    check_planes(x, operation="avg_pool", window=(size, size), stride=stride, padding=padding)
    exact = x.to(torch.promote_types(x.dtype, torch.float32))

    def means(planes: Tensor) -> Tensor:
        return window_sums(planes, [1 / size] * size, stride=stride, padding=padding)

    if padding == "valid":
        return means(exact).to(x.dtype)
    return (means(exact) / means(exact.new_ones(1, 1, *x.shape[2:]))).to(x.dtype)
