"""Decision stumps and products of stumps, chosen by their edge on many classes at once."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from featlearn.baselines.binned import Binned

_PASSES = 4
"""How often each factor of a product is looked for again, at most."""


class Cut(NamedTuple):
    """A stump before its feature has a name: one above the threshold, minus one elsewhere.

    Attributes:
        place: Of the feature, among those that were cut into bins.
        threshold: In the feature's unit; infinity is never exceeded.
    """

    place: int
    threshold: float


class Found(NamedTuple):
    """The best stump of some features.

    Attributes:
        cut: What it is.
        edge: The sum over classes of the absolute weighted agreement, from 0 to the sum of
            all weights.
    """

    cut: Cut
    edge: float


def best_stump(binned: Binned, places: Sequence[int], signed: Tensor) -> Found:
    """Find the stump with the largest edge, each class voting with its better sign.

    Args:
        binned: Features of the images.
        places: Those to try.
        signed: `(images, classes)` float32, weights times labels in {-1, 1}.

    Returns:
        The stump s that maximises sum_l |sum_i signed[i, l] s(x_i)|. Of equal ones, the first
        by feature, then by threshold.
    """
    below = binned.sums(places, signed)
    edges = (below[:, -1:] - 2 * below).abs_().sum(-1)
    row, bin_ = divmod(int(edges.argmax()), edges.shape[1])
    cut = Cut(places[row], binned.threshold(places[row], bin_))
    return Found(cut, float(edges[row, bin_]))


def best_product(
    binned: Binned,
    signed: Tensor,
    *,
    factors: int,
    pick: Callable[[], Sequence[int]],
    answers: Callable[[Cut], Tensor],
) -> tuple[Cut, ...]:
    """Find a product of stumps with a large edge: one factor after another, then again.

    With the other factors held, the best factor is the best stump for labels times the others'
    product. A factor is replaced only by one that raises the edge, so that this ends.

    Args:
        binned: Features of the images.
        signed: `(images, classes)` float32, weights times labels in {-1, 1}.
        factors: How many stumps, at least one.
        pick: Gives the features to try in one search.
        answers: Gives the values of a stump on the images, `(images,)` in {-1, 1}.

    Source:
        Kégl & Busa-Fekete, ICML 2009, figure 2.
    """
    first = best_stump(binned, pick(), signed)
    chosen, values, edge = [first.cut], [answers(first.cut)], first.edge
    since = 0
    for search in range(1, factors * _PASSES if factors > 1 else 1):
        place = search % factors
        others = [value for other, value in enumerate(values) if other != place]
        found = best_stump(binned, pick(), signed * torch.stack(others).prod(0)[:, None])
        if place < len(chosen) and found.edge <= edge * (1 + 1e-6):
            since += 1
            if since == factors:
                break
            continue
        edge, since = found.edge, 0
        chosen[place : place + 1] = [found.cut]
        values[place : place + 1] = [answers(found.cut)]
    return tuple(chosen)
