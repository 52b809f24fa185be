# pyright: basic, reportMissingImports=false, reportAttributeAccessIssue=false
# pyright: reportIndexIssue=false, reportArgumentType=false, reportCallIssue=false
"""Weighted sums over sliding windows, and their adjoint, read and written once.

Planes lie as `(height, width, planes)`, sums as `(rows, columns, planes)`.
"""

import functools

import torch
import triton
import triton.language as tl
from torch import Tensor

from featlearn.ops.kernels.windows import Windows
from featlearn.ops.triton.window_tiles import reaching, tile


def window_sum(x: Tensor, windows: Windows, *, square: bool, eps: float | None = None) -> Tensor:
    """Sum planes over windows, in single precision at least.

    Args:
        x: Planes.
        windows: Sizes and weights.
        square: Whether squares are summed.
        eps: Added under the root of the sum, which is given if it is not `None`.
    """
    sums = x.new_empty(windows.rows, windows.columns, windows.planes)
    if not sums.numel():
        return sums
    down, right, abreast, programs = tile(windows.rows, windows.columns, windows.planes)
    with torch.cuda.device_of(x):
        _sum_kernel[(programs,)](
            x,
            *_factors(windows, eps or 0.0, _exact(x), x.device),
            sums,
            *_sizes(windows),
            *(down, right, abreast),
            MEAN=windows.mean,
            SQUARE=square,
            ROOT=eps is not None,
        )
    return sums


def window_spread(
    sums: Tensor, windows: Windows, *, roots: tuple[Tensor, Tensor] | None = None
) -> Tensor:
    """Give back to every position what windows over it hold, by its weight in each.

    Args:
        sums: A number for each window.
        windows: Sizes and weights.
        roots: Planes, and the roots of the sums of their squares: what windows hold is divided by
            their roots, and what a position is given is multiplied by its own number.
    """
    x = sums.new_empty(windows.height, windows.width, windows.planes)
    if not x.numel():
        return x
    down, right, abreast, programs = tile(windows.height, windows.width, windows.planes)
    with torch.cuda.device_of(x):
        _spread_kernel[(programs,)](
            sums,
            *_factors(windows, 0.0, _exact(x), x.device),
            *(roots or (sums, sums)),
            x,
            *_sizes(windows),
            *(reaching(windows.size, windows.stride, down), down, right, abreast),
            MEAN=windows.mean,
            ROOT=roots is not None,
        )
    return x


def _exact(x: Tensor) -> torch.dtype:
    """Give the precision to sum in."""
    return torch.promote_types(x.dtype, torch.float32)


def _sizes(windows: Windows) -> tuple[int, ...]:
    return (*windows[:8], windows.size)


@functools.lru_cache(maxsize=512)
def _factors(
    windows: Windows, eps: float, dtype: torch.dtype, device: torch.device
) -> tuple[Tensor, Tensor, Tensor]:
    """Keep on a device what would be copied to it at every call.

    Returns:
        The weights, and behind them `eps`; and the factors of the rows and columns of windows.
    """
    rows, columns = (windows.row_factors, windows.column_factors) if windows.mean else ([], [])
    weights, down, right = (
        torch.tensor(one, dtype=dtype, device=device)
        for one in ([*windows.weights, eps], rows, columns)
    )
    return weights, down, right


