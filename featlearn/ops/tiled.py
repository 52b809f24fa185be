"""Tiled filters: positions a fixed number of steps apart share weights; and their adjoint.

Source:
    Le et al., Tiled convolutional neural networks, NIPS 2010.
"""

import itertools
import math
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from featlearn.errors import ShapeError
from featlearn.geometry import Border
from featlearn.ops.local import local2d, local_transpose2d
from featlearn.ops.planes import (
    borders,
    check_codes,
    check_groups,
    check_planes,
    check_step,
    grid,
)

# Of eight shapes that were measured, one convolution took less time from 8 channels on where it did
# at most 1.3 times the arithmetic, forward and back and transposed: 1.25 to 1.6 times less in
# float32, 1.4 to 5 times less in bfloat16. At 3 channels, or 1.45 times, it lost by up to half.
_MOST_ZEROS = 1.4
_LEAST_CHANNELS = 8


def tiled2d(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    *,
    stride: int = 1,
    padding: Border = "valid",
    groups: int = 1,
) -> Tensor:
    """Apply to position p the filters of bank p modulo the tile.

    y[n,f,p] = sum over c,u,v of weight[p mod tile,f,c,u,v] * x[n, c, stride*p + (u,v)]
    + bias[p mod tile,f]. One bank is a convolution, as many as positions are `local2d`.

    Args:
        x: Input, `(batch, channels, height, width)`.
        weight: Filters, `(tile rows, tile columns, maps, channels / groups, kh, kw)`, at
            most as many banks as there are rows and columns of positions.
        bias: One number per map of each bank, `(tile rows, tile columns, maps)`, or none.
        stride: Step between positions, in input positions.
        padding: `valid` keeps every window inside; `same` adds zeros around, the odd
            one after, for `ceil(height / stride)` rows of positions; a number of zeros
            is added on every side.
        groups: Parts into which the maps above and below are split alike.

    Returns:
        `(batch, maps, rows, columns)`.

    Raises:
        ShapeError: If the shapes of `x`, `weight` and `bias` do not go together, or `groups` do
            not divide the maps.
    """
    tile, maps, channels, window = _shape_of(weight)
    check_step(stride, operation="tiled2d")
    check_groups(maps, groups, operation="tiled2d")
    rows, columns = check_planes(
        x,
        operation="tiled2d",
        window=window,
        stride=stride,
        padding=padding,
        maps=channels * groups,
    )
    _check_tile(tile, (rows, columns))
    if bias is not None and bias.shape != (*tile, maps):
        raise ShapeError(
            f"tiled2d needs a bias {(*tile, maps)}, one number per map of each bank; "
            f"got {tuple(bias.shape)}"
        )
    if tile == (rows, columns):
        return local2d(x, weight, bias, stride=stride, padding=padding, groups=groups)
    lattice = _Lattice.over((rows, columns), tile=tile, window=window, stride=stride)
    left, _, top, _ = borders(_size(x), window=window, stride=stride, padding=padding)
    right, bottom = lattice.width - left - x.shape[3], lattice.height - top - x.shape[2]
    x = F.pad(x, (left, right, top, bottom))
    banks = _banks(x, weight, bias, lattice, stride=stride, groups=groups)
    # Interleave them: a bank's positions are a tile apart.
    y = banks.unflatten(0, tile).permute(2, 3, 4, 0, 5, 1)
    return y.flatten(4, 5).flatten(2, 3)[:, :, :rows, :columns]


def tiled_transpose2d(
    h: Tensor,
    weight: Tensor,
    *,
    size: tuple[int, int],
    stride: int = 1,
    padding: Border = "valid",
    groups: int = 1,
) -> Tensor:
    """Apply the adjoint of `tiled2d`: codes lay their banks' filters down, overlaps are added.

    Args:
        h: Codes, `(batch, maps, rows, columns)`.
        weight: The filters of the forward direction.
        size: Height and width of the input whose forward direction gives `h`.
        stride: Step between positions, as forward.
        padding: Border, as forward.
        groups: Parts of the maps, as forward.

    Returns:
        `(batch, channels, *size)`, zero where no window reaches.

    Raises:
        ShapeError: If the shapes of `h`, `weight` and `size` do not go together, or `groups` do
            not divide the maps.
    """
    tile, maps, _, window = _shape_of(weight)
    check_step(stride, operation="tiled_transpose2d")
    check_groups(maps, groups, operation="tiled_transpose2d")
    rows, columns = grid(size, window=window, stride=stride, padding=padding)
    _check_tile(tile, (rows, columns))
    if tile == (rows, columns):
        return local_transpose2d(
            h, weight, size=size, stride=stride, padding=padding, groups=groups
        )
    check_codes(h, maps, operation="tiled_transpose2d", positions=(rows, columns))
    lattice = _Lattice.over((rows, columns), tile=tile, window=window, stride=stride)
    h = F.pad(h, (0, lattice.positions[1] - columns, 0, lattice.positions[0] - rows))
    if _worth_joining(weight, stride=stride, groups=groups):
        codes = h.unflatten(3, (-1, tile[1])).unflatten(2, (-1, tile[0])).permute(0, 3, 5, 1, 2, 4)
        x = F.conv_transpose2d(codes.flatten(1, 3), _joined(weight, stride), stride=lattice.steps)
        return _without_border(x, size, window=window, stride=stride, padding=padding)
    x = h.new_zeros(())
    for row, column in itertools.product(*map(range, tile)):
        codes = h[:, :, row :: tile[0], column :: tile[1]]
        laid = F.conv_transpose2d(codes, weight[row, column], stride=lattice.steps, groups=groups)
        before = (column * stride, row * stride)
        after = (
            lattice.width - laid.shape[3] - before[0],
            lattice.height - laid.shape[2] - before[1],
        )
        x = x + F.pad(laid, (before[0], after[0], before[1], after[1]))
    return _without_border(x, size, window=window, stride=stride, padding=padding)


