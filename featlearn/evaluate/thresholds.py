"""Every unit's best threshold: what the best-unit test chooses by, in two passes over images."""

from collections.abc import Iterable
from typing import NamedTuple

import torch
from torch import Tensor

from featlearn.errors import DataError, ShapeError

THRESHOLDS = 20
"""How many thresholds every unit is tried with, as in 2012."""

Labelled = tuple[Tensor, Tensor]
"""Responses `(n, units)` of some images, and `(n,)` their classes, or whether each is positive."""


class Ranges(NamedTuple):
    """The least and the largest response of every unit, `(units,)` each; NaN where one was NaN."""

    least: Tensor
    largest: Tensor

    @property
    def usable(self) -> Tensor:
        """Which units answered with finite numbers, and not with the same one always."""
        return torch.isfinite(self.largest - self.least) & (self.largest > self.least)


class Tally(NamedTuple):
    """How many images of each class answered between which thresholds.

    Attributes:
        counts: `(classes, units, thresholds + 1)` int64: images whose response was above as
            many thresholds as the last place says.
        thresholds: `(units, thresholds)`, ascending.
        usable: `(units,)`, which units may be chosen.
    """

    counts: Tensor
    thresholds: Tensor
    usable: Tensor


class Selection(NamedTuple):
    """What each unit does best where units are chosen.

    Attributes:
        accuracy: `(units,)` double, in [0, 1]; 0 for a unit that cannot be chosen.
        sign: `(units,)`, 1 if responses above the threshold are named positive, -1 if
            those at or below it are.
        threshold: `(units,)`, in the units' own scale.
        auc: `(units,)` double, in [0, 1]: the chance that a positive lies beyond another image,
            to the side of the sign, equal ones counted by half; of the intervals between
            thresholds that responses lie in.
        margin: `(units,)` double: how far the positives' mean lies beyond that of others, in
            roots of the mean of their variances (d'), of these intervals too; infinite without
            any spread.
    """

    accuracy: Tensor
    sign: Tensor
    threshold: Tensor
    auc: Tensor
    margin: Tensor

    def best(self, first: int = 0, last: int | None = None) -> "Choice":
        """Choose among the units from `first` on, before `last`.

        The most accurate; of equal ones that with the largest `auc`; of equal ones that with
        the largest `margin`, so that of units which are right about all images the one is
        taken whose classes lie furthest apart; of equal ones still, the first.

        Raises:
            DataError: If no unit there tells any two images apart.
        """
        span = slice(first, last)
        part = self.accuracy[span]
        if not len(part) or not bool(part.max() > 0):
            raise DataError(
                "no unit can be chosen: each answers all images alike, or with what is no number"
            )
        left = torch.ones_like(part, dtype=torch.bool)
        for by in (part, self.auc[span], self.margin[span]):
            left &= by == by[left].max()
        unit = first + int(left.nonzero()[0])
        return Choice(
            unit, int(self.sign[unit]), float(self.threshold[unit]), float(self.accuracy[unit])
        )


class Choice(NamedTuple):
    """A unit, with the sign and the threshold that it is used with.

    Attributes:
        unit: Its place among the units.
        sign: 1 or -1, as in `Selection`.
        threshold: In the unit's own scale.
        accuracy: Share named right of the images that it was chosen on, in [0, 1].
    """

    unit: int
    sign: int
    threshold: float
    accuracy: float

    def right(self, responses: Tensor, positive: Tensor) -> Tensor:
        """Tell which images are named right, `(n,)`; one whose response is NaN never is."""
        above = responses > self.threshold
        named = above if self.sign > 0 else ~above
        return (named == positive) & ~responses.isnan()


def unit_ranges(batches: Iterable[Labelled]) -> Ranges:
    """Go through the images to choose on a first time: find how far each unit's responses go.

    Raises:
        DataError: If there are no images.
        ShapeError: If a batch is not `(n, units)` with `(n,)`.
    """
    ranges: Ranges | None = None
    for responses, classes in batches:
        check_batch(responses, classes)
        if not len(responses):
            continue
        least, largest = responses.amin(0), responses.amax(0)  # both keep a NaN
        if ranges is not None:
            least = torch.minimum(ranges.least, least)
            largest = torch.maximum(ranges.largest, largest)
        ranges = Ranges(least, largest)
    if ranges is None:
        raise DataError("the best unit cannot be chosen without images")
    return ranges


