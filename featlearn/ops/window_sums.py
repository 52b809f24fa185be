"""Weighted sums over sliding windows within each map: what pooling and contrast are made of."""

from collections.abc import Sequence

import torch.nn.functional as F
from torch import Tensor

from featlearn.geometry import Padding
from featlearn.ops import window_kernels
from featlearn.ops.planes import borders, grid, lies_by_channels, on_planes, pad_planes


def window_sums(
    x: Tensor,
    weights: Sequence[float],
    *,
    stride: int = 1,
    padding: Padding = "valid",
    square: bool = False,
) -> Tensor:
    """Sum over square windows, weighted by rows and by columns; a border of zeros weighs nothing.

    Args:
        x: Maps, `(batch, maps, height, width)`, single or double precision; fastest with the
            batch innermost in memory.
        weights: Of the rows of a window, and of its columns, as many as its side.
        stride: Step between windows.
        padding: `valid` keeps every window inside; `same` lets them hang over the border.
        square: Whether squares are summed.

    Returns:
        `(batch, maps, height', width')`.
    """
    if not window_kernels.usable(x) or lies_by_channels(x):
        return _plain(x.square() if square else x, weights, stride=stride, padding=padding)
    batch, maps, *size = x.shape
    window, plane = (len(weights), len(weights)), (size[0], size[1])
    left, _, top, _ = borders(plane, window=window, stride=stride, padding=padding)
    rows, columns = grid(plane, window=window, stride=stride, padding=padding)
    sums = window_kernels.window_sum(
        x.permute(2, 3, 1, 0).flatten(2).contiguous(),
        list(weights),
        stride,
        [rows, columns],
        [top, left],
        square,
    )
    return sums.unflatten(2, (maps, batch)).permute(3, 2, 0, 1)


def _plain(x: Tensor, weights: Sequence[float], *, stride: int, padding: Padding) -> Tensor:
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

    return on_planes(slide, x)
