"""The best-unit test: a unit, sign and threshold chosen on some images, and scored on others.

What answers can be units of a stage as well as filters, templates or statistics of an image:
a control is scored by the same functions, from its own responses.
"""

from collections.abc import Callable, Iterable

import msgspec
import torch
from numpy.typing import ArrayLike
from torch import Tensor

from featlearn.errors import DataError
from featlearn.evaluate.bootstrap import DRAWS, bootstrap_mean
from featlearn.evaluate.thresholds import (
    THRESHOLDS,
    Choice,
    Labelled,
    Selection,
    check_batch,
    check_sets,
    select,
    tally,
    unit_ranges,
)

_CELLS = 1 << 24  # units times images that are ranked at once


class BestUnit(msgspec.Struct, frozen=True, kw_only=True):
    """The best unit of some, and its worth on images that had no part in choosing it.

    Attributes:
        unit: Its place among the units.
        sign: 1 if responses above the threshold are named positive, -1 if those not above.
        threshold: In the unit's own scale.
        chosen_accuracy: Share named right where it was chosen, in [0, 1]: too good, as it
            is the best of many.
        accuracy: Share named right of the other images, in [0, 1].
        low: Lower end of the 95 % bootstrap interval of `accuracy`.
        high: Upper end.
        auc: Area under the curve of hits over false alarms on the other images, for its
            sign: the chance that a positive answers more than a negative.
        majority: Share of the larger of the two sets among the other images: the accuracy of
            naming it every time.
        images: How many other images there are.
        positives: How many of them are positive.
    """

    unit: int
    sign: int
    threshold: float
    chosen_accuracy: float
    accuracy: float
    low: float
    high: float
    auc: float
    majority: float
    images: int
    positives: int


def score(
    choice: Choice,
    responses: Tensor,
    positive: Tensor,
    *,
    groups: ArrayLike | None = None,
    draws: int = DRAWS,
    seed: int = 0,
) -> BestUnit:
    """Score a chosen unit, once, on images that had no part in choosing it.

    Args:
        choice: What was chosen.
        responses: `(n,)`, that unit's responses.
        positive: `(n,)`, which images are positive.
        groups: `(n,)`, images that belong together, such as those of a person.
        draws: Of the bootstrap.
        seed: Of the bootstrap.

    Raises:
        DataError: If there are no positive images, or no others.
    """
    positive = positive.bool()
    area = float(separability(responses[:, None], positive)[0])
    right = choice.right(responses, positive).cpu().numpy()
    accuracy = bootstrap_mean(right, groups=groups, draws=draws, seed=seed)
    images, positives = len(positive), int(positive.sum())
    return BestUnit(
        unit=choice.unit,
        sign=choice.sign,
        threshold=choice.threshold,
        chosen_accuracy=choice.accuracy,
        accuracy=accuracy.mean,
        low=accuracy.low,
        high=accuracy.high,
        auc=area if choice.sign > 0 else 1 - area,
        majority=max(positives, images - positives) / images,
        images=images,
        positives=positives,
    )


def best_unit_test(
    chosen_on: Callable[[], Iterable[Labelled]],
    scored_on: Callable[[], Iterable[Labelled]],
    *,
    groups: ArrayLike | None = None,
    thresholds: int = THRESHOLDS,
    draws: int = DRAWS,
    seed: int = 0,
) -> tuple[BestUnit, Selection]:
    """Choose the unit that tells positives best on one half, and score it on the other.

    Memory is that of a batch, of `thresholds` counts per unit, and of one response per image
    of the half that is scored.

    Args:
        chosen_on: Gives the batches of the half to choose on; called twice.
        scored_on: Gives those of the other half; called once.
        groups: One for each image that is scored: images that belong together.
        thresholds: How many to try.
        draws: Of the bootstrap.
        seed: Of the bootstrap.

    Returns:
        The best unit, and what each unit does best on the half where it was chosen.

    Raises:
        DataError: If a half lacks positives or others, or no unit can be chosen.

    Source:
        Le et al., ICML 2012, section 4.2; there one set served for both.
    """
    counted = tally(chosen_on(), unit_ranges(chosen_on()), thresholds=thresholds)
    selection = select(counted)
    choice = selection.best()
    columns: list[Tensor] = []
    truth: list[Tensor] = []
    for responses, positive in scored_on():
        check_batch(responses, positive, len(selection.accuracy))
        columns.append(responses[:, choice.unit])
        truth.append(positive)
    if not columns:
        raise DataError("the best unit cannot be scored without images")
    column, positive = torch.cat(columns), torch.cat(truth)
    return score(choice, column, positive, groups=groups, draws=draws, seed=seed), selection


def separability(responses: Tensor, positive: Tensor) -> Tensor:
    """Measure how well each unit tells positives, over all thresholds (AUC).

    Args:
        responses: `(n, units)`.
        positive: `(n,)`, which images are positive.

    Returns:
        `(units,)` double: the chance that a positive answers more than a negative, equal
        answers counted by half. 0.5 tells nothing, 0 tells all by a negative sign. NaN
        for a unit with a NaN among its responses.

    Raises:
        DataError: If there are no positive images, or no others.
        ShapeError: If the two do not fit together.
    """
    check_batch(responses, positive)
    positive = positive.bool()
    positives = int(positive.sum())
    negatives = len(positive) - positives
    check_sets(positives, negatives)
    found: list[Tensor] = []
    for part in responses.split(max(_CELLS // len(responses), 1), 1):
        ours = part[positive].T.contiguous()
        others = part[~positive].T.contiguous().sort(1).values
        below = torch.searchsorted(others, ours).sum(1)
        not_above = torch.searchsorted(others, ours, right=True).sum(1)
        area = (below + not_above).double() / (2 * positives * negatives)
        found.append(torch.where(part.isnan().any(0), torch.nan, area))
    return torch.cat(found) if found else torch.zeros(0, dtype=torch.float64)
