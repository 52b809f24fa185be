"""Tensors by name, as the state of a module or of an optimiser holds them."""

from collections.abc import Generator, Mapping
from contextlib import contextmanager

import torch
from torch import Tensor, nn

_AT_ONCE = 2**22  # numbers that are looked at, about


def all_finite(tensor: Tensor) -> bool:
    """Tell whether a tensor holds no infinity and no NaN, a part at a time: each is copied."""
    rows = torch.atleast_1d(tensor)
    parts = rows.split(max(len(rows) * _AT_ONCE // max(rows.numel(), 1), 1))
    return all(bool(part.isfinite().all()) for part in parts)


def copied(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Copy tensors that training will go on changing."""
    return {name: tensor.detach().clone() for name, tensor in tensors.items()}


def under(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Take the tensors whose names begin with `prefix`, without it."""
    return {k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)}


@contextmanager
def in_use(module: nn.Module) -> Generator[None]:
    """Within it, all of a module is as in use; afterwards each part is as it was."""
    training = [part for part in module.modules() if part.training]
    module.eval()
    try:
        yield
    finally:
        for part in training:
            part.training = True
