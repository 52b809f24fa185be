"""The hinge of support vector machines, for several classes."""

import torch
from torch import Tensor

from featlearn.errors import ShapeError


def squared_hinge(scores: Tensor, labels: Tensor) -> Tensor:
    """Sum the squared hinges of each class against the rest.

    max(0, 1 - y s)² with y = 1 for the own class and -1 for the others: 0 where the own score
    is at least 1 and every other at most -1.

    Args:
        scores: `(n, classes)`, any unit.
        labels: `(n,)` int64 in [0, classes).

    Returns:
        `(n,)`, summed over classes.

    Raises:
        ShapeError: If there is not one label for each row of scores.

    Source:
        Tang, "Deep learning using linear support vector machines", 2013, arXiv:1306.0239.
    """
    if scores.ndim != 2 or labels.shape != scores.shape[:1]:
        raise ShapeError(
            "squared_hinge needs scores (n, classes) and labels (n,); "
            f"got {tuple(scores.shape)} and {tuple(labels.shape)}"
        )
    signs = torch.full_like(scores, -1.0).scatter_(1, labels[:, None], 1.0)
    return (1 - signs * scores).clamp_min(0).square().sum(1)
