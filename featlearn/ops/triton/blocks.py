# pyright: basic, reportMissingImports=false, reportAttributeAccessIssue=false
# pyright: reportIndexIssue=false, reportArgumentType=false, reportCallIssue=false
"""Where programs find their positions and filters; what they do a million times is short."""

import triton
import triton.language as tl


@triton.jit
def block_at(
    number,
    ROWS: tl.constexpr,
    COLUMNS: tl.constexpr,
    MAPS: tl.constexpr,
    DOWN: tl.constexpr,
    RIGHT: tl.constexpr,
    SPREAD: tl.constexpr,
    UNITS: tl.constexpr,
):
    """Find the first row, column and map of a block of positions.

    The last blocks are moved back to where all their positions exist, which asks for as many.

    Returns:
        Row, column and map; and how many rows and columns of the block are another's already.
    """
    first_map = number % tl.cdiv(MAPS, UNITS) * UNITS
    number = number // tl.cdiv(MAPS, UNITS)
    phase = number % SPREAD
    number = number // SPREAD
    across = tl.cdiv(COLUMNS, RIGHT * SPREAD)
    column = number % across * (RIGHT * SPREAD) + phase
    last = COLUMNS - 1 - (RIGHT - 1) * SPREAD
    own_column = tl.minimum(column, last - (last - phase) % SPREAD)
    row = number // across * DOWN
    own_row = tl.minimum(row, ROWS - DOWN)
    return own_row, own_column, first_map, row - own_row, (column - own_column) // SPREAD


@triton.jit
def units_of(
    row,
    column,
    first_map,
    COLUMNS: tl.constexpr,
    MAPS: tl.constexpr,
    DOWN: tl.constexpr,
    RIGHT: tl.constexpr,
    SPREAD: tl.constexpr,
    UNITS: tl.constexpr,
):
    """Find the units of a block.

    Returns:
        The row and column of each in the block, its map, and its place among all units of the
        layer, `(DOWN * RIGHT * UNITS,)` each.
    """
    unit = tl.arange(0, DOWN * RIGHT * UNITS)
    i, j, m = unit // (RIGHT * UNITS), unit // UNITS % RIGHT, first_map + unit % UNITS
    place = ((row + i).to(tl.int64) * COLUMNS + column + j * SPREAD) * MAPS + m
    return i, j, m, place


@triton.jit
def first_reaching(
    at,
    KERNEL: tl.constexpr,
    STRIDE: tl.constexpr,
    POSITIONS: tl.constexpr,
    REACHING: tl.constexpr,
    SPREAD: tl.constexpr,
    PHASE: tl.constexpr,
):
    """Find the first position along an axis whose window may reach a place.

    Args:
        at: The place, the first of a tile.
        KERNEL: Length of a window.
        STRIDE: Step between positions.
        POSITIONS: How many there are.
        REACHING: How many of those looked at may reach the tile: from the first on, all exist.
        SPREAD: Of so many positions one is looked at,
        PHASE: from this one on.
    """
    first = tl.maximum(at - KERNEL + STRIDE, 0) // STRIDE
    turn = tl.maximum(first - PHASE + SPREAD - 1, 0) // SPREAD
    turn = tl.minimum(turn, (POSITIONS - PHASE + SPREAD - 1) // SPREAD - REACHING)
    return turn * SPREAD + PHASE


@triton.jit
def quotient(k, BY: tl.constexpr, BELOW: tl.constexpr):
    """Divide numbers of at least 0 and below `BELOW`.

    By one product: a compiler that knows how small they are divides them as halves of a
    register, and spends its time on taking these apart.
    """
    if BY == 1 or BY * BELOW >= 2**32:
        return k // BY
    factor = tl.full(k.shape, (2**32 + BY - 1) // BY, tl.uint32)
    return tl.umulhi(k.to(tl.uint32), factor).to(tl.int32)


@triton.jit
def in_filter(
    k,
    down,
    right,
    RUN: tl.constexpr,
    KERNEL_RUN: tl.constexpr,
    EVEN: tl.constexpr,
    BELOW: tl.constexpr,
):
    """Find where numbers of a joint window lie in the filters of a block.

    Args:
        k: Numbers of the joint window, `(INNER,)`; groups of `EVEN` lie side by side in filters.
        down: How many rows further down each filter begins, `(UNITS,)`.
        right: How many numbers further right, likewise.
        RUN: Numbers in a row of the joint window.
        KERNEL_RUN: Numbers in a row of a filter.
        EVEN: See above.
        BELOW: More than any `k`.

    Returns:
        The row in each filter, the number in its row, and the distance from where it would have
        the first number of the joint window: `(INNER, UNITS)`, the last `(INNER, 1)`.
    """
    u = quotient(k, RUN, BELOW)
    t = tl.max_contiguous(tl.multiple_of(k - u * RUN, [EVEN]), [EVEN])
    at = tl.max_contiguous(tl.multiple_of(u * KERNEL_RUN + t, [EVEN]), [EVEN])
    over = tl.max_constancy(u[:, None] - down[None, :], [EVEN, 1])
    return over, t[:, None] - right[None, :], at[:, None]


@triton.jit
def inside(u, v, HEIGHT: tl.constexpr, RUN: tl.constexpr):
    """Tell whether a filter has a number in row `u`, at `v` of it: at 0 or more, and below."""
    return (u.to(tl.uint32) < HEIGHT) & (v.to(tl.uint32) < RUN)
