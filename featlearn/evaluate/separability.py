"""How well units tell one set of images from another, whatever the threshold."""

import torch
from torch import Tensor

from featlearn.evaluate.thresholds import check_batch, check_sets

_CELLS = 1 << 24  # units times images that are ranked at once


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
