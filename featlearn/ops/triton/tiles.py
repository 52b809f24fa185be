"""What one program of a kernel computes: chosen by sizes and precision, never by timing.

Bytes of a result depend on this choice, so that it must not depend on the state of a machine.
"""

import itertools
import math
from collections.abc import Iterator
from typing import NamedTuple

import torch
from torch import Tensor

from featlearn.ops.kernels.geometry import Local

LEAST = 16
"""The least side of a matrix that tensor cores multiply."""

_MOST_ROWS = 128  # units or numbers of a plane of one program; more leave no registers
_MOST_SAMPLES = 256  # samples of one program, likewise
_LEAST_SAMPLES = 32  # samples below which tensor cores run half empty
_LEAST_MOVED = 4  # bytes that can be moved without a thread's doing
_MOST_MOVED = 16  # bytes that a thread moves at once
_MOST_STAGES = 4  # more operands on their way hide no more of it
_ENOUGH = 256  # programs that keep the largest devices busy
_LOADED = 64  # products of a sample in the time that a number of it is loaded in


class Tile(NamedTuple):
    """What one program computes.

    Attributes:
        down: Rows of positions, or of a plane, that a program treats together.
        right: Columns of positions; 1 where `units` go on along the row.
        spread: Step between these columns; of the columns that reach planes, how many parts
            are gone through one after the other.
        units: Maps of a position, or numbers of a row of a plane; a power of two.
        samples: Samples that are treated, or summed over, at once.
        inner: Numbers of the windows that are summed over, or treated, at once.
        warps: Groups of 32 threads.
    """

    down: int
    right: int
    spread: int
    units: int
    samples: int
    inner: int
    warps: int

    @property
    def rows(self) -> int:
        """Give the rows of the product."""
        return self.down * self.right * self.units

    @property
    def loaded(self) -> int:
        """Count the numbers of both operands that are multiplied at once."""
        return self.rows * min(self.samples, self.inner) + self.samples * self.inner


def forward_tile(sizes: Local, itemsize: int) -> Tile:
    """Choose for codes: neighbouring positions share the window that they see together."""
    down, right, spread, units = _positions(sizes, itemsize)
    tile = Tile(down, right, spread, units, 1, 1, 1)
    samples = _samples(sizes.batch, count_blocks(sizes, tile))
    inner = _inner(itemsize, joint_window(sizes, tile))
    return tile._replace(samples=samples, inner=inner, warps=_warps(samples * tile.rows))


def transpose_tile(sizes: Local, itemsize: int) -> Tile:
    """Choose for planes: neighbouring numbers share the codes whose filters reach them."""
    length = sizes.width * sizes.channels

    def blocks(tile: Tile) -> int:
        return parts(sizes.height, tile.down) * parts(length, tile.units)

    def cost(tile: Tile) -> int:
        return blocks(tile) * joint_codes(sizes, tile) * (tile.rows + _LOADED)

    spread = _spread(sizes, itemsize) if sizes.columns > 1 else 1
    sides = _shapes(sizes.height, 1, length)
    tile = min((Tile(down, 1, spread, units, 1, 1, 1) for down, _, units in sides), key=cost)
    samples = _samples(sizes.batch, blocks(tile))
    inner = _inner(itemsize, joint_codes(sizes, tile))
    return tile._replace(samples=samples, inner=inner, warps=_warps(samples * tile.rows))


def gradient_tile(sizes: Local, itemsize: int) -> Tile:
    """Choose for weights: each is summed by one program alone, over all samples."""
    down, right, _, units = _positions(sizes, _LEAST_MOVED)
    tile = Tile(down, right, 1, units, _inner(itemsize, sizes.batch), 1, 1)
    inner = min(_MOST_ROWS, power_of_two(joint_window(sizes, tile)))
    return tile._replace(inner=inner, warps=4)  # several programs at once hide their stores


