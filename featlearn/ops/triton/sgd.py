# pyright: basic, reportMissingImports=false, reportAttributeAccessIssue=false
# pyright: reportIndexIssue=false, reportArgumentType=false, reportCallIssue=false
"""A step of gradient descent in one pass over memory, by gradients in a precision of their own."""

import torch
import triton
import triton.language as tl
from torch import Tensor

from featlearn.ops.sgd import Descent
from featlearn.ops.triton.tiles import parts

_NUMBERS = 2048  # of one program


def descend_(
    weight: Tensor, gradient: Tensor, velocity: Tensor | None, descent: Descent, *, first: bool
) -> None:
    """Change weights, and their velocity, in place: all side by side in memory, in one order."""
    count = weight.numel()
    if not count:
        return
    with torch.cuda.device_of(weight):
        _kernel[(parts(count, _NUMBERS),)](
            weight,
            gradient,
            weight if velocity is None else velocity,
            *(count, descent.lr, descent.momentum, descent.decay),
            NUMBERS=_NUMBERS,
            MOVING=velocity is not None,
            FIRST=first,
            NESTEROV=descent.nesterov,
        )


@triton.jit
def _kernel(
    weight,
    gradient,
    velocity,
    count,
    lr,
    momentum,
    decay,
    NUMBERS: tl.constexpr,
    MOVING: tl.constexpr,
    FIRST: tl.constexpr,
    NESTEROV: tl.constexpr,
):
    at = tl.program_id(0).to(tl.int64) * NUMBERS + tl.arange(0, NUMBERS)
    there = at < count
    w = tl.load(weight + at, mask=there)
    down = tl.load(gradient + at, mask=there).to(tl.float32) + decay * w
    if MOVING:
        moved = down
        if not FIRST:
            moved += momentum * tl.load(velocity + at, mask=there)
        tl.store(velocity + at, moved, mask=there)
        down = down + momentum * moved if NESTEROV else moved
    tl.store(weight + at, w - lr * down, mask=there)
