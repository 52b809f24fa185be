# pyright: basic, reportMissingImports=false, reportAttributeAccessIssue=false
# pyright: reportIndexIssue=false, reportArgumentType=false, reportCallIssue=false
"""Weights from planes and codes: each summed over the samples by one program, in one order."""

import torch
import triton
import triton.language as tl
from torch import Tensor

from featlearn.ops.kernels.geometry import Local
from featlearn.ops.triton.tiles import Tile, joint_window, parts


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
    blocks = parts(sizes.rows, tile.down) * parts(sizes.columns, tile.right)
    pieces = parts(joint_window(sizes, tile.down, tile.right), tile.inner)
    with torch.cuda.device_of(x):
        _kernel[(blocks * parts(sizes.maps, tile.units) * pieces,)](
            x,
            codes,
            weight,
            *(sizes.batch, sizes.height, sizes.width, sizes.channels, sizes.maps),
            *(*kernel, sizes.stride, sizes.rows, sizes.columns),
            *(tile.down, tile.right, tile.units, tile.samples, tile.inner),
            num_warps=tile.warps,
        )
    return weight


@triton.jit
def _kernel(
    x,
    codes,
    weight,
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
):
    KERNEL_RUN: tl.constexpr = KERNEL_WIDTH * CHANNELS
    RUN: tl.constexpr = (KERNEL_WIDTH + (RIGHT - 1) * STRIDE) * CHANNELS
    LINE: tl.constexpr = WIDTH * CHANNELS
    LENGTH: tl.constexpr = (KERNEL_HEIGHT + (DOWN - 1) * STRIDE) * RUN
    # Programs of one block follow each other, and find its codes in the cache.
    number = tl.program_id(0)
    k = number % tl.cdiv(LENGTH, INNER) * INNER + tl.arange(0, INNER)
    number = number // tl.cdiv(LENGTH, INNER)
    first_map = number % tl.cdiv(MAPS, UNITS) * UNITS
    number = number // tl.cdiv(MAPS, UNITS)
    column = number % tl.cdiv(COLUMNS, RIGHT) * RIGHT
    row = number // tl.cdiv(COLUMNS, RIGHT) * DOWN

    unit = tl.arange(0, DOWN * RIGHT * UNITS)
    i, j = unit // (RIGHT * UNITS), unit // UNITS % RIGHT
    p, q, m = row + i, column + j, first_map + unit % UNITS
    exists = (p < ROWS) & (q < COLUMNS) & (m < MAPS)
    place = (p.to(tl.int64) * COLUMNS + q) * MAPS + m
    u, t = k // RUN, k % RUN
    h, along = row * STRIDE + u, column * STRIDE * CHANNELS + t
    inside = (k < LENGTH) & (h < HEIGHT) & (along < LINE)
    seen_at = x + (h.to(tl.int64) * LINE + along)[:, None] * batch
    given_at = codes + place[None, :] * batch

    sums = tl.zeros((INNER, DOWN * RIGHT * UNITS), tl.float32)
    for start in range(0, batch, SAMPLES):
        sample = start + tl.arange(0, SAMPLES)
        there = sample < batch
        seen = tl.load(seen_at + sample[None, :], mask=inside[:, None] & there[None, :], other=0.0)
        given = tl.load(
            given_at + sample[:, None], mask=exists[None, :] & there[:, None], other=0.0
        )
        sums = tl.dot(seen, given, sums)
    over, beside = u[:, None] - (i * STRIDE)[None, :], t[:, None] - (j * STRIDE * CHANNELS)[None, :]
    own = (over >= 0) & (over < KERNEL_HEIGHT) & (beside >= 0) & (beside < KERNEL_RUN)
    filters = place * (KERNEL_HEIGHT * KERNEL_RUN)
    tl.store(
        weight + filters[None, :] + over * KERNEL_RUN + beside,
        sums.to(weight.dtype.element_ty),
        mask=own & exists[None, :] & (k < LENGTH)[:, None],
    )
