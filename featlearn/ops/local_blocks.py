"""The products of a locally connected layer by blocks of positions, in plain torch.

A block of neighbouring positions is one dense product over the window that they see together,
with zeros where a position does not see what its neighbours see. So every product is a batch of
large matrices, which libraries multiply fast, for a little more arithmetic: windows of blocks
overlap far less than windows of positions, and a copy of them is small.

All tensors lie as those of `local_kernels`: planes `(height, width, channels, batch)`, codes
`(rows, columns, maps, batch)`, weights `(rows, columns, maps, kernel height, kernel width,
channels)`.

Source:
    Coates et al., ICML 2013.
"""

from collections.abc import Iterator
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from featlearn.ops.windows import overlap_add, windows

_LARGEST = 8  # positions on a side of a block
_TILE = 64  # rows of a matrix below which a product takes no less time
_MOVE = 100  # arithmetic in the time that a number is moved in
_MOVES = 3  # how often a number that is copied is moved: read, written, read by the product
_MOST_COPIED = 2**28  # bytes of windows and of matrices that are there at once, about


class Blocks(NamedTuple):
    """The sizes of a layer that is cut into blocks.

    Attributes:
        grid: Rows and columns of positions.
        kernel: Height and width of a position's window.
        stride: Step between positions.
        side: Rows and columns of positions in a block.
    """

    grid: tuple[int, int]
    kernel: tuple[int, int]
    stride: int
    side: tuple[int, int]

    @property
    def step(self) -> tuple[int, int]:
        """Give the step between blocks, in input positions."""
        return self.side[0] * self.stride, self.side[1] * self.stride

    @property
    def window(self) -> tuple[int, int]:
        """Give the window that a block's positions see together."""
        (height, width), (rows, columns) = self.kernel, self.side
        return height + (rows - 1) * self.stride, width + (columns - 1) * self.stride

    @property
    def counts(self) -> tuple[int, int]:
        """Give the rows and columns of blocks; the last may hang over the grid."""
        return -(-self.grid[0] // self.side[0]), -(-self.grid[1] // self.side[1])

    def plane(self, rows: int) -> tuple[int, int]:
        """Give the size of the plane that some rows of blocks see."""
        down, right = self.step
        window = self.window
        return (rows - 1) * down + window[0], (self.counts[1] - 1) * right + window[1]

    @property
    def between(self) -> int:
        """Give the one step of both axes; where they differ, one has a single block."""
        return max(self.step)

    def rows(self, some: range) -> slice:
        """Give the rows of positions in some rows of blocks."""
        return slice(some.start * self.side[0], min(some.stop * self.side[0], self.grid[0]))


def local(x: Tensor, weight: Tensor, bias: Tensor | None, stride: int) -> Tensor:
    """Compute codes: every position's filters applied to its window."""
    blocks = _blocks(weight.shape, x.shape[3], stride)
    codes = x.new_empty(*weight.shape[:3], x.shape[3])
    for some in _bands(blocks, weight.shape, x):
        seen = _windows(x, blocks, some)
        laid = torch.bmm(_packed(weight, blocks, some).flatten(1, 3), seen)
        codes[blocks.rows(some)] = _positions(laid, blocks, some, weight.shape[2])
    return codes if bias is None else codes + bias.unsqueeze(3)


def transpose(codes: Tensor, weight: Tensor, height: int, width: int, stride: int) -> Tensor:
    """Compute planes: every code lays its filter down, overlaps are added."""
    blocks = _blocks(weight.shape, codes.shape[3], stride)
    size = blocks.plane(blocks.counts[0])
    exact = torch.promote_types(codes.dtype, torch.float32)
    channels, batch = weight.shape[5], codes.shape[3]
    x = codes.new_zeros(max(height, size[0]), max(width, size[1]), channels, batch, dtype=exact)
    for some in _bands(blocks, weight.shape, codes):
        matrices = _packed(weight, blocks, some).flatten(1, 3).transpose(1, 2)
        laid = torch.bmm(matrices, _units(codes, blocks, some))
        cols = laid.view(len(some), blocks.counts[1], *blocks.window, channels, batch)
        plane = blocks.plane(len(some))
        added = overlap_add(cols.to(exact), size=plane, stride=blocks.between)
        # One band after the other: what overlaps is always added in the same order.
        top = some.start * blocks.step[0]
        x[top : top + plane[0], : plane[1]] += added
    return x[:height, :width].to(codes.dtype).contiguous()


def gradient(
    x: Tensor, codes: Tensor, kernel_height: int, kernel_width: int, stride: int
) -> Tensor:
    """Compute weights: every code times the window that its unit sees, summed over the batch."""
    shape = torch.Size((*codes.shape[:3], kernel_height, kernel_width, x.shape[2]))
    blocks = _blocks(shape, x.shape[3], stride)
    weight = x.new_empty(shape)
    for some in _bands(blocks, shape, x):
        seen = _windows(x, blocks, some).transpose(1, 2)
        laid = torch.bmm(_units(codes, blocks, some), seen)
        _unpack(laid, weight[blocks.rows(some)], blocks, some)
    return weight


def block_side(weight: tuple[int, ...], batch: int, stride: int) -> tuple[int, int]:
    """Choose the rows and columns of positions in a block, by sizes alone.

    Larger blocks multiply more zeros, also where they hang over the grid; smaller ones fill no
    tile of a product and copy more.

    Args:
        weight: Shape of the weights.
        batch: Samples.
        stride: Step between positions.
    """
    rows, columns, maps, height, width, _ = weight
    best, least = (1, 1), float("inf")
    for side in range(1, _LARGEST + 1):
        down, right = min(side, rows), min(side, columns)
        here = Blocks((rows, columns), (height, width), stride, (down, right))
        filled = here.counts[0] * down * here.counts[1] * right
        units = down * right
        products = 2 * max(maps, _TILE / units)
        moved = _MOVES * _MOVE * (1 / units + maps / max(batch, 1))
        cost = filled * here.window[0] * here.window[1] * (products + moved)
        if cost < least:
            best, least = (down, right), cost
    return best


def _blocks(weight: torch.Size, batch: int, stride: int) -> Blocks:
    rows, columns, _, height, width, _ = weight
    return Blocks((rows, columns), (height, width), stride, block_side(weight, batch, stride))


def _bands(blocks: Blocks, weight: torch.Size, like: Tensor) -> Iterator[range]:
    """Cut the rows of blocks, so that copies of windows and of matrices stay small."""
    seen = blocks.window[0] * blocks.window[1] * weight[5]
    units = blocks.side[0] * blocks.side[1] * weight[2]
    numbers = blocks.counts[1] * (seen * (like.shape[3] + units) + units * like.shape[3])
    each = max(1, _MOST_COPIED // max(1, numbers * like.itemsize))
    for start in range(0, blocks.counts[0], each):
        yield range(start, min(start + each, blocks.counts[0]))


def _windows(x: Tensor, blocks: Blocks, some: range) -> Tensor:
    """Copy the windows of some rows of blocks, `(blocks, window * channels, batch)`."""
    height, width = blocks.plane(len(some))
    top = some.start * blocks.step[0]
    seen = x[top : top + height, :width]
    missing = (height - seen.shape[0], width - seen.shape[1])
    if any(missing):
        seen = F.pad(seen, (0, 0, 0, 0, 0, missing[1], 0, missing[0]))
    cols = windows(seen, size=blocks.window, stride=blocks.between)
    return cols.flatten(2, 4).flatten(0, 1)


def _packed(weight: Tensor, blocks: Blocks, some: range) -> Tensor:
    """Lay filters into the windows of their blocks.

    Returns:
        `(blocks, side, side, maps, window * channels)`, zero where a position does not see.
    """
    maps, channels = weight.shape[2], weight.shape[5]
    shape = (len(some), blocks.counts[1], *blocks.side, maps, *blocks.window, channels)
    laid = weight.new_zeros(shape)
    for place, filters in _places(blocks, weight[blocks.rows(some)]):
        laid[place] = filters
    return laid.flatten(5).flatten(0, 1)


def _unpack(laid: Tensor, weight: Tensor, blocks: Blocks, some: range) -> None:
    """Take filters out of the windows of their blocks: the adjoint of `_packed`."""
    maps, channels = weight.shape[2], weight.shape[5]
    laid = laid.view(len(some), blocks.counts[1], *blocks.side, maps, *blocks.window, channels)
    for place, filters in _places(blocks, weight):
        filters.copy_(laid[place])


def _places(blocks: Blocks, weight: Tensor) -> Iterator[tuple[tuple[slice | int, ...], Tensor]]:
    """Pair where the filters of one place in every block lie with these filters."""
    for i in range(blocks.side[0]):
        for j in range(blocks.side[1]):
            filters = weight[i :: blocks.side[0], j :: blocks.side[1]]
            down, right = i * blocks.stride, j * blocks.stride
            place = (
                slice(filters.shape[0]),
                slice(filters.shape[1]),
                i,
                j,
                slice(None),
                slice(down, down + blocks.kernel[0]),
                slice(right, right + blocks.kernel[1]),
            )
            yield place, filters


def _units(codes: Tensor, blocks: Blocks, some: range) -> Tensor:
    """Bring codes together by blocks, `(blocks, side * side * maps, batch)`; zeros hang over."""
    codes = codes[blocks.rows(some)]
    below = len(some) * blocks.side[0] - codes.shape[0]
    right = blocks.counts[1] * blocks.side[1] - codes.shape[1]
    if below or right:
        codes = F.pad(codes, (0, 0, 0, 0, 0, right, 0, below))
    codes = codes.unflatten(0, (len(some), blocks.side[0]))
    codes = codes.unflatten(2, (blocks.counts[1], blocks.side[1]))
    return codes.transpose(1, 2).flatten(2, 4).flatten(0, 1)


def _positions(laid: Tensor, blocks: Blocks, some: range, maps: int) -> Tensor:
    """Give codes back to their positions: the adjoint of `_units`."""
    laid = laid.view(len(some), blocks.counts[1], *blocks.side, maps, laid.shape[2])
    codes = laid.transpose(1, 2).flatten(0, 1).flatten(1, 2)
    rows = blocks.rows(some)
    return codes[: rows.stop - rows.start, : blocks.grid[1]]
