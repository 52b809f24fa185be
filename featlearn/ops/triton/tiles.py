"""What one program of a kernel computes: chosen by sizes and precision, never by timing.

Bytes of a result depend on this choice, so that it must not depend on the state of a machine.
"""

import itertools
from collections.abc import Iterator
from typing import NamedTuple

from featlearn.ops.kernels.geometry import Local

LEAST = 16
"""The least side of a matrix that tensor cores multiply."""

_MOST_ROWS = 128  # units or numbers of a plane of one program; more leave no registers
_MOST_SAMPLES = 128  # samples of one program, likewise
_LEAST_SAMPLES = 32  # samples below which tensor cores run half empty
_ENOUGH = 256  # programs that keep the largest devices busy
_LOADED = 64  # products of a sample in the time that a number of it is loaded in


class Tile(NamedTuple):
    """What one program computes.

    Attributes:
        down: Rows of positions, or of a plane, that a program treats together.
        right: Columns of positions; 1 where `units` go on along the row.
        units: Maps of a position, or numbers of a row of a plane; a power of two.
        samples: Samples that are treated, or summed over, at once.
        inner: Numbers of the windows that are summed over, or treated, at once.
        warps: Groups of 32 threads.
    """

    down: int
    right: int
    units: int
    samples: int
    inner: int
    warps: int

    @property
    def rows(self) -> int:
        """Give the rows of the product."""
        return self.down * self.right * self.units


def forward_tile(sizes: Local, itemsize: int) -> Tile:
    """Choose for codes: neighbouring positions share the window that they see together."""
    down, right, units = _positions(sizes)
    inner = _inner(itemsize, joint_window(sizes, down, right))
    programs = parts(sizes.rows, down) * parts(sizes.columns, right) * parts(sizes.maps, units)
    samples = _samples(sizes.batch, programs)
    return Tile(down, right, units, samples, inner, _warps(samples * down * right * units))


def transpose_tile(sizes: Local, itemsize: int) -> Tile:
    """Choose for planes: neighbouring numbers share the codes whose filters reach them."""
    length = sizes.width * sizes.channels

    def cost(down: int, units: int) -> int:
        programs = parts(sizes.height, down) * parts(length, units)
        return programs * joint_codes(sizes, down, units) * (down * units + _LOADED)

    sides = ((down, units) for down, _, units in _shapes(sizes.height, 1, length))
    down, units = min(sides, key=lambda sides: cost(*sides))
    inner = _inner(itemsize, joint_codes(sizes, down, units))
    samples = _samples(sizes.batch, parts(sizes.height, down) * parts(length, units))
    return Tile(down, 1, units, samples, inner, _warps(samples * down * units))


def gradient_tile(sizes: Local, itemsize: int) -> Tile:
    """Choose for weights: each is summed by one program alone, over all samples."""
    down, right, units = _positions(sizes)
    inner = min(_MOST_ROWS, power_of_two(joint_window(sizes, down, right)))
    samples = _inner(itemsize, sizes.batch)
    return Tile(down, right, units, samples, inner, _warps(inner * down * right * units))


def joint_window(sizes: Local, down: int, right: int) -> int:
    """Count the numbers that a block of positions sees."""
    height = sizes.kernel_height + (down - 1) * sizes.stride
    return height * (sizes.kernel_width + (right - 1) * sizes.stride) * sizes.channels


def joint_codes(sizes: Local, down: int, units: int) -> int:
    """Count the codes that may reach some numbers of some rows of a plane."""
    return reaching_rows(sizes, down) * reaching_columns(sizes, units) * sizes.maps


def reaching_rows(sizes: Local, down: int) -> int:
    """Count the rows of positions whose windows may reach some rows of a plane."""
    return (sizes.kernel_height + down - 2) // sizes.stride + 1


def reaching_columns(sizes: Local, units: int) -> int:
    """Count the columns of positions whose windows may reach numbers beside each other.

    These begin at a multiple of their count.
    """
    channels = sizes.channels
    if units % channels == 0:
        further = units // channels - 1
    elif channels % units == 0:
        further = 0
    else:
        further = (units + channels - 2) // channels
    return (sizes.kernel_width - 1 + further) // sizes.stride + 1


def parts(count: int, each: int) -> int:
    """Count the parts that `count` falls into."""
    return -(-count // each)


def power_of_two(count: int) -> int:
    """Give the least power of two that holds `count`, and that tensor cores multiply."""
    return max(LEAST, 1 << max(count - 1, 0).bit_length())


def _positions(sizes: Local) -> tuple[int, int, int]:
    """Choose rows and columns of positions, and maps: few zeros, and input that many share."""

    def cost(shape: tuple[int, int, int]) -> int:
        down, right, units = shape
        programs = parts(sizes.rows, down) * parts(sizes.columns, right) * parts(sizes.maps, units)
        return programs * joint_window(sizes, down, right) * (down * right * units + _LOADED)

    return min(_shapes(sizes.rows, sizes.columns, sizes.maps), key=cost)


def _shapes(rows: int, columns: int, units: int) -> Iterator[tuple[int, int, int]]:
    """Go through what a program may treat: powers of two, as many as tensor cores multiply."""
    sides = [1 << n for n in range(_MOST_ROWS.bit_length())]
    for down, right, some in itertools.product(sides, sides, sides):
        useful = down < 2 * rows and right < 2 * columns and some < 2 * units
        # What is too small for the tensor cores is filled up with units that do not exist.
        small = rows * columns * units < LEAST and (down, right, some) == (1, 1, LEAST)
        if (useful and LEAST <= down * right * some <= _MOST_ROWS) or small:
            yield down, right, some


def _samples(batch: int, programs: int) -> int:
    """Choose how many samples a program treats: fewer where there are few programs."""
    samples = min(_MOST_SAMPLES, power_of_two(batch))
    while samples > _LEAST_SAMPLES and programs * parts(batch, samples) < _ENOUGH:
        samples //= 2
    return samples


def _inner(itemsize: int, length: int) -> int:
    """Choose over how many numbers is summed at once: 128 bytes of them."""
    return min(128 // itemsize, power_of_two(length))


def _warps(numbers: int) -> int:
    """Choose the threads of a program by how many numbers it computes."""
    return 8 if numbers > 128 * 64 else 4
