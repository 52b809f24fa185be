"""Steps of k-means over points: nearest centres, sums of clusters, and where centres begin."""

from typing import NamedTuple

import torch
from torch import Tensor

_CELLS = 1 << 22  # distances that are held at once
_TRIED = 8  # points for each centre that is placed, of which it is one


class ClusterSums(NamedTuple):
    """What belongs to each of k centres."""

    counts: Tensor
    """How many points, `(k,)`, whole numbers."""

    sums: Tensor
    """Their sum, `(k, d)`, in double precision."""


@torch.no_grad()
def nearest_centres(points: Tensor, centres: Tensor, *, allowed: Tensor | None = None) -> Tensor:
    """Find the centre that is nearest to each point.

    Args:
        points: `(n, d)`.
        centres: `(k, d)`, k >= 1.
        allowed: `(k,)`, which centres there are, one at least; all if absent.

    Returns:
        `(n,)`, places of centres; of equally near ones the first, up to rounding.
    """
    norms = centres.square().sum(1)
    if allowed is not None:
        norms = norms.masked_fill(~allowed, torch.inf)
    parts = points.split(max(_CELLS // len(centres), 1))
    found = [torch.addmm(norms, part, centres.T, alpha=-2).argmin(1) for part in parts]
    return torch.cat(found) if found else norms.new_zeros(0, dtype=torch.long)


@torch.no_grad()
def cluster_sums(points: Tensor, nearest: Tensor, *, count: int) -> ClusterSums:
    """Sum the points of each cluster.

    Args:
        points: `(n, d)`.
        nearest: `(n,)`, the cluster of each.
        count: How many clusters there are.
    """
    sums = points.new_zeros(count, points.shape[1], dtype=torch.float64)
    sums.index_add_(0, nearest, points.double())
    return ClusterSums(torch.bincount(nearest, minlength=count), sums)


@torch.no_grad()
def spread_points(
    points: Tensor, taken: Tensor, *, count: int, generator: torch.Generator
) -> Tensor:
    """Choose points to put centres on, far from those that there are: k-means++.

    One after the other is drawn with a chance in proportion to its squared distance from the
    nearest centre so far; the very first, where there is no centre yet, evenly. Only some of
    the points, drawn evenly, are looked at if there are many.

    Args:
        points: `(n, d)`.
        taken: Centres that there are, `(m, d)`, m >= 0.
        count: How many points to choose.
        generator: Source of the draws, on the device of the points.

    Returns:
        `(at most count,)`, places of points: fewer if no point is left that is off all centres.

    Source:
        Arthur & Vassilvitskii, SODA 2007.
    """
    tried = torch.randperm(len(points), generator=generator, device=points.device)
    tried = tried[: _TRIED * count]
    few = points[tried].double()
    if len(taken):
        own = taken.double()[nearest_centres(points[tried], taken)]
        distances = (few - own).square().sum(1)
    else:
        distances = few.new_ones(len(few))
    chosen: list[Tensor] = []
    draws = torch.rand(count, generator=generator, device=points.device, dtype=torch.float64)
    for place in range(min(count, len(few))):
        reach = distances.cumsum(0)
        if not reach[-1] > 0:
            break
        # A draw below 1 ends inside the sum; where the distance is 0 the sum does not grow.
        here = torch.searchsorted(reach, draws[place] * reach[-1], right=True)
        chosen.append(tried[here])
        apart = (few - few[here]).square().sum(1)
        distances = apart if place == 0 and not len(taken) else torch.minimum(distances, apart)
    return torch.stack(chosen) if chosen else tried[:0]