@triton.jit
def _sum_kernel(
    x,
    line,
    row_factors,
    column_factors,
    sums,
    planes,
    HEIGHT: tl.constexpr,
    WIDTH: tl.constexpr,
    ROWS: tl.constexpr,
    COLUMNS: tl.constexpr,
    STRIDE: tl.constexpr,
    TOP: tl.constexpr,
    LEFT: tl.constexpr,
    SIZE: tl.constexpr,
    DOWN: tl.constexpr,
    RIGHT: tl.constexpr,
    ABREAST: tl.constexpr,
    MEAN: tl.constexpr,
    SQUARE: tl.constexpr,
    ROOT: tl.constexpr,
):
    number = tl.program_id(0)
    tiles = tl.cdiv(planes, ABREAST)
    cell = tl.arange(0, RIGHT * ABREAST)
    plane = number % tiles * ABREAST + cell % ABREAST
    number = number // tiles
    column = number % tl.cdiv(COLUMNS, RIGHT) * RIGHT + cell // ABREAST
    row = number // tl.cdiv(COLUMNS, RIGHT) * DOWN
    part = tl.arange(0, DOWN)

    found = tl.zeros((DOWN, RIGHT * ABREAST), line.dtype.element_ty)
    for beyond in range((DOWN - 1) * STRIDE + SIZE):
        h = tl.full((RIGHT * ABREAST,), row * STRIDE - TOP + beyond, tl.int32)
        across = tl.zeros((RIGHT * ABREAST,), line.dtype.element_ty)
        for v in range(SIZE):
            w = column * STRIDE - LEFT + v
            inside = (h >= 0) & (h < HEIGHT) & (w >= 0) & (w < WIDTH) & (plane < planes)
            at = (h.to(tl.int64) * WIDTH + w) * planes + plane
            seen = tl.load(x + at, mask=inside, other=0.0).to(line.dtype.element_ty)
            if SQUARE:
                seen = seen * seen
            across += seen * tl.load(line + v)
        u = beyond - part * STRIDE
        over = (u >= 0) & (u < SIZE)
        share = tl.load(line + u, mask=over, other=0.0)
        # What a window does not hold must not reach it, even if it is infinite.
        found = tl.where(over[:, None], found + share[:, None] * across[None, :], found)
    if MEAN:
        found *= tl.load(row_factors + row + part, mask=row + part < ROWS, other=1.0)[:, None]
        found *= tl.load(column_factors + column, mask=column < COLUMNS, other=1.0)[None, :]
    if ROOT:
        found += tl.load(line + SIZE)
        # What is not rounded properly in single precision is in double, where alone it is taken.
        found = tl.sqrt_rn(found) if line.dtype.element_ty == tl.float32 else tl.sqrt(found)
    at = ((row + part).to(tl.int64)[:, None] * COLUMNS + column[None, :]) * planes + plane[None, :]
    exists = (row + part < ROWS)[:, None] & ((column < COLUMNS) & (plane < planes))[None, :]
    tl.store(sums + at, found.to(sums.dtype.element_ty), mask=exists)


@triton.jit
def _spread_kernel(
    sums,
    line,
    row_factors,
    column_factors,
    own,
    roots,
    x,
    planes,
    HEIGHT: tl.constexpr,
    WIDTH: tl.constexpr,
    ROWS: tl.constexpr,
    COLUMNS: tl.constexpr,
    STRIDE: tl.constexpr,
    TOP: tl.constexpr,
    LEFT: tl.constexpr,
    SIZE: tl.constexpr,
    REACHING: tl.constexpr,
    DOWN: tl.constexpr,
    RIGHT: tl.constexpr,
    ABREAST: tl.constexpr,
    MEAN: tl.constexpr,
    ROOT: tl.constexpr,
):
    number = tl.program_id(0)
    tiles = tl.cdiv(planes, ABREAST)
    cell = tl.arange(0, RIGHT * ABREAST)
    plane = number % tiles * ABREAST + cell % ABREAST
    number = number // tiles
    w = number % tl.cdiv(WIDTH, RIGHT) * RIGHT + cell // ABREAST
    first = number // tl.cdiv(WIDTH, RIGHT) * DOWN
    h = first + tl.arange(0, DOWN)

    found = tl.zeros((DOWN, RIGHT * ABREAST), line.dtype.element_ty)
    first_row = tl.maximum(first + TOP - SIZE + STRIDE, 0) // STRIDE
    for beyond in range(REACHING):
        row = tl.full((RIGHT * ABREAST,), first_row + beyond, tl.int32)
        across = tl.zeros((RIGHT * ABREAST,), line.dtype.element_ty)
        for v in range(SIZE):
            along = w + LEFT - v
            column = along // STRIDE
            inside = (along >= 0) & (along % STRIDE == 0) & (column < COLUMNS)
            inside = inside & (row < ROWS) & (plane < planes)
            at = (row.to(tl.int64) * COLUMNS + column) * planes + plane
            held = tl.load(sums + at, mask=inside, other=0.0).to(line.dtype.element_ty)
            if ROOT:
                held = held / tl.load(roots + at, mask=inside, other=1.0).to(line.dtype.element_ty)
            if MEAN:
                held *= tl.load(row_factors + row, mask=inside, other=0.0)
                held *= tl.load(column_factors + column, mask=inside, other=0.0)
            across += held * tl.load(line + v)
        u = h + TOP - (first_row + beyond) * STRIDE
        over = (u >= 0) & (u < SIZE)
        share = tl.load(line + u, mask=over, other=0.0)
        found = tl.where(over[:, None], found + share[:, None] * across[None, :], found)
    at = (h.to(tl.int64)[:, None] * WIDTH + w[None, :]) * planes + plane[None, :]
    exists = (h < HEIGHT)[:, None] & ((w < WIDTH) & (plane < planes))[None, :]
    if ROOT:
        found = found * tl.load(own + at, mask=exists, other=0.0).to(line.dtype.element_ty)
    tl.store(x + at, found.to(x.dtype.element_ty), mask=exists)