def even_run(sizes: Local, tile: Tile) -> int:
    """Count the weights, a power of two, that lie side by side in every filter of a block.

    Each row of a kernel begins at a multiple of it, and each position sees the joint window from
    such a multiple on.
    """
    run = sizes.kernel_width * sizes.channels
    step = tile.spread * sizes.stride * sizes.channels
    return math.gcd(run, step, _MOST_MOVED // 2)


def even_part(sizes: Local, tile: Tile) -> int:
    """Count those of them that lie in one row of a tile of planes."""
    return math.gcd(even_run(sizes, tile), tile.units)


def stages(tile: Tile, x: Tensor) -> int:
    """Count the operands that are on their way at once: as many as the device has room for."""
    each = tile.loaded * x.itemsize
    room = 2 * each
    if x.device.type == "cuda":
        room = torch.cuda.get_device_properties(x.device).shared_memory_per_block_optin
    return max(2, min(_MOST_STAGES, room // each))


def furthest(sizes: Local, tile: Tile) -> int:
    """Count the numbers from where a program begins to the last that it may read or write."""
    seen = (sizes.kernel_height + tile.down * sizes.stride) * sizes.width * sizes.channels
    kernel = sizes.kernel_height * sizes.kernel_width * sizes.channels
    units = (reaching_rows(sizes, tile.down) + tile.down) * sizes.columns * sizes.maps
    return max(seen * sizes.batch, units * max(kernel, sizes.batch))


def count_blocks(sizes: Local, tile: Tile) -> int:
    """Count the blocks of positions and maps."""
    across = parts(sizes.columns, tile.right * tile.spread) * tile.spread
    return parts(sizes.rows, tile.down) * across * parts(sizes.maps, tile.units)


def joint_window(sizes: Local, tile: Tile) -> int:
    """Count the numbers that a block of positions sees."""
    height = sizes.kernel_height + (tile.down - 1) * sizes.stride
    width = sizes.kernel_width + (tile.right - 1) * tile.spread * sizes.stride
    return height * width * sizes.channels


def joint_codes(sizes: Local, tile: Tile) -> int:
    """Count the codes that may reach some numbers of some rows of a plane."""
    columns = sum(reaching_columns(sizes, tile, phase) for phase in range(tile.spread))
    return reaching_rows(sizes, tile.down) * columns * sizes.maps


def reaching_rows(sizes: Local, down: int) -> int:
    """Count the rows of positions whose windows may reach some rows of a plane."""
    return min((sizes.kernel_height + down - 2) // sizes.stride + 1, sizes.rows)


def reaching_columns(sizes: Local, tile: Tile, phase: int) -> int:
    """Count the columns of one part whose windows may reach numbers beside each other.

    These begin at a multiple of their count, where the columns are not parted.
    """
    channels, units = sizes.channels, tile.units
    if tile.spread == 1 and units % channels == 0:
        further = units // channels - 1
    elif tile.spread == 1 and channels % units == 0:
        further = 0
    else:
        further = (units + channels - 2) // channels
    columns = (sizes.kernel_width - 1 + further) // sizes.stride + 1
    return min(parts(columns, tile.spread), parts(sizes.columns - phase, tile.spread))


def before(sizes: Local, even: int, phase: int) -> int:
    """Count the numbers before a row of a plane from which its tiles begin.

    From there on, filters of the columns of one part lie in groups of `even` numbers.
    """
    return -phase * sizes.stride * sizes.channels % even


def parts(count: int, each: int) -> int:
    """Count the parts that `count` falls into."""
    return -(-count // each)


def power_of_two(count: int) -> int:
    """Give the least power of two that holds `count`, and that tensor cores multiply."""
    return max(LEAST, 1 << max(count - 1, 0).bit_length())


def _positions(sizes: Local, itemsize: int) -> tuple[int, int, int, int]:
    """Choose rows and columns of positions, their step, and maps.

    Few zeros are multiplied, and many share what is read.
    """
    spread = _spread(sizes, itemsize)

    def tiles() -> Iterator[Tile]:
        for down, right, units in _shapes(sizes.rows, sizes.columns, sizes.maps):
            wide = spread if right * spread <= sizes.columns else 1
            yield Tile(down, right, wide, units, 1, 1, 1)

    def cost(tile: Tile) -> int:
        return count_blocks(sizes, tile) * joint_window(sizes, tile) * (tile.rows + _LOADED)

    return min(tiles(), key=cost)[:4]


def _spread(sizes: Local, itemsize: int) -> int:
    """Choose the step between columns: 2 where only so filters lie in groups that can be moved."""
    alone = Tile(1, 1, 1, 1, 1, 1, 1)
    groups = [even_run(sizes, alone._replace(spread=step)) * itemsize for step in (1, 2)]
    return 2 if groups[0] < _LEAST_MOVED <= groups[1] else 1


def _shapes(rows: int, columns: int, units: int) -> Iterator[tuple[int, int, int]]:
    """Go through what a program may treat: powers of two, as many as tensor cores multiply.

    What is too small for them is filled up with units that do not exist.
    """
    sides = [1 << n for n in range(_MOST_ROWS.bit_length())]
    for down, right, some in itertools.product(sides, sides, sides):
        exist = down <= rows and right <= columns and (some < 2 * units or some <= LEAST)
        if exist and LEAST <= down * right * some <= _MOST_ROWS:
            yield down, right, some


def _samples(batch: int, blocks: int) -> int:
    """Choose how many samples a program treats: fewer where there are few programs."""
    samples = min(_MOST_SAMPLES, power_of_two(batch))
    while samples > _LEAST_SAMPLES and blocks * parts(batch, samples) < _ENOUGH:
        samples //= 2
    return samples


def _inner(itemsize: int, length: int) -> int:
    """Choose over how many numbers is summed at once: 128 bytes of them."""
    return min(128 // itemsize, power_of_two(length))


def _warps(numbers: int) -> int:
    """Choose the threads of a program by how many numbers it computes."""
    return 8 if numbers > 128 * 64 else 4
