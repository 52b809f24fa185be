# pyright: basic, reportMissingImports=false, reportAttributeAccessIssue=false
# pyright: reportIndexIssue=false, reportArgumentType=false, reportCallIssue=false
"""Codes of a locally connected layer: products of filters and windows by tensor cores."""

import torch
import triton
import triton.language as tl
from torch import Tensor

from featlearn.ops.kernels.geometry import Local
from featlearn.ops.triton.tiles import Tile, parts


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
    blocks = parts(sizes.rows, tile.down) * parts(sizes.columns, tile.right)
    programs = blocks * parts(sizes.maps, tile.units) * parts(sizes.batch, tile.samples)
    with torch.cuda.device_of(x):
        _kernel[(programs,)](
            x,
            weight,
            weight if bias is None else bias,
            codes,
            *(sizes.batch, sizes.height, sizes.width, sizes.channels, sizes.maps),
            *(sizes.kernel_height, sizes.kernel_width, sizes.stride, sizes.rows, sizes.columns),
            *(tile.down, tile.right, tile.units, tile.samples, tile.inner),
            BIASED=bias is not None,
            num_warps=tile.warps,
        )
    return codes


@triton.jit
def _kernel(
    x,
    weight,
    bias,
    codes,
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
    DOWN: tl.constexpr,
    RIGHT: tl.constexpr,
    UNITS: tl.constexpr,
    SAMPLES: tl.constexpr,
    INNER: tl.constexpr,
    BIASED: tl.constexpr,
):
    # A row of a kernel, a row of the joint window and a row of the plane, in numbers.
    KERNEL_RUN: tl.constexpr = KERNEL_WIDTH * CHANNELS
    RUN: tl.constexpr = (KERNEL_WIDTH + (RIGHT - 1) * STRIDE) * CHANNELS
    LINE: tl.constexpr = WIDTH * CHANNELS
    LENGTH: tl.constexpr = (KERNEL_HEIGHT + (DOWN - 1) * STRIDE) * RUN
    # Programs of one block's samples follow each other, and find its weights in the cache.
    number = tl.program_id(0)
    tiles = tl.cdiv(batch, SAMPLES)
    sample = number % tiles * SAMPLES + tl.arange(0, SAMPLES)
    number = number // tiles
    first_map = number % tl.cdiv(MAPS, UNITS) * UNITS
    number = number // tl.cdiv(MAPS, UNITS)
    column = number % tl.cdiv(COLUMNS, RIGHT) * RIGHT
    row = number // tl.cdiv(COLUMNS, RIGHT) * DOWN

    unit = tl.arange(0, DOWN * RIGHT * UNITS)
    i, j = unit // (RIGHT * UNITS), unit // UNITS % RIGHT
    p, q, m = row + i, column + j, first_map + unit % UNITS
    exists = (p < ROWS) & (q < COLUMNS) & (m < MAPS)
    place = (p.to(tl.int64) * COLUMNS + q) * MAPS + m
    # The first number of the joint window, where this filter would have one.
    filters = place * KERNEL_HEIGHT * KERNEL_RUN - i * STRIDE * KERNEL_RUN - j * STRIDE * CHANNELS
    top, left = row * STRIDE, column * STRIDE * CHANNELS
    corner = x + (top.to(tl.int64) * LINE + left) * batch

    sums = tl.zeros((SAMPLES, DOWN * RIGHT * UNITS), tl.float32)
    for start in range(0, LENGTH, INNER):
        k = start + tl.arange(0, INNER)
        u, t = k // RUN, k % RUN
        inside = (k < LENGTH) & (top + u < HEIGHT) & (left + t < LINE)
        seen = tl.load(
            corner + (u * LINE + t)[None, :].to(tl.int64) * batch + sample[:, None],
            mask=inside[None, :] & (sample < batch)[:, None],
            other=0.0,
        )
        over, along = (
            u[:, None] - (i * STRIDE)[None, :],
            t[:, None] - (j * STRIDE * CHANNELS)[None, :],
        )
        own = (over >= 0) & (over < KERNEL_HEIGHT) & (along >= 0) & (along < KERNEL_RUN)
        laid = tl.load(
            weight + filters[None, :] + (u * KERNEL_RUN + t)[:, None],
            mask=own & exists[None, :],
            other=0.0,
        )
        sums = tl.dot(seen, laid, sums)
    if BIASED:
        sums += tl.load(bias + place, mask=exists, other=0.0).to(tl.float32)[None, :]
    tl.store(
        codes + place[None, :] * batch + sample[:, None],
        sums.to(codes.dtype.element_ty),
        mask=exists[None, :] & (sample < batch)[:, None],
    )
