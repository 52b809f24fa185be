"""How choosy units are: apart from distractors, and over a whole data set."""

from collections.abc import Iterable

import torch
from torch import Tensor

from featlearn.errors import DataError, ShapeError


def selectivity(positive: Tensor, negative: Tensor) -> Tensor:
    """Say how far each unit's responses to positives stand above those to distractors.

    Args:
        positive: Responses to what a unit stands for, `(n >= 2, units)`.
        negative: Responses to other images, `(m >= 2, units)`.

    Returns:
        `(units,)` float64: d' = (mean⁺ − mean⁻) / √((variance⁺ + variance⁻) / 2), without
        a unit; 0 for a unit that always answers alike, ±infinity for one that tells them
        apart without any spread.

    Raises:
        ShapeError: If the two do not fit.

    Source:
        Green & Swets, Signal Detection Theory, 1966.
    """
    fit = positive.ndim == negative.ndim == 2 and positive.shape[1] == negative.shape[1]
    if not fit or min(len(positive), len(negative)) < 2:
        raise ShapeError(
            "selectivity needs responses (n >= 2, units) and (m >= 2, units); "
            f"got {tuple(positive.shape)} and {tuple(negative.shape)}"
        )
    positive, negative = positive.double(), negative.double()
    apart = positive.mean(0) - negative.mean(0)
    spread = ((positive.var(0) + negative.var(0)) / 2).sqrt()
    return torch.where(apart == 0, 0.0, apart / spread)


def lifetime_kurtosis(batches: Iterable[Tensor]) -> Tensor:
    """Say how rarely, and how strongly then, each unit answers over a data set.

    Args:
        batches: Responses `(n, units)`, gone through once.

    Returns:
        `(units,)` float64: the fourth moment over the squared variance, less 3: 0 for
        normal responses, large for a unit that is silent as a rule; NaN for one that never
        changes.

    Raises:
        DataError: If there are no responses.

    Source:
        Willmore & Tolhurst, Network 2001, equation for lifetime kurtosis.
    """
    shift: Tensor | None = None
    sums, count = torch.zeros(()), 0
    for batch in batches:
        values = batch.double()
        if len(values) == 0:
            continue
        # Near its mean a response keeps its digits in the fourth power.
        shift = values.mean(0) if shift is None else shift
        values = values - shift
        powers = torch.stack([values.pow(order).sum(0) for order in (1, 2, 3, 4)])
        sums = powers if count == 0 else sums + powers
        count += len(values)
    if count == 0:
        raise DataError("lifetime_kurtosis needs at least one response")
    mean, square, cube, fourth = sums / count
    variance = square - mean**2
    moment = fourth - 4 * mean * cube + 6 * mean**2 * square - 3 * mean**4
    return torch.where(variance > 1e-12 * square, moment / variance**2 - 3, float("nan"))
