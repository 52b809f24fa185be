"""Where a run computes, and on how many threads."""

import torch

from featlearn.errors import DeviceError


def pick_device(name: str) -> torch.device:
    """Turn `auto`, `cpu` or `cuda` into a device.

    Raises:
        DeviceError: If CUDA is asked for and PyTorch finds none.
    """
    available = torch.cuda.is_available()
    if name == "auto":
        return torch.device("cuda" if available else "cpu")
    if name.startswith("cuda") and not available:
        raise DeviceError(
            "--device cuda was asked for, but PyTorch finds no CUDA device here; "
            "use --device cpu, or see `featlearn doctor`"
        )
    try:
        return torch.device(name)
    except RuntimeError:
        raise DeviceError(f"{name!r} is no device; use auto, cpu or cuda") from None


def use_threads(count: int | None) -> int:
    """Set the number of threads of CPU operations, and say how many there are.

    Sums are split between threads, so the number is part of what makes bytes
    repeatable: runs record it, and refuse to resume under another.
    """
    if count is not None:
        torch.set_num_threads(count)
    return torch.get_num_threads()
