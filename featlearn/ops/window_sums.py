"""Weighted sums over sliding windows within each map: what pooling and contrast are made of."""

from collections.abc import Sequence
from typing import TypedDict

import torch.nn.functional as F
from torch import Tensor

from featlearn.geometry import Border
from featlearn.ops import window_kernels
from featlearn.ops.planes import borders, grid, lies_by_channels, on_planes, pad_planes


def window_sums(
    x: Tensor,
    weights: Sequence[float],
    *,
    stride: int = 1,
    padding: Border = "valid",
    mean: bool = False,
    square: bool = False,
) -> Tensor:
    """Sum over square windows, weighted by rows and by columns; a border of zeros weighs nothing.

    Args:
        x: Maps, `(batch, maps, height, width)`, single or double precision; fastest with the
            batch innermost in memory.
        weights: Of the rows of a window, and of its columns, as many as its side.
        stride: Step between windows.
        padding: `valid` keeps every window inside; `same`, or a number of places on every
            side, lets them hang over the border.
        mean: Whether sums are divided by the weight that lies inside the maps.
        square: Whether squares are summed.

    Returns:
        `(batch, maps, height', width')`.
    """
    if not window_kernels.usable(x) or lies_by_channels(x):
        options: _Options = {"stride": stride, "padding": padding, "mean": mean}
        return _plain(x.square() if square else x, weights, **options)
    planes, windows, border = _laid(x, len(weights), stride, padding)
    sums = window_kernels.window_sum(planes, list(weights), stride, windows, border, mean, square)
    return sums.unflatten(2, (x.shape[1], x.shape[0])).permute(3, 2, 0, 1)


def window_roots(
    x: Tensor,
    weights: Sequence[float],
    *,
    eps: float,
    stride: int = 1,
    padding: Border = "valid",
    mean: bool = False,
) -> Tensor:
    """Take the root of the sum of squares over each window, plus `eps`.

    Args:
        x: Maps, as `window_sums` takes them.
        weights: Of the rows of a window, and of its columns.
        eps: Above 0, so that the derivative at zero is zero.
        stride: Step between windows.
        padding: As of `window_sums`.
        mean: Whether sums are divided by the weight that lies inside the maps.

    Returns:
        `(batch, maps, height', width')`.
    """
    if not window_kernels.usable(x) or lies_by_channels(x):
        options: _Options = {"stride": stride, "padding": padding, "mean": mean}
        return (_plain(x.square(), weights, **options) + eps).sqrt()
    planes, windows, border = _laid(x, len(weights), stride, padding)
    roots = window_kernels.window_root(planes, list(weights), stride, windows, border, mean, eps)
    return roots.unflatten(2, (x.shape[1], x.shape[0])).permute(3, 2, 0, 1)


class _Options(TypedDict):
    stride: int
    padding: Border
    mean: bool


def _laid(
    x: Tensor, window: int, stride: int, padding: Border
) -> tuple[Tensor, list[int], list[int]]:
    """Lay maps out as the kernels take them, and place the windows over them."""
    sides, plane = (window, window), (x.shape[2], x.shape[3])
    left, _, top, _ = borders(plane, window=sides, stride=stride, padding=padding)
    rows, columns = grid(plane, window=sides, stride=stride, padding=padding)
    return x.permute(2, 3, 1, 0).flatten(2).contiguous(), [rows, columns], [top, left]


def _plain(
    x: Tensor, weights: Sequence[float], *, stride: int, padding: Border, mean: bool
) -> Tensor:
    """Sum by the means or the convolutions of torch."""
    size = len(weights)

    def slide(planes: Tensor) -> Tensor:
        padded = pad_planes(planes, window=(size, size), stride=stride, padding=padding)
        if len(set(weights)) == 1:
            return F.avg_pool2d(padded, size, stride) * (size * weights[0]) ** 2
        count = padded.shape[1]
        line = padded.new_tensor(list(weights)).expand(count, 1, 1, size)
        rows = F.conv2d(padded, line, groups=count, stride=(1, stride))
        return F.conv2d(rows, line.transpose(2, 3), groups=count, stride=(stride, 1))

    sums = on_planes(slide, x)
    return sums / slide(x.new_ones(1, 1, *x.shape[2:])) if mean else sums
