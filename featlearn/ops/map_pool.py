"""Pooling over maps, at every position by itself."""

import torch
from torch import Tensor

from featlearn.errors import ShapeError
from featlearn.ops.planes import check_planes


def group_pool(x: Tensor, *, size: int, eps: float = 1e-8) -> Tensor:
    """Pool each group of consecutive maps by the root of the sum of squares.

    Args:
        x: Filter responses, `(batch, maps, height, width)`, any unit.
        size: Maps in a group.
        eps: Added under the root, in squared units of `x`, so that the gradient
            at a group of zeros is zero and not NaN.

    Returns:
        `(batch, maps / size, height, width)` in the unit and the precision of `x`; summed in
        single precision at least.

    Raises:
        ShapeError: If `x` is not 4-D, or its maps make no whole groups.

    Source:
        Hyvärinen & Hoyer, Neural Computation 2000: the norm of the projection on a subspace.
    """
    check_planes(x, operation="group_pool")
    if size < 1 or x.shape[1] % size:
        raise ShapeError(f"group_pool needs groups of {size} maps each; got {tuple(x.shape)}")
    energy = _squares(x).unflatten(1, (-1, size)).sum(2)
    return (energy + eps).sqrt().to(x.dtype)


def sheet_pool(
    x: Tensor, *, rows: int, columns: int, size: int, stride: int = 1, eps: float = 1e-8
) -> Tensor:
    """Pool maps that lie on a torus over windows of neighbours, by the root of the sum of squares.

    Map r · columns + c lies in row r and column c of the sheet. The window of a place reaches
    (size - 1) // 2 places up and left of it, and size // 2 down and right, around the edges.

    Args:
        x: Filter responses, `(batch, rows * columns, height, width)`, any unit.
        rows: Of the sheet.
        columns: Of the sheet.
        size: Side of the window, in places of the sheet.
        stride: Step between windows, in places of the sheet; the first is that of place 0, 0.
        eps: Added under the root, in squared units of `x`, so that the gradient
            at a window of zeros is zero and not NaN.

    Returns:
        `(batch, rows / stride * columns / stride, height, width)` in the unit and the precision
        of `x`; summed in single precision at least.

    Raises:
        ShapeError: If `x` is not 4-D or does not cover the sheet, a window is larger than that,
            or the stride does not divide it.

    Source:
        Hyvärinen, Hoyer & Inki, Neural Computation 2001, with a square neighbourhood.
    """
    check_planes(x, operation="sheet_pool")
    fits = 1 <= size <= min(rows, columns) and stride >= 1
    if not fits or x.shape[1] != rows * columns or rows % stride or columns % stride:
        raise ShapeError(
            f"sheet_pool needs a map for each place of {rows} x {columns}, windows of at most "
            f"that and a stride that divides it; got {tuple(x.shape)}, windows of {size} and a "
            f"stride of {stride}"
        )
    sheet = _squares(x).unflatten(1, (rows, columns))
    for axis in (1, 2):
        reach = range(-((size - 1) // 2), size // 2 + 1)
        sheet = torch.stack([sheet.roll(-shift, axis) for shift in reach]).sum(0)
    energy = sheet[:, ::stride, ::stride].flatten(1, 2)
    return (energy + eps).sqrt().to(x.dtype)


def sheet_members(place: int, *, rows: int, columns: int, size: int, stride: int = 1) -> list[int]:
    """List the maps in a window of `sheet_pool`, row by row.

    Args:
        place: Of the pooled map.
        rows: Of the sheet.
        columns: Of the sheet.
        size: Side of the window.
        stride: Step between windows.
    """
    row, column = divmod(place, columns // stride)
    reach = range(-((size - 1) // 2), size // 2 + 1)
    return [
        (row * stride + down) % rows * columns + (column * stride + right) % columns
        for down in reach
        for right in reach
    ]


def _squares(x: Tensor) -> Tensor:
    """Square in single precision at least."""
    return x.to(torch.promote_types(x.dtype, torch.float32)).square()
