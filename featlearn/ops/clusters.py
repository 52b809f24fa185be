"""Codes of distances to cluster centres: hard assignment and the triangle activation."""

import torch
from torch import Tensor

from featlearn.errors import ShapeError


def hard_code(distances: Tensor, *, groups: int = 1) -> Tensor:
    """Mark the nearest centre: 1 for it, 0 for the others.

    Args:
        distances: To each centre, `(batch, maps, height, width)`.
        groups: Parts into which the maps are split alike; each has a nearest of its own.

    Returns:
        A tensor of the shape of `distances`, without a gradient; of centres that are equally
        near the first is taken.

    Raises:
        ShapeError: If there are no 4 axes, or the maps cannot be split so.

    Source:
        Coates, Lee & Ng, AISTATS 2011, equation 1.
    """
    parts = _parts(distances, groups, operation="hard_code")
    nearest = parts.argmin(2, keepdim=True)
    return torch.zeros_like(parts).scatter_(2, nearest, 1.0).flatten(1, 2)


def triangle_code(distances: Tensor, *, groups: int = 1) -> Tensor:
    """Say by how much each centre is nearer than centres are on average: max(0, mean(z) - z_k).

    About half of the code is zero.

    Args:
        distances: z, to each centre, `(batch, maps, height, width)`, not squared.
        groups: Parts into which the maps are split alike; each has a mean of its own.

    Returns:
        A tensor of the shape of `distances`.

    Raises:
        ShapeError: If there are no 4 axes, or the maps cannot be split so.

    Source:
        Coates, Lee & Ng, AISTATS 2011, equation 2.
    """
    parts = _parts(distances, groups, operation="triangle_code")
    return torch.relu(parts.mean(2, keepdim=True) - parts).flatten(1, 2)


def _parts(distances: Tensor, groups: int, *, operation: str) -> Tensor:
    """Give the maps of each group an axis of their own."""
    if distances.ndim != 4 or groups < 1 or distances.shape[1] % groups:
        raise ShapeError(
            f"{operation} needs (batch, maps, height, width) with maps that {groups} groups "
            f"divide; got {tuple(distances.shape)}"
        )
    return distances.unflatten(1, (groups, -1))