def _without_border(
    x: Tensor, size: tuple[int, int], *, window: tuple[int, int], stride: int, padding: Border
) -> Tensor:
    """Cut planes that whole tiles span to their size.

    Codes that were added to fill the last tiles are zero, and so is all beyond the border.
    """
    left, _, top, _ = borders(size, window=window, stride=stride, padding=padding)
    height, width = _size(x)
    return F.pad(x, (-left, size[1] + left - width, -top, size[0] + top - height))


def _banks(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    lattice: "_Lattice",
    *,
    stride: int,
    groups: int,
) -> Tensor:
    """Apply every bank at its positions: `(banks, batch, maps, rows, columns)`."""
    rows, columns, maps = weight.shape[:3]
    if _worth_joining(weight, stride=stride, groups=groups):
        joined, every = _joined(weight, stride), None if bias is None else bias.flatten()
        x = x.contiguous(memory_format=torch.channels_last)
        y = F.conv2d(x, joined, every, stride=lattice.steps)
        return y.unflatten(1, (rows * columns, maps)).transpose(0, 1)
    banks = [
        F.conv2d(
            x[:, :, row * stride :, column * stride :][
                :, :, : lattice.reach[0], : lattice.reach[1]
            ],
            weight[row, column],
            None if bias is None else bias[row, column],
            stride=lattice.steps,
            groups=groups,
        )
        for row, column in itertools.product(range(rows), range(columns))
    ]
    return torch.stack(banks)


def _worth_joining(weight: Tensor, *, stride: int, groups: int) -> bool:
    """Tell whether one convolution with the windows of a whole tile takes less time than many.

    It multiplies by zeros where a bank does not see what its neighbours see.
    """
    side, window = weight.shape[:2], weight.shape[4:]
    spans = (size + (count - 1) * stride for count, size in zip(side, window, strict=True))
    worth = math.prod(spans) <= _MOST_ZEROS * math.prod(window)
    return groups == 1 and weight.shape[3] >= _LEAST_CHANNELS and worth


def _joined(weight: Tensor, stride: int) -> Tensor:
    """Make one bank of all: each filter where it lies in the window that a tile sees together."""
    rows, columns = weight.shape[:2]
    banks = [
        F.pad(
            weight[row, column],
            (
                column * stride,
                (columns - 1 - column) * stride,
                row * stride,
                (rows - 1 - row) * stride,
            ),
        )
        for row, column in itertools.product(range(rows), range(columns))
    ]
    return torch.cat(banks).contiguous(memory_format=torch.channels_last)


class _Lattice(NamedTuple):
    """Positions rounded up to whole tiles, so that every bank has as many.

    Attributes:
        positions: Rows and columns of positions, rounded up.
        steps: Distance of two positions that share a bank, in input positions.
        reach: Rows and columns of the input that one bank's windows span.
        height: Rows of input that all windows span.
        width: Columns of input that all windows span.
    """

    positions: tuple[int, int]
    steps: tuple[int, int]
    reach: tuple[int, int]
    height: int
    width: int

    @staticmethod
    def over(
        positions: tuple[int, int], *, tile: tuple[int, int], window: tuple[int, int], stride: int
    ) -> "_Lattice":
        repeats = [-(-count // side) for count, side in zip(positions, tile, strict=True)]
        whole = [count * side for count, side in zip(repeats, tile, strict=True)]
        steps = [side * stride for side in tile]
        reach = [
            (count - 1) * step + side
            for count, step, side in zip(repeats, steps, window, strict=True)
        ]
        spans = [(count - 1) * stride + side for count, side in zip(whole, window, strict=True)]
        return _Lattice(_pair(whole), _pair(steps), _pair(reach), *spans)


def _pair(values: list[int]) -> tuple[int, int]:
    return values[0], values[1]


def _size(x: Tensor) -> tuple[int, int]:
    return x.shape[2], x.shape[3]


def _shape_of(weight: Tensor) -> tuple[tuple[int, int], int, int, tuple[int, int]]:
    """Give tile, maps, channels of a group, and window."""
    if weight.ndim != 6:
        raise ShapeError(
            "a tiled filter's weight is (tile rows, tile columns, maps, channels, kh, kw); "
            f"got {tuple(weight.shape)}"
        )
    tile_rows, tile_columns, maps, channels, height, width = weight.shape
    return (tile_rows, tile_columns), maps, channels, (height, width)


def _check_tile(tile: tuple[int, int], positions: tuple[int, int]) -> None:
    if min(tile) < 1 or tile[0] > positions[0] or tile[1] > positions[1]:
        raise ShapeError(
            f"a tile has at most as many banks as there are positions, {positions[0]}x"
            f"{positions[1]} at this size of input, stride and padding; got {tile[0]}x{tile[1]}"
        )
