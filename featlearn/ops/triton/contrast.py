# pyright: basic, reportMissingImports=false, reportAttributeAccessIssue=false
# pyright: reportIndexIssue=false, reportArgumentType=false, reportCallIssue=false
"""Division by the local deviation, and the derivative of that, each in one pass over memory.

Responses lie as `(rows, columns, maps, batch)`, deviations likewise, with one for all maps of a
position where these share it, and least divisors as `(batch,)`.
"""

import torch
import triton
import triton.language as tl
from torch import Tensor

from featlearn.ops.triton.tiles import parts

_SAMPLES = 64  # of one program
_LINES = 16  # deviations of a sample that a program treats at once
_ROUNDS = 16  # how often: so few sums by the least divisors are left


def quotient(v: Tensor, s: Tensor, least: Tensor) -> Tensor:
    """Compute v / max(least, s)."""
    y = torch.empty_like(v)
    batch, lines, maps = _sizes(v, s)
    if v.numel():
        with torch.cuda.device_of(v):
            _quotient_kernel[(parts(lines, _LINES) * parts(batch, _SAMPLES),)](
                v, s, least, y, batch, lines, maps, _LINES, _SAMPLES
            )
    return y


def slopes(slope: Tensor, y: Tensor, s: Tensor, least: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Compute the derivative of `quotient` by all that it takes, from its result `y`."""
    of_v, of_s = torch.empty_like(y), torch.empty_like(s)
    batch, lines, maps = _sizes(y, s)
    if not y.numel():
        return of_v, of_s, torch.zeros_like(least)
    spans = parts(lines, _LINES * _ROUNDS)
    of_least = least.new_empty(spans, batch)
    with torch.cuda.device_of(y):
        _slopes_kernel[(spans * parts(batch, _SAMPLES),)](
            *(slope, y, s, least, of_v, of_s, of_least),
            *(batch, lines, maps, _LINES, _SAMPLES, _ROUNDS),
        )
    return of_v, of_s, of_least.sum(0)


def _sizes(v: Tensor, s: Tensor) -> tuple[int, int, int]:
    """Give the samples, the deviations of each, and the responses that share one."""
    assert s.shape in {v.shape, (*v.shape[:2], 1, v.shape[3])}
    lines = s.shape[0] * s.shape[1] * s.shape[2]
    return v.shape[3], lines, v.shape[2] // max(s.shape[2], 1)


@triton.jit
def _quotient_kernel(
    v,
    s,
    least,
    y,
    batch,
    lines,
    MAPS: tl.constexpr,
    LINES: tl.constexpr,
    SAMPLES: tl.constexpr,
):
    number = tl.program_id(0)
    tiles = tl.cdiv(batch, SAMPLES)
    sample = number % tiles * SAMPLES + tl.arange(0, SAMPLES)
    line = (number // tiles * LINES + tl.arange(0, LINES)).to(tl.int64)
    inside = (line < lines)[:, None] & (sample < batch)[None, :]
    deviation = tl.load(s + line[:, None] * batch + sample[None, :], mask=inside, other=1.0)
    bound = tl.load(least + sample, mask=sample < batch, other=1.0)[None, :]
    divisor = tl.where(deviation > bound, deviation, bound)
    for m in range(MAPS):
        at = (line[:, None] * MAPS + m) * batch + sample[None, :]
        tl.store(y + at, tl.load(v + at, mask=inside, other=0.0) / divisor, mask=inside)


@triton.jit
def _slopes_kernel(
    slope,
    y,
    s,
    least,
    of_v,
    of_s,
    of_least,
    batch,
    lines,
    MAPS: tl.constexpr,
    LINES: tl.constexpr,
    SAMPLES: tl.constexpr,
    ROUNDS: tl.constexpr,
):
    number = tl.program_id(0)
    tiles = tl.cdiv(batch, SAMPLES)
    sample = number % tiles * SAMPLES + tl.arange(0, SAMPLES)
    span = number // tiles
    bound = tl.load(least + sample, mask=sample < batch, other=1.0)[None, :]
    kind = least.dtype.element_ty
    taken_by_least = tl.zeros((SAMPLES,), kind)
    for turn in range(ROUNDS):
        line = ((span * ROUNDS + turn) * LINES + tl.arange(0, LINES)).to(tl.int64)
        inside = (line < lines)[:, None] & (sample < batch)[None, :]
        where = line[:, None] * batch + sample[None, :]
        deviation = tl.load(s + where, mask=inside, other=1.0)
        above = deviation > bound
        divisor = tl.where(above, deviation, bound)
        taken = tl.zeros((LINES, SAMPLES), kind)
        for m in range(MAPS):
            at = (line[:, None] * MAPS + m) * batch + sample[None, :]
            own = tl.load(slope + at, mask=inside, other=0.0) / divisor
            tl.store(of_v + at, own, mask=inside)
            taken -= own * tl.load(y + at, mask=inside, other=0.0)
        tl.store(of_s + where, tl.where(above, taken, 0.0), mask=inside)
        taken_by_least += tl.sum(tl.where(above, 0.0, taken), 0)
    at = span.to(tl.int64) * batch + sample
    tl.store(of_least + at, taken_by_least, mask=sample < batch)
