"""Spherical k-means: a filter for every cluster of directions."""

import torch
from torch import Tensor

from featlearn.autoencoders.objective import LossTerms
from featlearn.stages.clusters import groups_of, squared_lengths
from featlearn.stages.filter import Filter
from featlearn.stages.filters import WindowedFilter
from featlearn.stages.stage import Stage

_LEAST_LENGTH = 1e-6  # of what a filter sees: what is shorter has no direction


class SphericalKMeans:
    """Pull, for every sample, the nearest of the filters towards it.

    The loss is m · mean(1 − max_k ⟨c_k, x / ‖x‖⟩) over samples and positions, with m filters
    c_k of unit norm. Its gradient at c_k is −m / n · Σ x / ‖x‖ over the samples of c_k: a step
    against it, and back to unit norm, is a damped step of k-means. Filters compete with those
    of their own position and group of maps; m counts them all, so that each moves alike.

    Source:
        Dhillon & Modha, Machine Learning 2001, spherical k-means; Coates & Ng, Learning feature
        representations with k-means, 2012, damped updates on whitened patches.
    """

    def terms(
        self, stage: Stage, x: Tensor, *, target: Tensor, generator: torch.Generator
    ) -> LossTerms:
        """Compute `distortion`; nothing is drawn."""
        encoder = stage.filter
        groups = groups_of(encoder)
        nearest = encoder(x).unflatten(1, (groups, -1)).amax(2)
        cosines = nearest / _lengths(encoder, x, groups=groups)
        filters = _banks(encoder) * encoder.output_shape.maps
        return {"distortion": filters * (1 - cosines).mean()}

    def after_step(self, stage: Stage) -> None:
        """Keep the filters at unit norm."""
        stage.filter.normalize_columns_(stage.filter.weight)


def _lengths(encoder: Filter, x: Tensor, *, groups: int) -> Tensor:
    """Measure what each position sees of each group of maps, `(batch, groups, rows, columns)`."""
    return squared_lengths(encoder, x, groups=groups).clamp_min(_LEAST_LENGTH**2).sqrt()


def _banks(encoder: Filter) -> int:
    """Count the positions that have filters of their own."""
    if not isinstance(encoder, WindowedFilter) or encoder.shared:
        return 1
    rows, columns = encoder.weight.shape[:2]
    return rows * columns
