"""Untied filters, every position with weights of its own, and their adjoint.

Source:
    Le et al., ICML 2012; Coates et al., ICML 2013.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from featlearn.errors import ShapeError
from featlearn.geometry import Padding
from featlearn.ops.planes import (
    batch_innermost,
    borders,
    check_codes,
    check_planes,
    grid,
    pad_planes,
)
from featlearn.ops.windows import overlap_add, windows


def local2d(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    *,
    stride: int = 1,
    padding: Padding = "valid",
    groups: int = 1,
) -> Tensor:
    """Apply to every position filters of its own.

    y[n,f,p] = sum over c,u,v of weight[p,f,c,u,v] * x[n, c, stride*p + (u,v)] + bias[p,f].

    One copy of all windows and one batched product; the memory is that of the windows,
    `rows * columns * channels * kh * kw * batch` numbers.

    Args:
        x: Input, `(batch, channels, height, width)`.
        weight: Filters, `(rows, columns, maps, channels / groups, kh, kw)`.
        bias: One number per unit, `(rows, columns, maps)`, or none.
        stride: Step between positions, in input positions.
        padding: `valid` keeps every window inside; `same` adds zeros around, the odd
            one after, for `ceil(height / stride)` rows of positions.
        groups: Parts into which the maps above and below are split alike; a map above
            sees only the maps below of its own part.

    Returns:
        `(batch, maps, rows, columns)`. In memory the batch is innermost, so that another
        `local2d` or `local_transpose2d` takes it without a copy: use `.contiguous()`
        before `.view()`.

    Raises:
        ShapeError: If the shapes of `x`, `weight` and `bias` do not go together.
    """
    rows, columns, maps, channels, *_ = _shape_of(weight)
    window = (weight.shape[4], weight.shape[5])
    positions = check_planes(
        x,
        operation="local2d",
        window=window,
        stride=stride,
        padding=padding,
        maps=channels * groups,
    )
    _check_grid(weight, positions, operation="local2d")
    if bias is not None and bias.shape != weight.shape[:3]:
        raise ShapeError(
            f"local2d needs a bias {tuple(weight.shape[:3])}, one number per unit; "
            f"got {tuple(bias.shape)}"
        )
    padded = batch_innermost(pad_planes(x, window=window, stride=stride, padding=padding))
    cols = windows(padded.permute(2, 3, 1, 0), size=window, stride=stride)
    y = torch.bmm(
        _matrices(weight, groups), cols.flatten(2, 4).unflatten(2, (groups, -1)).flatten(0, 2)
    )
    y = y.unflatten(0, (-1, groups)).flatten(1, 2)
    if bias is not None:
        y = y + bias.reshape(-1, maps, 1)
    return y.unflatten(0, (rows, columns)).permute(3, 2, 0, 1)


def local_transpose2d(
    h: Tensor,
    weight: Tensor,
    *,
    size: tuple[int, int],
    stride: int = 1,
    padding: Padding = "valid",
    groups: int = 1,
) -> Tensor:
    """Apply the adjoint of `local2d`: every code lays its own filter down, overlaps are added.

    Args:
        h: Codes, `(batch, maps, rows, columns)`.
        weight: The filters of the forward direction,
            `(rows, columns, maps, channels / groups, kh, kw)`.
        size: Height and width of the input whose forward direction gives `h`.
        stride: Step between positions, as forward.
        padding: Border, as forward.
        groups: Parts of the maps, as forward.

    Returns:
        `(batch, channels, *size)`, zero where no window reaches; in memory the batch is
        innermost.

    Raises:
        ShapeError: If the shapes of `h`, `weight` and `size` do not go together.
    """
    rows, columns, maps, channels, *window = _shape_of(weight)
    positions = grid(size, window=(window[0], window[1]), stride=stride, padding=padding)
    _check_grid(weight, positions, operation="local_transpose2d")
    check_codes(h, maps, operation="local_transpose2d", positions=positions)
    codes = h.permute(2, 3, 1, 0).unflatten(2, (groups, -1)).flatten(0, 2)
    cols = torch.bmm(_matrices(weight, groups).transpose(1, 2), codes)
    cols = (
        cols.unflatten(0, (rows, columns, groups)).unflatten(3, (channels, *window)).flatten(2, 3)
    )
    left, right, top, bottom = borders(
        size, window=(window[0], window[1]), stride=stride, padding=padding
    )
    padded = (size[0] + top + bottom, size[1] + left + right)
    x = overlap_add(cols, size=padded, stride=stride).permute(3, 2, 0, 1)
    return F.pad(x, (-left, -right, -top, -bottom)) if padded != size else x


def _matrices(weight: Tensor, groups: int) -> Tensor:
    """View the filters of every position and group as one matrix, `(..., maps, c*kh*kw)`."""
    return weight.flatten(3).unflatten(2, (groups, -1)).flatten(0, 2)


def _shape_of(weight: Tensor) -> tuple[int, ...]:
    if weight.ndim != 6:
        raise ShapeError(
            "a local filter's weight is (rows, columns, maps, channels, kh, kw); "
            f"got {tuple(weight.shape)}"
        )
    return tuple(weight.shape)


def _check_grid(weight: Tensor, positions: tuple[int, int], *, operation: str) -> None:
    if tuple(weight.shape[:2]) != positions:
        raise ShapeError(
            f"{operation} needs weights for {positions[0]}x{positions[1]} positions at this size "
            f"of input, stride and padding; got weights for {weight.shape[0]}x{weight.shape[1]}"
        )
