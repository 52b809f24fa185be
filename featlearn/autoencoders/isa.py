"""Orthonormal filters whose pooled responses are few: ISA and topographic ICA."""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.func import functional_call

from featlearn.autoencoders.objective import LossTerms
from featlearn.ops.losses import l1
from featlearn.ops.orthonormal import orthonormal_rows, orthonormal_step
from featlearn.stages.filter import Filter
from featlearn.stages.filters import WindowedFilter
from featlearn.stages.stage import Stage


class OrthonormalComponents:
    """Find orthonormal filters of which few are active together: Σ_j √(ε + Σ_{i ∈ j} (w_i x)²).

    What is summed under a root is what the stage pools, with its ε: disjoint groups of maps in
    independent subspace analysis (ISA), windows that overlap in topographic ICA. On white input
    WWᵀ = I keeps responses uncorrelated and their variance 1, so that nothing is won by scale,
    and nothing need be rebuilt. Filters of one position are orthonormal over what they see, and
    within their group of maps below.

    The constraint is part of the term's gradient too: what would only scale or mix the filters
    is most of it, would be undone after the step, and until then is what an adaptive step is
    measured by.

    Source:
        Hyvärinen & Hoyer, Neural Computation 2000, and Le et al., CVPR 2011, for subspaces;
        Hyvärinen, Hoyer & Inki, Neural Computation 2001, for the topographic form; Le et al.,
        Tiled convolutional neural networks, NIPS 2010, for filters with a window.
    """

    def terms(
        self, stage: Stage, x: Tensor, *, target: Tensor, generator: torch.Generator
    ) -> LossTerms:
        """Compute `pooling`; nothing is drawn or rebuilt."""
        W = _by_rows(stage.filter, orthonormal_step)
        code = functional_call(stage.filter, {"weight": W}, (x,))
        pooled = stage.pooled(code)  # roots, and so their own absolute values
        return {"pooling": l1(pooled).mean()}

    def after_step(self, stage: Stage) -> None:
        """Restore WWᵀ = I, moving the filters as little as that takes."""
        stage.filter.weight.copy_(_by_rows(stage.filter, orthonormal_rows))


def _by_rows(encoder: Filter, change: Callable[[Tensor], Tensor]) -> Tensor:
    """Change the filters of each position, and of each group of maps below, as rows of a matrix."""
    groups = encoder.groups if isinstance(encoder, WindowedFilter) else 1
    rows = encoder.weight.unflatten(-4, (groups, -1)).flatten(-3)
    return change(rows).view_as(encoder.weight)
