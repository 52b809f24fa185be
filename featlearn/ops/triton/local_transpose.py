# pyright: basic, reportMissingImports=false, reportAttributeAccessIssue=false
# pyright: reportIndexIssue=false, reportArgumentType=false, reportCallIssue=false
"""Planes from codes: every number gathers the filters that reach it, and is written once."""

import torch
import triton
import triton.language as tl
from torch import Tensor

from featlearn.ops.kernels.geometry import Local
from featlearn.ops.triton.tiles import Tile, parts, reaching_columns, reaching_rows


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
    blocks = parts(sizes.height, tile.down) * parts(sizes.width * sizes.channels, tile.units)
    with torch.cuda.device_of(x):
        _kernel[(blocks * parts(sizes.batch, tile.samples),)](
            codes,
            weight,
            x,
            *(sizes.batch, sizes.height, sizes.width, sizes.channels, sizes.maps),
            *(sizes.kernel_height, sizes.kernel_width, sizes.stride, sizes.rows, sizes.columns),
            *(reaching_rows(sizes, tile.down), reaching_columns(sizes, tile.units)),
            *(tile.down, tile.units, tile.samples, tile.inner),
            num_warps=tile.warps,
        )
    return x


@triton.jit
def _kernel(
    codes,
    weight,
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
):
    KERNEL_RUN: tl.constexpr = KERNEL_WIDTH * CHANNELS
    LINE: tl.constexpr = WIDTH * CHANNELS
    RUN: tl.constexpr = REACHING_COLUMNS * MAPS
    LENGTH: tl.constexpr = REACHING_ROWS * RUN
    number = tl.program_id(0)
    tiles = tl.cdiv(batch, SAMPLES)
    sample = number % tiles * SAMPLES + tl.arange(0, SAMPLES)
    number = number // tiles
    left = number % tl.cdiv(LINE, UNITS) * UNITS
    top = number // tl.cdiv(LINE, UNITS) * DOWN

    part = tl.arange(0, DOWN * UNITS)
    h, t = top + part // UNITS, left + part % UNITS
    # The first position whose window may reach here.
    first_row = tl.maximum(top - KERNEL_HEIGHT + STRIDE, 0) // STRIDE
    first_column = tl.maximum(left // CHANNELS - KERNEL_WIDTH + STRIDE, 0) // STRIDE

    sums = tl.zeros((SAMPLES, DOWN * UNITS), tl.float32)
    for start in range(0, LENGTH, INNER):
        k = start + tl.arange(0, INNER)
        p, along = first_row + k // RUN, first_column * MAPS + k % RUN
        exists = (k < LENGTH) & (p < ROWS) & (along < COLUMNS * MAPS)
        place = p.to(tl.int64) * (COLUMNS * MAPS) + along
        given = tl.load(
            codes + place[None, :] * batch + sample[:, None],
            mask=exists[None, :] & (sample < batch)[:, None],
            other=0.0,
        )
        down, right = p * STRIDE, along // MAPS * (STRIDE * CHANNELS)
        u, v = h[None, :] - down[:, None], t[None, :] - right[:, None]
        reached = (u >= 0) & (u < KERNEL_HEIGHT) & (v >= 0) & (v < KERNEL_RUN)
        # Where a filter would begin that lay over the whole plane.
        filters = place * (KERNEL_HEIGHT * KERNEL_RUN) - down * KERNEL_RUN - right
        laid = tl.load(
            weight + filters[:, None] + (h * KERNEL_RUN + t)[None, :],
            mask=reached & exists[:, None],
            other=0.0,
        )
        sums = tl.dot(given, laid, sums)
    tl.store(
        x + (h.to(tl.int64) * LINE + t)[None, :] * batch + sample[:, None],
        sums.to(x.dtype.element_ty),
        mask=((h < HEIGHT) & (t < LINE))[None, :] & (sample < batch)[:, None],
    )
