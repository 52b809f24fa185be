"""Convolution with shared filters, and its adjoint."""

import torch
import torch.nn.functional as F
from torch import Tensor

from featlearn.geometry import Border
from featlearn.ops.planes import borders, check_codes, check_planes, grid


def conv2d(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    *,
    stride: int = 1,
    padding: Border = "valid",
    groups: int = 1,
) -> Tensor:
    """Apply the same filters at every position.

    Args:
        x: Input, `(batch, channels, height, width)`.
        weight: Filters, `(maps, channels / groups, size, size)`.
        bias: One number per map, `(maps,)`, or none.
        stride: Step between positions, in input positions.
        padding: `valid` keeps every window inside; `same` adds zeros around, the odd
            one after, for `ceil(height / stride)` rows of positions; a number of zeros
            is added on every side.
        groups: Parts into which the maps above and below are split alike; a map above
            sees only the maps below of its own part.

    Returns:
        `(batch, maps, height', width')`; not flipped, as is usual in networks.

    Raises:
        ShapeError: If `x` has another number of channels, or is smaller than the window.
    """
    window = (weight.shape[-2], weight.shape[-1])
    check_planes(
        x,
        operation="conv2d",
        window=window,
        stride=stride,
        padding=padding,
        maps=weight.shape[1] * groups,
    )
    size = (x.shape[2], x.shape[3])
    left, right, top, bottom = borders(size, window=window, stride=stride, padding=padding)
    if (left, top) != (right, bottom):
        # What both sides share is left to the kernel, which adds it without a copy.
        x = F.pad(x, (0, right - left, 0, bottom - top))
    x, weight = _channels_last(x), _channels_last(weight)
    return F.conv2d(x, weight, bias, stride=stride, padding=(top, left), groups=groups)


def _channels_last(x: Tensor) -> Tensor:
    """Lay `x` out as the kernels compute, so that what follows needs no copies.

    With a single channel both layouts are the same numbers in the same order; the strides
    alone tell PyTorch which one to give the result.
    """
    count, channels, height, width = x.shape
    if channels == 1:
        return x.reshape(count, height, width, 1).permute(0, 3, 1, 2)
    return x.contiguous(memory_format=torch.channels_last)


def conv_transpose2d(
    h: Tensor,
    weight: Tensor,
    *,
    size: tuple[int, int],
    stride: int = 1,
    padding: Border = "valid",
    groups: int = 1,
) -> Tensor:
    """Apply the adjoint of `conv2d`: every code lays its filter down, overlaps are added.

    Args:
        h: Codes, `(batch, maps, height', width')`.
        weight: The filters of the forward direction, `(maps, channels / groups, size, size)`.
        size: Height and width of the input whose forward direction gives `h`.
        stride: Step between positions, as forward.
        padding: Border, as forward.
        groups: Parts of the maps, as forward.

    Returns:
        `(batch, channels, *size)`, zero where no window reaches.

    Raises:
        ShapeError: If `h` is not what `conv2d` gives for an input of this `size`.
    """
    window = (weight.shape[-2], weight.shape[-1])
    check_codes(
        h,
        weight.shape[0],
        operation="conv_transpose2d",
        positions=grid(size, window=window, stride=stride, padding=padding),
    )
    left, _, top, _ = borders(size, window=window, stride=stride, padding=padding)
    if isinstance(padding, int):
        # The last window may end before the border does: what it lays down inside is not cut off.
        rows, columns = (
            length - ((count - 1) * stride - 2 * padding + side)
            for length, count, side in zip(size, h.shape[2:], window, strict=True)
        )
        return F.conv_transpose2d(h, weight, None, stride, (top, left), (rows, columns), groups)
    x = F.conv_transpose2d(h, weight, stride=stride, padding=(top, left), groups=groups)
    missing = (size[1] - x.shape[3], size[0] - x.shape[2])
    return F.pad(x, (0, missing[0], 0, missing[1])) if any(missing) else x
