"""How the answers of a unit to positives and to others are spread."""

import msgspec
import numpy as np
import torch
from torch import Tensor

from featlearn.errors import DataError, ShapeError


class Histogram(msgspec.Struct, frozen=True, kw_only=True):
    """Images counted by how much a unit answers.

    Attributes:
        edges: Ends of the intervals, ascending, one more than there are intervals; the last
            holds both its ends.
        positives: Positive images in each interval.
        others: Other images in each.
    """

    edges: tuple[float, ...]
    positives: tuple[int, ...]
    others: tuple[int, ...]


def histogram(responses: Tensor, positive: Tensor, *, bins: int = 40) -> Histogram:
    """Count positives and others in equal intervals of a unit's responses.

    Args:
        responses: `(n,)`; those that are no finite numbers are passed over.
        positive: `(n,)`, which images are positive.
        bins: How many intervals; one, of width 1, where all responses are equal.

    Raises:
        ShapeError: If the two do not fit together.
        DataError: If no response is a finite number.
    """
    if responses.ndim != 1 or positive.shape != responses.shape:
        raise ShapeError(
            f"a histogram is of responses (n,) with positive (n,); got {tuple(responses.shape)} "
            f"and {tuple(positive.shape)}"
        )
    known = torch.isfinite(responses)
    values = responses[known].double().cpu().numpy()
    if not len(values):
        raise DataError("a histogram needs a response that is a finite number; got none")
    inside = positive[known].bool().cpu().numpy()
    least, largest = float(values.min()), float(values.max())
    if least == largest:
        edges = np.array([least - 0.5, least + 0.5])
    else:
        edges = np.linspace(least, largest, bins + 1)
    return Histogram(
        edges=tuple(edges.tolist()),
        positives=tuple(np.histogram(values[inside], edges)[0].tolist()),
        others=tuple(np.histogram(values[~inside], edges)[0].tolist()),
    )
