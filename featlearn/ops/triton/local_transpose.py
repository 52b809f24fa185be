# pyright: basic, reportMissingImports=false, reportAttributeAccessIssue=false
# pyright: reportIndexIssue=false, reportArgumentType=false, reportCallIssue=false
"""Planes from codes: every number gathers the filters that reach it, and is written once."""

import torch
import triton
import triton.language as tl
from torch import Tensor

from featlearn.ops.kernels.geometry import Local
from featlearn.ops.triton.blocks import first_reaching, inside, quotient
from featlearn.ops.triton.tiles import (
    Tile,
    before,
    even_part,
    parts,
    reaching_columns,
    reaching_rows,
    stages,
)


def transpose(codes: Tensor, weight: Tensor, sizes: Local, tile: Tile) -> Tensor:
    """Compute planes.

    Args:
        codes: `(rows, columns, maps, batch)`.
        weight: `(rows, columns, maps, kernel height, kernel width, channels)`.
        sizes: Sizes of all of them.
        tile: What one program computes.
    """
    x = codes.new_empty(sizes.height, sizes.width, sizes.channels, sizes.batch)
    if not x.numel():
        return x
    even = even_part(sizes, tile)
    # Sums of one part of the columns, on their way to the next.
    partial = x if tile.spread == 1 else torch.empty_like(x, dtype=torch.float32)
    for phase in range(tile.spread):
        blocks = parts(sizes.height, tile.down) * parts(
            sizes.width * sizes.channels + before(sizes, even, phase), tile.units
        )
        with torch.cuda.device_of(x):
            _kernel[(blocks * parts(sizes.batch, tile.samples),)](
                codes,
                weight,
                partial,
                x,
                *(sizes.batch, sizes.height, sizes.width, sizes.channels, sizes.maps),
                *(sizes.kernel_height, sizes.kernel_width, sizes.stride, sizes.rows, sizes.columns),
                *(reaching_rows(sizes, tile.down), reaching_columns(sizes, tile, phase)),
                *(tile.down, tile.units, tile.samples, tile.inner),
                *(even, tile.spread, phase, before(sizes, even, phase)),
                num_warps=tile.warps,
                num_stages=stages(tile, codes),
            )
    return x


@triton.jit
def _kernel(
    codes,
    weight,
    partial,
    x,
    batch,
    HEIGHT: tl.constexpr,
    WIDTH: tl.constexpr,
    CHANNELS: tl.constexpr,
    MAPS: tl.constexpr,
    KERNEL_HEIGHT: tl.constexpr,
    KERNEL_WIDTH: tl.constexpr,
    STRIDE: tl.constexpr,
    ROWS: tl.constexpr,
    COLUMNS: tl.constexpr,
    REACHING_ROWS: tl.constexpr,
    REACHING_COLUMNS: tl.constexpr,
    DOWN: tl.constexpr,
    UNITS: tl.constexpr,
    SAMPLES: tl.constexpr,
    INNER: tl.constexpr,
    EVEN: tl.constexpr,
    SPREAD: tl.constexpr,
    PHASE: tl.constexpr,
    BEFORE: tl.constexpr,
):
    KERNEL_RUN: tl.constexpr = KERNEL_WIDTH * CHANNELS
    KERNEL: tl.constexpr = KERNEL_HEIGHT * KERNEL_RUN
    LINE: tl.constexpr = WIDTH * CHANNELS
    STEP: tl.constexpr = STRIDE * CHANNELS
    RUN: tl.constexpr = REACHING_COLUMNS * MAPS
    LENGTH: tl.constexpr = REACHING_ROWS * RUN
    number = tl.program_id(0)
    tiles = tl.cdiv(batch, SAMPLES)
    sample = number % tiles * SAMPLES + tl.arange(0, SAMPLES)
    number = number // tiles
    left = number % tl.cdiv(LINE + BEFORE, UNITS) * UNITS - BEFORE
    top = number // tl.cdiv(LINE + BEFORE, UNITS) * DOWN

    row = first_reaching(top, KERNEL_HEIGHT, STRIDE, ROWS, REACHING_ROWS, 1, 0)
    pixel = tl.maximum(left, 0) // CHANNELS
    column = first_reaching(pixel, KERNEL_WIDTH, STRIDE, COLUMNS, REACHING_COLUMNS, SPREAD, PHASE)
    first = (row.to(tl.int64) * COLUMNS + column) * MAPS
    given_at = codes + first * batch + sample[None, :]
    there = (sample < batch)[None, :]

    part = tl.arange(0, DOWN * UNITS)
    h, t = top + part // UNITS, left + part % UNITS
    over, along = h - row * STRIDE, t - column * STEP
    # Where its filter would begin that lay over the whole plane; an even number before that.
    corner = first * KERNEL - row * (STRIDE * KERNEL_RUN) - column * STEP - BEFORE
    filters = weight + tl.multiple_of(corner, [EVEN])
    here = h * KERNEL_RUN + t + BEFORE

    sums = tl.zeros((DOWN * UNITS, SAMPLES), tl.float32)
    for start in range(0, LENGTH, INNER):
        k = start + tl.arange(0, INNER)
        # Beyond the codes that reach here any will do: no filter is laid down there.
        held = tl.minimum(k, LENGTH - 1)
        p = quotient(held, RUN, LENGTH)
        q = (held - p * RUN) // MAPS
        place = held + p * (COLUMNS * MAPS - RUN) + q * ((SPREAD - 1) * MAPS)
        given = tl.load(given_at + (place * batch)[:, None], mask=there, other=0.0)
        v = tl.multiple_of(along[:, None] - (q * (SPREAD * STEP))[None, :], [EVEN, 1])
        v = tl.max_contiguous(v, [EVEN, 1])
        reached = inside(over[:, None] - (p * STRIDE)[None, :], v, KERNEL_HEIGHT, KERNEL_RUN)
        further = held * KERNEL + p * ((COLUMNS * MAPS - RUN) * KERNEL - STRIDE * KERNEL_RUN)
        further += q * ((SPREAD - 1) * MAPS * KERNEL - SPREAD * STEP)
        at = tl.multiple_of(here[:, None] + further[None, :], [EVEN, 1])
        at = tl.max_contiguous(at, [EVEN, 1])
        laid = tl.load(filters + at, mask=reached & (k < LENGTH)[None, :], other=0.0)
        sums = tl.dot(laid, given, sums)
    where = (h.to(tl.int64) * LINE + t)[:, None] * batch + sample[None, :]
    exists = ((h < HEIGHT) & (t >= 0) & (t < LINE))[:, None] & there
    if PHASE > 0:
        sums += tl.load(partial + where, mask=exists, other=0.0)
    if PHASE < SPREAD - 1:
        tl.store(partial + where, sums, mask=exists)
    else:
        tl.store(x + where, sums.to(x.dtype.element_ty), mask=exists)
