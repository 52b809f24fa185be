"""The images behind the mistakes of a classifier."""

from typing import NamedTuple

from torch import Tensor

from featlearn.errors import ShapeError


class Confused(NamedTuple):
    """Images of one class that were taken for another.

    Attributes:
        true: The class that they are of.
        predicted: The class that they were taken for.
        places: Which images, the most confidently wrong first, `(n,)` int64.
        confidence: The probability of the wrong class, `(n,)` in [0, 1].
        share: Of the images of the true class, in [0, 1].
    """

    true: int
    predicted: int
    places: Tensor
    confidence: Tensor
    share: float


def most_confused(logits: Tensor, labels: Tensor, *, pairs: int) -> list[Confused]:
    """Find which classes are most often taken for which, and the images.

    Args:
        logits: What the classifier said, `(n, classes)`.
        labels: The true classes, `(n,)` int64.
        pairs: How many pairs of classes at most.

    Returns:
        The most frequent pair first; of equals the lower classes first. Empty where nothing
        is wrong.

    Raises:
        ShapeError: If there is not one label for each row.
    """
    if logits.ndim != 2 or tuple(labels.shape) != (len(logits),):
        raise ShapeError(
            "most_confused needs logits (n, classes) and labels (n,); "
            f"got {tuple(logits.shape)} and {tuple(labels.shape)}"
        )
    count = logits.shape[1]
    certain, predicted = logits.softmax(1).max(1)
    wrong = (predicted != labels).nonzero().squeeze(1)
    codes = labels[wrong] * count + predicted[wrong]
    found: list[Confused] = []
    kinds = codes.bincount(minlength=count * count)
    for kind in kinds.sort(descending=True, stable=True).indices[:pairs].tolist():
        if kinds[kind] == 0:
            break
        true, taken = divmod(kind, count)
        places = wrong[codes == kind]
        order = certain[places].sort(descending=True, stable=True).indices
        places = places[order]
        share = len(places) / int((labels == true).sum())
        found.append(Confused(true, taken, places, certain[places], share))
    return found
