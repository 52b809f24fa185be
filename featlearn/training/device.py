"""Where a run computes, and on how many threads."""

import os
import platform
from contextlib import suppress
from pathlib import Path

import torch

from featlearn.datasets.limits import whole_memory
from featlearn.errors import DeviceError, UsageError

MOST_THREADS = 1024
"""More are a slip of the hand: each takes memory of its own, until there is none."""


def pick_device(name: str) -> torch.device:
    """Turn `auto`, `cpu` or `cuda` into a device, and make that device repeatable.

    Raises:
        DeviceError: If CUDA is asked for and PyTorch finds none, or this is no device.
    """
    if not isinstance(name, str):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise DeviceError(f"{name!r} is no device; use auto, cpu or cuda")
    available = torch.cuda.is_available()
    if name == "auto":
        name = "cuda" if available else "cpu"
    if name.startswith("cuda") and not available:
        raise DeviceError(
            "the device cuda was asked for, but PyTorch finds no CUDA device here; "
            "ask for cpu, or see `featlearn doctor`"
        )
    try:
        device = torch.device(name)
    except RuntimeError:
        raise DeviceError(f"{name!r} is no device; use auto, cpu or cuda") from None
    if device.type == "cuda":
        _prefer_repeatable()
    return device


def _prefer_repeatable() -> None:
    """Take operations of CUDA that give the same bits every time, as far as there are any.

    Where there are none PyTorch warns and goes on: equal bytes are promised on the CPU,
    and on CUDA equal figures up to rounding.
    """
    # The libraries' own switch, which cuBLAS reads when it is first used.
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    torch.backends.cudnn.benchmark = False
    torch.backends.cudnn.deterministic = True
    torch.use_deterministic_algorithms(True, warn_only=True)
    # Else all new memory is written twice, so that a program that reads it before repeats itself.
    torch.utils.deterministic.fill_uninitialized_memory = False  # pyright: ignore[reportAttributeAccessIssue]


def device_memory(device: torch.device) -> int | None:
    """Give the memory of a device, or of the machine for its processor, in bytes.

    Returns:
        All of it, whatever else is using some; `None` where the system does not say.
    """
    if device.type == "cuda":
        return torch.cuda.get_device_properties(device).total_memory
    return whole_memory()


def use_threads(count: int | None) -> int:
    """Set the number of threads of CPU operations, and say how many there are.

    Sums are split between threads, so the number is part of what makes bytes
    repeatable: runs record it, and refuse to resume under another.

    Raises:
        UsageError: If there are none, or more than `MOST_THREADS`.
    """
    if count is not None and not 1 <= count <= MOST_THREADS:
        raise UsageError(f"--threads must be between 1 and {MOST_THREADS}; got {count}")
    if count is not None:
        torch.set_num_threads(count)
    return torch.get_num_threads()


def processor() -> str:
    """Name the model of the processor, or else its kind, as far as the system knows it."""
    with suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            name, _, model = line.partition(":")
            if name.strip() == "model name" and model.strip():
                return model.strip()
    return platform.processor() or platform.machine()
