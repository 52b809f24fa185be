"""What the filters of a stage are as a dictionary: copies of one another, and how they span."""

import math

import torch
from torch import Tensor

from featlearn.stages.filters import WindowedFilter
from featlearn.stages.stage import Stage

ALIKE = 0.95
"""Cosine above which a filter is a duplicate of another."""

_BANKS = 64  # positions whose banks are decomposed, of those that have their own
_CELLS = 1 << 24  # cosines that are looked at at once
_LARGEST = 2048  # of the smaller side of a bank that is decomposed
_WORST = 1e12  # what rounding leaves of a singular value of 0


def duplicate_filters(stage: Stage, *, above: float = ALIKE) -> Tensor | None:
    """Find filters that point where an earlier one of their position and group points.

    Args:
        stage: The stage.
        above: Least cosine, exclusive.

    Returns:
        `(banks, filters)` booleans, one bank for each position and group of its own; `None`
        for many layers that stand for a filter. Filters of zeros are like none.
    """
    if stage.composite:
        return None
    filters = _banks(stage, stage.filter.weight)
    lengths = torch.linalg.vector_norm(filters, dim=2, keepdim=True)
    filters = torch.where(lengths > 0, filters / torch.where(lengths > 0, lengths, 1.0), 0.0)
    banks, count, _ = filters.shape
    found = torch.zeros(banks, count, dtype=torch.bool, device=filters.device)
    step = max(_CELLS // count**2, 1)
    for first in range(0, banks, step):
        some = filters[first : first + step]
        found[first : first + step] = (some @ some.mT > above).tril(-1).any(2)
    return found


def dictionary_condition(stage: Stage) -> float | None:
    """Give the condition of the dictionary: its largest singular value over its least.

    Columns, which are those of the decoder if it has its own, are taken at unit length, so
    that it is about directions: 1 for orthogonal ones, large where some direction of the
    input is hardly spanned, or, of fewer filters than inputs, where some almost depend
    on the others. With banks of their own for positions, it is the median over up to 64 of them.

    Args:
        stage: The stage.

    Returns:
        At least 1; `None` for many layers that stand for a filter, or for banks of which
        both sides are above 2048, whose decomposition would take minutes.
    """
    if stage.composite:
        return None
    own = None if stage.decoder is None else stage.decoder.weight
    banks = _banks(stage, stage.filter.weight if own is None else own)
    if min(banks.shape[1:]) > _LARGEST:
        return None
    places = torch.linspace(0, len(banks) - 1, min(_BANKS, len(banks))).round().long()
    some = banks[places.to(banks.device)].double()
    lengths = torch.linalg.vector_norm(some, dim=2, keepdim=True)
    some = some / torch.where(lengths > 0, lengths, 1.0)
    square = some @ some.mT if some.shape[1] < some.shape[2] else some.mT @ some
    values = torch.linalg.eigvalsh(square).clamp_min(0).sqrt()
    worst = values[:, -1] / values[:, 0].clamp_min(math.ulp(0.0))
    return float(torch.where(values[:, -1] > 0, worst, _WORST).clamp(1, _WORST).median())


def _banks(stage: Stage, weight: Tensor) -> Tensor:
    """Put the filters that compete for one place together, `(banks, filters, inputs)`."""
    encoder = stage.filter
    groups = encoder.groups if isinstance(encoder, WindowedFilter) else 1
    return weight.detach().flatten(-3).unflatten(-2, (groups, -1)).flatten(0, -3)
