"""What a stage can be trained by: the protocol that every objective meets."""

from typing import Protocol

import torch
from torch import Tensor

from featlearn.stages.stage import Stage

LossTerms = dict[str, Tensor]
"""Named, weighted, scalar parts of a loss; the loss is their sum."""


class Objective(Protocol):
    """An unsupervised objective of one stage.

    Any object with these two methods can train a stage.
    """

    def terms(
        self, stage: Stage, x: Tensor, *, target: Tensor, generator: torch.Generator
    ) -> LossTerms:
        """Compute the terms of the loss, each averaged over the batch.

        Args:
            stage: The stage in training.
            x: Its scaled input, `(batch, maps, height, width)`.
            target: What to rebuild, of the same shape; `x` itself, or `x` without
                its gradient where stages are trained through one another.
            generator: Source of every random draw.
        """
        ...

    def after_step(self, stage: Stage) -> None:
        """Restore constraints on the weights; called once before training too."""
        ...
