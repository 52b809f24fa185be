"""The best that this machine does: at multiplying, and at moving numbers."""

from collections.abc import Callable

import msgspec
import torch
import torch.nn.functional as F

from featlearn.bench.timing import in_turns

PRECISIONS = {"float32": torch.float32, "bfloat16": torch.bfloat16}
"""What is measured, by its name."""

_SIDES = {"cpu": 2048, "cuda": 8192}
_COPIED = {"cpu": 256 * 2**20, "cuda": 2**31}  # bytes, beyond every cache


class Machine(msgspec.Struct, frozen=True, kw_only=True):
    """What layers are measured against.

    Attributes:
        device: Its type, `cpu` or `cuda`.
        threads: Threads on the CPU.
        best_gflops: By precision, 10⁹ operations a second of the faster of two routes: a
            product of two square matrices, and a 3x3 convolution of 64x64x28x28 to 128 maps.
        copy_gb_s: 10⁹ bytes read and written a second, in copying a tensor.
    """

    device: str
    threads: int
    best_gflops: dict[str, float]
    copy_gb_s: float


def measure_machine(device: torch.device, *, rounds: int = 7) -> Machine:
    """Measure for some seconds."""
    found = {
        name: max(
            operations / timing.seconds / 1e9
            for operations, timing in zip(
                (2 * _SIDES[device.type] ** 3, 2 * 64 * 128 * 26 * 26 * 64 * 9),
                in_turns(_routes(device, precision), rounds=rounds, device=device).values(),
                strict=True,
            )
        )
        for name, precision in PRECISIONS.items()
    }
    copied = _COPIED[device.type]
    source = torch.ones(copied // 4, device=device)
    target = torch.empty_like(source)
    copy = in_turns({"copy": lambda: target.copy_(source)}, rounds=rounds, device=device)["copy"]
    return Machine(
        device=device.type,
        threads=torch.get_num_threads(),
        best_gflops=found,
        copy_gb_s=2 * copied / copy.seconds / 1e9,
    )


def _routes(device: torch.device, precision: torch.dtype) -> dict[str, Callable[[], object]]:
    """Give a product of matrices and a convolution, which different libraries compute."""
    side = _SIDES[device.type]
    # A device multiplies numbers that differ in every bit at a lower clock than equal ones.
    matrix = torch.randn(side, side, device=device).to(precision)
    planes = torch.randn(64, 64, 28, 28, device=device).to(precision)
    filters = torch.randn(128, 64, 3, 3, device=device).to(precision)
    planes, filters = (t.contiguous(memory_format=torch.channels_last) for t in (planes, filters))
    return {"product": lambda: matrix @ matrix, "convolution": lambda: F.conv2d(planes, filters)}
