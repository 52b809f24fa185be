"""How fast a device multiplies matrices, in float32 and in bfloat16."""

import time
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    import torch

_SIDES = {"cpu": 512, "cuda": 4096}
_ENOUGH = 0.2
"""Seconds of measuring one kind of product, or one product if that takes longer."""


class Speed(msgspec.Struct, frozen=True, kw_only=True):
    """A product of two square matrices, measured.

    Attributes:
        side: Of the matrices.
        float32: Operations a second, as PyTorch is set here.
        bfloat16: The same in bfloat16, in which `precision = "bfloat16"` multiplies.
        ratio: How many times as fast bfloat16 is; below 1 it is slower.
    """

    side: int
    float32: float
    bfloat16: float
    ratio: float


def product_speed(device: "torch.device") -> Speed | None:
    """Measure a device, for about half a second.

    Returns:
        `None` where it cannot multiply in bfloat16, or has no memory left for it.
    """
    import torch

    side = _SIDES[device.type]
    try:
        single, half = (_seconds(device, side, dtype) for dtype in (torch.float32, torch.bfloat16))
    except RuntimeError:
        return None
    work = 2 * side**3
    return Speed(side=side, float32=work / single, bfloat16=work / half, ratio=single / half)


def _seconds(device: "torch.device", side: int, dtype: "torch.dtype") -> float:
    """Time the fastest of some products; the first, which sets things up, does not count."""
    import torch

    # Equal numbers would be multiplied at a higher clock than those of a network.
    matrix = torch.randn(side, side, device=device).to(dtype)
    _multiply(matrix)
    taken: list[float] = []
    while not taken or sum(taken) < _ENOUGH:
        begun = time.perf_counter()
        _multiply(matrix)
        taken.append(time.perf_counter() - begun)
    return min(taken)


def _multiply(matrix: "torch.Tensor") -> None:
    """Multiply a matrix with itself, and wait for the device."""
    import torch

    torch.mm(matrix, matrix)
    if matrix.device.type == "cuda":
        torch.cuda.synchronize(matrix.device)
