"""Codes of which only the largest numbers are kept."""

from typing import NamedTuple

import torch
from torch import Tensor

from featlearn.errors import ShapeError


class BatchTopK(NamedTuple):
    """What `batch_top_k` gives."""

    codes: Tensor
    """The kept numbers at their places, 0 elsewhere."""

    least: Tensor
    """The least positive number that was kept, a scalar; 0 if there is none."""


def top_k(x: Tensor, *, k: int) -> Tensor:
    """Keep the positive part of the `k` largest maps at every position.

    Args:
        x: Responses, `(batch, maps, height, width)`, any unit.
        k: How many maps are kept; of equal ones any.

    Returns:
        A tensor of the shape of `x`; the gradient of what is not kept is 0.

    Raises:
        ShapeError: If `x` is not 4-D, or has fewer than `k` maps.

    Source:
        Makhzani & Frey, k-Sparse autoencoders, ICLR 2014; the positive part as in Gao et al.,
        Scaling and evaluating sparse autoencoders, 2024.
    """
    _check(x, k, operation="top_k")
    found = x.topk(k, dim=1, sorted=False)
    return torch.zeros_like(x).scatter(1, found.indices, found.values.relu())


def batch_top_k(x: Tensor, *, k: int) -> BatchTopK:
    """Keep the positive part of the largest numbers of a whole batch, `k` at a position on average.

    Args:
        x: Responses, `(batch, maps, height, width)`, any unit.
        k: How many maps are kept at a position on average over the batch and its positions.

    Returns:
        The codes, of the shape of `x`, and the least that was kept, which has no gradient.

    Raises:
        ShapeError: If `x` is not 4-D, or has fewer than `k` maps.

    Source:
        Bussmann, Leask & Nanda, BatchTopK sparse autoencoders, 2024.
    """
    _check(x, k, operation="batch_top_k")
    positions = x.shape[0] * x.shape[2] * x.shape[3]
    flat = x.flatten()
    found = flat.topk(k * positions, sorted=False)
    kept = found.values.relu()
    codes = torch.zeros_like(flat).scatter(0, found.indices, kept).view(x.shape)
    positive = torch.where(kept > 0, kept, torch.inf).detach()
    least = positive.amin() if len(positive) else positive.new_tensor(torch.inf)
    return BatchTopK(codes, torch.where(least.isfinite(), least, 0.0))


def above(x: Tensor, threshold: Tensor) -> Tensor:
    """Keep what is positive and not below a threshold.

    Args:
        x: Responses, any shape.
        threshold: A scalar of at least 0, in the unit of `x`.

    Returns:
        A tensor of the shape of `x`.

    Source:
        Bussmann, Leask & Nanda, 2024, section 3: the code of a single sample.
    """
    return torch.where(x >= threshold, x, 0.0).relu()


def _check(x: Tensor, k: int, *, operation: str) -> None:
    if x.ndim != 4 or x.shape[1] < k:
        raise ShapeError(
            f"{operation} keeps {k} maps of (batch, maps >= {k}, height, width); "
            f"got {tuple(x.shape)}"
        )
