# pyright: basic, reportMissingImports=false, reportAttributeAccessIssue=false
# pyright: reportIndexIssue=false, reportArgumentType=false, reportCallIssue=false
"""Weights from planes and codes: each summed over the samples by one program, in one order."""

import torch
import triton
import triton.language as tl
from torch import Tensor

from featlearn.ops.kernels.geometry import Local
from featlearn.ops.triton.blocks import block_at, in_filter, inside, quotient, units_of
from featlearn.ops.triton.tiles import (
    Tile,
    count_blocks,
    even_run,
    joint_window,
    parts,
    stages,
)


def gradient(x: Tensor, codes: Tensor, sizes: Local, tile: Tile) -> Tensor:
    """Compute weights.

    Args:
        x: `(height, width, channels, batch)`.
        codes: `(rows, columns, maps, batch)`.
        sizes: Sizes of all of them.
        tile: What one program computes.
    """
    kernel = (sizes.kernel_height, sizes.kernel_width)
    weight = x.new_empty(sizes.rows, sizes.columns, sizes.maps, *kernel, sizes.channels)
    if not sizes.batch:
        return weight.zero_()
    pieces = parts(joint_window(sizes, tile), tile.inner)
    with torch.cuda.device_of(x):
        _kernel[(count_blocks(sizes, tile) * pieces,)](
            x,
            codes,
            weight,
            *(sizes.batch, sizes.width, sizes.channels, sizes.maps),
            *(*kernel, sizes.stride, sizes.rows, sizes.columns),
            *(tile.down, tile.right, tile.spread, tile.units, tile.samples, tile.inner),
            even_run(sizes, tile),
            num_warps=tile.warps,
            num_stages=stages(tile, x),
        )
    return weight


@triton.jit
def _kernel(
    x,
    codes,
    weight,
    batch,
    WIDTH: tl.constexpr,
    CHANNELS: tl.constexpr,
    MAPS: tl.constexpr,
    KERNEL_HEIGHT: tl.constexpr,
    KERNEL_WIDTH: tl.constexpr,
    STRIDE: tl.constexpr,
    ROWS: tl.constexpr,
    COLUMNS: tl.constexpr,
    DOWN: tl.constexpr,
    RIGHT: tl.constexpr,
    SPREAD: tl.constexpr,
    UNITS: tl.constexpr,
    SAMPLES: tl.constexpr,
    INNER: tl.constexpr,
    EVEN: tl.constexpr,
):
    KERNEL_RUN: tl.constexpr = KERNEL_WIDTH * CHANNELS
    RUN: tl.constexpr = (KERNEL_WIDTH + (RIGHT - 1) * SPREAD * STRIDE) * CHANNELS
    LINE: tl.constexpr = WIDTH * CHANNELS
    LENGTH: tl.constexpr = (KERNEL_HEIGHT + (DOWN - 1) * STRIDE) * RUN
    # Programs of one block follow each other, and find its codes in the cache.
    number = tl.program_id(0)
    pieces = tl.cdiv(LENGTH, INNER)
    k = number % pieces * INNER + tl.arange(0, INNER)
    # What two blocks compute, both sum in one order.
    row, column, first_map, _, _ = block_at(
        number // pieces, ROWS, COLUMNS, MAPS, DOWN, RIGHT, SPREAD, UNITS
    )
    i, j, m, place = units_of(row, column, first_map, COLUMNS, MAPS, DOWN, RIGHT, SPREAD, UNITS)
    corner = (row.to(tl.int64) * LINE + column * CHANNELS) * STRIDE
    # Beyond the window no filter has a number, and any number of the planes will do.
    held = tl.minimum(k, LENGTH - 1)
    seen_at = x + (corner + held + quotient(held, RUN, LENGTH) * (LINE - RUN))[None, :] * batch
    given_at = codes + place[:, None] * batch
    known = m < MAPS

    sums = tl.zeros((DOWN * RIGHT * UNITS, INNER), tl.float32)
    for start in range(0, batch, SAMPLES):
        sample = start + tl.arange(0, SAMPLES)
        there = sample < batch
        mask = known[:, None] & there[None, :] if MAPS % UNITS else there[None, :]
        given = tl.load(given_at + sample[None, :], mask=mask, other=0.0)
        seen = tl.load(seen_at + sample[:, None], mask=there[:, None], other=0.0)
        sums = tl.dot(given, seen, sums)
    down, right = i * STRIDE, j * (SPREAD * STRIDE * CHANNELS)
    u, v, at = in_filter(k, down, right, RUN, KERNEL_RUN, EVEN, LENGTH + INNER)
    own = inside(u, v, KERNEL_HEIGHT, KERNEL_RUN)
    filters = weight + (place * (KERNEL_HEIGHT * KERNEL_RUN) - down * KERNEL_RUN - right)[None, :]
    # With the window first, which is how weights follow each other in memory.
    tl.store(
        filters + at,
        tl.trans(sums).to(weight.dtype.element_ty),
        mask=own & known[None, :] if MAPS % UNITS else own,
    )
