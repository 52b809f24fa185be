"""Random generators with names instead of a global state."""

import torch

from featlearn.seeds import derive


def generator(seed: int, *path: int | str, device: torch.device | str = "cpu") -> torch.Generator:
    """Make the generator of the draw that `path` names under `seed`."""
    return torch.Generator(device).manual_seed(derive(seed, *path))
