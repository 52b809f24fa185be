"""Random generators with names instead of a global state."""

from collections.abc import Generator
from contextlib import contextmanager

import torch

from featlearn.seeds import derive


def generator(seed: int, *path: int | str, device: torch.device | str = "cpu") -> torch.Generator:
    """Make the generator of the draw that `path` names under `seed`."""
    return torch.Generator(device).manual_seed(derive(seed, *path))


@contextmanager
def seeded(seed: int, device: torch.device) -> Generator[None]:
    """Seed the global generators for a while, for what knows no others (dropout).

    `torch.manual_seed` would reach every kind of device and keep a traceback for
    each, which costs more than a small step of training.
    """
    devices = [device] if device.type == "cuda" else []
    with torch.random.fork_rng(devices):
        torch.default_generator.manual_seed(seed)
        if devices:
            torch.cuda.manual_seed(seed)
        yield