def tally(
    batches: Iterable[Labelled], ranges: Ranges, *, classes: int = 2, thresholds: int = THRESHOLDS
) -> Tally:
    """Go through the same images again: count the responses between thresholds, class by class.

    Args:
        batches: The images of `ranges`, in any order and size of batches.
        ranges: What `unit_ranges` found. The thresholds part them into equal intervals: all
            lie inside, so that none puts all images on one side.
        classes: How many classes there are; 2 for positives, `True`, and others.
        thresholds: How many to try.

    Raises:
        ShapeError: If a batch is not `(n, units)` with `(n,)`, or has other units.
    """
    least, largest = ranges
    steps = torch.arange(1, thresholds + 1, dtype=torch.float64, device=least.device)
    reach = (largest.double() - least.double())[:, None] * (steps / (thresholds + 1))
    edges = (least.double()[:, None] + reach).to(least.dtype)
    units, bins = len(least), thresholds + 1
    counts = torch.zeros(classes * units * bins, dtype=torch.int64, device=least.device)
    rows = bins * torch.arange(units, device=least.device)[:, None]
    for responses, named in batches:
        check_batch(responses, named, units)
        places = torch.searchsorted(edges, responses.T.contiguous())
        places.add_(rows).add_(named.long() * (units * bins))
        counts += torch.bincount(places.view(-1), minlength=len(counts))
    return Tally(counts.view(classes, units, bins), edges, ranges.usable)


def select(counted: Tally, positive: int = 1) -> Selection:
    """Find each unit's best threshold and sign for one class against all others.

    Equal ones: responses above before responses below, then the lowest threshold. What parts
    equal units, `auc` and `margin`, is of the intervals between thresholds: whole numbers that
    are counted already, whatever the units' scales and the order of images.

    Args:
        counted: What `tally` counted.
        positive: The class to find.

    Raises:
        DataError: If there are no images of the class, or no others.
    """
    hits = counted.counts[positive]
    others = counted.counts.sum(0) - hits
    positives, negatives = int(hits[0].sum()), int(others[0].sum())
    check_sets(positives, negatives)
    # Above threshold k are the images of the bins behind it.
    found = hits.flip(1).cumsum(1).flip(1)[:, 1:]
    alarms = others.flip(1).cumsum(1).flip(1)[:, 1:]
    right = found + negatives - alarms
    images = positives + negatives
    both = torch.cat([right, images - right], 1)
    most = both.amax(1)
    place = (both == most[:, None]).long().argmax(1)
    tried = right.shape[1]
    chosen = counted.thresholds.gather(1, (place % tried)[:, None])[:, 0]
    accuracy = torch.where(counted.usable, most.double() / images, 0.0)
    sign = torch.where(place < tried, 1, -1)
    return Selection(accuracy, sign, chosen, _auc(hits, others, sign), _margin(hits, others, sign))


def _auc(hits: Tensor, others: Tensor, sign: Tensor) -> Tensor:
    """Compute the chance that a positive lies beyond another image, of counts `(units, bins)`."""
    below = others.cumsum(1) - others
    twice = (hits * (2 * below + others)).sum(1)
    of = 2 * hits[0].sum() * others[0].sum()
    return torch.where(sign > 0, twice, of - twice).double() / of


def _margin(hits: Tensor, others: Tensor, sign: Tensor) -> Tensor:
    """Compute d' of the numbers of the bins, from counts `(units, bins)`."""
    bins = torch.arange(hits.shape[1], device=hits.device)
    means: list[Tensor] = []
    variances: list[Tensor] = []
    for counts in (hits, others):
        images = counts.sum(1)
        total, squares = (counts * bins).sum(1), (counts * bins.square()).sum(1)
        means.append(total.double() / images)
        # A whole number, and so zero where all lie in one bin.
        variances.append((images * squares - total.square()).double() / images.square())
    apart = sign * (means[0] - means[1])
    return torch.where(apart == 0, 0.0, apart / ((variances[0] + variances[1]) / 2).sqrt())


def check_batch(responses: Tensor, classes: Tensor, units: int | None = None) -> None:
    """Refuse a batch whose parts do not fit together."""
    fits = responses.ndim == 2 and classes.shape == responses.shape[:1]
    if not fits or (units is not None and responses.shape[1] != units):
        wanted = "units" if units is None else units
        raise ShapeError(
            f"responses are (n, {wanted}) with classes (n,); "
            f"got {tuple(responses.shape)} and {tuple(classes.shape)}"
        )


def check_sets(positives: int, negatives: int) -> None:
    """Refuse to tell apart what is all of one kind."""
    if not positives or not negatives:
        raise DataError(
            "telling positives from others needs both; "
            f"got {positives} positives and {negatives} others"
        )
