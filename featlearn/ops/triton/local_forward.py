# pyright: basic, reportMissingImports=false, reportAttributeAccessIssue=false
# pyright: reportIndexIssue=false, reportArgumentType=false, reportCallIssue=false
"""Codes of a locally connected layer: products of filters and windows by tensor cores."""

import torch
import triton
import triton.language as tl
from torch import Tensor

from featlearn.ops.kernels.geometry import Local
from featlearn.ops.triton.blocks import block_at, in_filter, inside, quotient, units_of
from featlearn.ops.triton.tiles import Tile, count_blocks, even_run, parts, stages


def local(x: Tensor, weight: Tensor, bias: Tensor | None, sizes: Local, tile: Tile) -> Tensor:
    """Compute codes.

    Args:
        x: `(height, width, channels, batch)`.
        weight: `(rows, columns, maps, kernel height, kernel width, channels)`.
        bias: `(rows, columns, maps)`, or none.
        sizes: Sizes of all of them.
        tile: What one program computes.
    """
    codes = x.new_empty(sizes.rows, sizes.columns, sizes.maps, sizes.batch)
    if not codes.numel():
        return codes
    blocks = count_blocks(sizes, tile)
    with torch.cuda.device_of(x):
        _kernel[(blocks * parts(sizes.batch, tile.samples),)](
            x,
            weight,
            weight if bias is None else bias,
            codes,
            *(sizes.batch, sizes.width, sizes.channels, sizes.maps),
            *(sizes.kernel_height, sizes.kernel_width, sizes.stride, sizes.rows, sizes.columns),
            *(tile.down, tile.right, tile.spread, tile.units, tile.samples, tile.inner),
            *(even_run(sizes, tile), bias is not None),
            num_warps=tile.warps,
            num_stages=stages(tile, x),
        )
    return codes


@triton.jit
def _kernel(
    x,
    weight,
    bias,
    codes,
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
    BIASED: tl.constexpr,
):
    # A row of a kernel, a row of the joint window and a row of the plane, in numbers.
    KERNEL_RUN: tl.constexpr = KERNEL_WIDTH * CHANNELS
    RUN: tl.constexpr = (KERNEL_WIDTH + (RIGHT - 1) * SPREAD * STRIDE) * CHANNELS
    LINE: tl.constexpr = WIDTH * CHANNELS
    LENGTH: tl.constexpr = (KERNEL_HEIGHT + (DOWN - 1) * STRIDE) * RUN
    # Programs of one block's samples follow each other, and find its weights in the cache.
    number = tl.program_id(0)
    tiles = tl.cdiv(batch, SAMPLES)
    sample = number % tiles * SAMPLES + tl.arange(0, SAMPLES)
    row, column, first_map, rows_before, columns_before = block_at(
        number // tiles, ROWS, COLUMNS, MAPS, DOWN, RIGHT, SPREAD, UNITS
    )
    i, j, m, place = units_of(row, column, first_map, COLUMNS, MAPS, DOWN, RIGHT, SPREAD, UNITS)
    down, right = i * STRIDE, j * (SPREAD * STRIDE * CHANNELS)
    # The first number of the joint window, where a filter would have one.
    filters = weight + (place * (KERNEL_HEIGHT * KERNEL_RUN) - down * KERNEL_RUN - right)[None, :]
    corner = (row.to(tl.int64) * LINE + column * CHANNELS) * STRIDE
    seen_at = x + corner * batch + sample[None, :]
    there = (sample < batch)[None, :]
    known = (m < MAPS)[None, :]

    sums = tl.zeros((DOWN * RIGHT * UNITS, SAMPLES), tl.float32)
    for start in range(0, LENGTH, INNER):
        k = start + tl.arange(0, INNER)
        # Beyond the window no filter has a number, and any number of the planes will do.
        held = tl.minimum(k, LENGTH - 1)
        lines = (held + quotient(held, RUN, LENGTH) * (LINE - RUN)) * batch
        seen = tl.load(seen_at + lines[:, None], mask=there, other=0.0)
        u, v, at = in_filter(k, down, right, RUN, KERNEL_RUN, EVEN, LENGTH + INNER)
        own = inside(u, v, KERNEL_HEIGHT, KERNEL_RUN)
        own = own & known if MAPS % UNITS else own
        laid = tl.load(filters + at, mask=own, other=0.0)
        sums = tl.dot(tl.trans(laid), seen, sums)
    if BIASED:
        sums += tl.load(bias + place, mask=m < MAPS, other=0.0).to(tl.float32)[:, None]
    # Once: at another place of a block the same numbers are added in another order.
    fresh = (m < MAPS) & (i >= rows_before) & (j >= columns_before)
    tl.store(
        codes + place[:, None] * batch + sample[None, :],
        sums.to(codes.dtype.element_ty),
        mask=fresh[:, None] & there,
    )
