"""What the best of many units comes to by chance: how far a choice by few images can flatter."""

import torch
from torch import Tensor

from featlearn.evaluate.thresholds import Tally, check_sets

CHANCE = 0.05
"""How often, at most, the best unit may come to more by chance alone."""

_CELLS = 1 << 22  # probabilities that are computed at once


def chance_accuracy(counted: Tally, positive: int = 1, *, chance: float = CHANCE) -> float:
    """Bound how accurate the best unit, sign and threshold are if labels have no meaning.

    Labels are dealt out to the same images anew, as many of each as there are. A threshold
    with m of n images above it names R = 2 T + N - m right, P positives and N others in all,
    where T, the positives above, is hypergeometric; with the other sign n - R. The chance that
    any of all units, signs and thresholds names r or more right is at most the sum of their
    chances, however alike the units are (Boole's inequality). Thresholds of a unit that part
    the images alike count once.

    Args:
        counted: What `tally` counted where units are chosen.
        positive: The class to find.
        chance: How often the best may come to more.

    Returns:
        In [0, 1]: the largest accuracy that the bound does not rule out. The best unit comes to
        more in less than a share `chance` of all ways to deal labels; a choice at or below
        it may be luck. 1 where even the best conceivable choice may be.

    Raises:
        DataError: If there are no images of the class, or no others.
    """
    positives = int(counted.counts[positive][0].sum())
    images = int(counted.counts[:, 0].sum())
    check_sets(positives, images - positives)
    above, times = _partings(counted)
    expected = torch.zeros(images + 1, dtype=torch.float64)
    step = max(_CELLS // (positives + 1), 1)
    for some, often in zip(above.split(step), times.split(step), strict=True):
        found, right = _hypergeometric(some, positives=positives, images=images)
        weighted = often.double()[:, None] * found
        for named in (right, images - right):
            expected.index_add_(0, named.clamp(0, images).flatten(), weighted.flatten())
    reached = expected.flip(0).cumsum(0).flip(0)
    likely = (reached >= chance).nonzero()
    return int(likely[-1]) / images if len(likely) else 0.0


def _partings(counted: Tally) -> tuple[Tensor, Tensor]:
    """Count the ways in which units part images: how many lie above, and how often that is."""
    counts = counted.counts.sum(0)[counted.usable]
    images = int(counted.counts[:, 0].sum())
    above = counts.flip(1).cumsum(1).flip(1)[:, 1:].cpu()
    new = torch.ones_like(above, dtype=torch.bool)
    new[:, 1:] = above[:, 1:] != above[:, :-1]
    times = torch.bincount(above[new], minlength=images + 1)
    (different,) = times.nonzero(as_tuple=True)
    return different, times[different]


def _hypergeometric(above: Tensor, *, positives: int, images: int) -> tuple[Tensor, Tensor]:
    """Give the chance of each number of positives above, and how many are right then.

    Returns:
        `(partings, positives + 1)` each; the chance is 0 where there cannot be as many.
    """
    found = torch.arange(positives + 1)
    others = images - positives
    m, missed = above[:, None], above[:, None] - found
    possible = (missed >= 0) & (missed <= others)
    logs = torch.lgamma(torch.arange(images + 1, dtype=torch.float64) + 1)

    def choose(n: Tensor | int, k: Tensor) -> Tensor:
        k = k.clamp(min=0)
        rest = (n - k).clamp(min=0)
        return logs[n] - logs[k.clamp(max=images)] - logs[rest]

    log = choose(positives, found) + choose(others, missed) - choose(images, m)
    return torch.where(possible, log.exp(), 0.0), 2 * found + others - m
