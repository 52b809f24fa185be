"""Figures of units from what they answer to a sample: activity, selectivity, likeness."""

from typing import NamedTuple

import torch
from torch import Tensor

from featlearn.evaluate.health import hoyer_sparsity
from featlearn.evaluate.separability import separability

BINS = 24
_ENOUGH = 5
"""Images of a class in each half, at least, for a score."""

TOP, LEAST, NEIGHBOURS = 8, 4, 6


class Scores(NamedTuple):
    """How well each unit tells one class from the rest, on images it was not chosen by.

    Attributes:
        auc: `(units,)` in [0, 1]: chance that an image of the class answers more than
            another (or less, for `sign` -1). NaN where it cannot be said.
        classes: `(units,)` int64, the class.
        sign: `(units,)`, 1 or -1.
        chosen: `(units,)`, the same as `auc`, on the images that class and sign were chosen by.
    """

    auc: Tensor
    classes: Tensor
    sign: Tensor
    chosen: Tensor


class Histograms(NamedTuple):
    """How often units answered what: `low` to `high` in equal bins.

    Attributes:
        low: `(units,)`.
        high: `(units,)`.
        counts: `(units, bins)` int64.
    """

    low: Tensor
    high: Tensor
    counts: Tensor


def activity(values: Tensor) -> Tensor:
    """Average what units answer, without its sign.

    Args:
        values: `(images, units)`.
    """
    return values.abs().mean(0)


def lifetime_sparsity(values: Tensor) -> Tensor:
    """Measure how few images each unit answers to, `(units,)` in [0, 1] (Hoyer)."""
    return hoyer_sparsity(values.T.double())


def ranked(values: Tensor, count: int, *, least: bool = False) -> Tensor:
    """Number the images that each unit answers most to, `(units, count)`; earlier ones first."""
    order = values.sort(dim=0, descending=not least, stable=True).indices
    return order[:count].T


def histograms(values: Tensor, *, of: Tensor | None = None, bins: int = BINS) -> Histograms:
    """Count answers in bins from the least to the largest of each unit.

    Args:
        values: `(images, units)`.
        of: `(images, units)`, which of them to count; all if absent.
        bins: How many.
    """
    low, high = values.amin(0), values.amax(0)
    span = torch.where(high > low, high - low, 1.0)
    place = ((values - low) / span * bins).long().clamp(0, bins - 1)
    weight = torch.ones_like(place) if of is None else of.long()
    counts = place.new_zeros(values.shape[1], bins)
    counts.scatter_add_(1, place.T, weight.T)
    return Histograms(low, high, counts)


def neighbours(values: Tensor, count: int = NEIGHBOURS) -> tuple[Tensor, Tensor]:
    """Find for each unit those that answer most like it.

    Args:
        values: `(images, units)`.
        count: How many to find.

    Returns:
        Their places `(units, count)`, and their correlations over the images; fewer where
        there are fewer units. A unit that always answers the same is like none.
    """
    centred = values.double() - values.double().mean(0)
    norm = torch.linalg.vector_norm(centred, dim=0)
    unit = centred / torch.where(norm > 1e-9 * norm.max(), norm, torch.inf)
    alike = unit.T @ unit
    alike.fill_diagonal_(-torch.inf)
    best = alike.sort(dim=1, descending=True, stable=True)
    count = min(count, len(alike) - 1)
    return best.indices[:, :count], best.values[:, :count]


def class_scores(
    values: Tensor, labels: Tensor, classes: int, *, groups: Tensor | None = None
) -> Scores | None:
    """Score each unit by the class that it tells best.

    Class and sign are chosen on every other image, or group, the figure is of the rest.

    Args:
        values: `(images, units)`.
        labels: `(images,)` int64.
        classes: How many there are.
        groups: `(images,)` int64, which images belong together and stay in one half;
            each stands by itself if absent.

    Returns:
        `None` where no class has enough images, and other classes too, in both halves.
    """
    halves = _halves(labels, groups)
    known = [place for place in range(classes) if all(_both(labels[h], place) for h in halves)]
    if not known:
        return None
    chosen_on, scored_on = (
        torch.stack([separability(values[h], labels[h] == place) for place in known])
        for h in halves
    )
    best = (chosen_on - 0.5).abs().nan_to_num(nan=-1.0).argmax(0)
    column = torch.arange(values.shape[1], device=values.device)
    sign = torch.where(chosen_on[best, column] < 0.5, -1, 1)
    auc, chosen = (
        torch.where(sign < 0, 1 - half[best, column], half[best, column])
        for half in (scored_on, chosen_on)
    )
    return Scores(auc, torch.tensor(known, device=values.device)[best], sign, chosen)


def _halves(labels: Tensor, groups: Tensor | None) -> list[Tensor]:
    """Number the images of each half; of each class every other group is in the first.

    A group is of the class of its first image.
    """
    if groups is None:
        second = torch.arange(len(labels), device=labels.device) % 2
    else:
        last: dict[int, int] = {}
        side: dict[int, int] = {}
        for group, label in zip(groups.tolist(), labels.tolist(), strict=True):
            if group not in side:
                side[group] = last[label] = 1 - last.get(label, 1)
        second = torch.tensor([side[group] for group in groups.tolist()], device=labels.device)
    return [torch.nonzero(second == half).flatten() for half in (0, 1)]


def _both(labels: Tensor, place: int) -> bool:
    """Say whether there are enough images of a class, and of others."""
    own = int((labels == place).sum())
    return _ENOUGH <= own <= len(labels) - _ENOUGH
