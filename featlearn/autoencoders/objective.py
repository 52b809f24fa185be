"""What a stage can be trained by: the protocol that every objective meets."""

from typing import Protocol

import torch
from torch import Tensor

from featlearn.stages.stage import Stage

LossTerms = dict[str, Tensor]
"""Named, weighted, scalar parts of a loss; the loss is their sum."""


class Objective(Protocol):
    """An unsupervised objective of one stage.

    Any object with these two methods can train a stage: `pretrain` takes it by the name of
    the stage. Only the stage's parameters are trained, so it has no weights of its
    own, and a checkpoint holds nothing of it, so it keeps no state from step to step. A run
    records it as it writes itself, and a resume compares that: a dataclass writes its
    numbers. docs/own-objectives.md has an example.
    """

    def terms(
        self, stage: Stage, x: Tensor, *, target: Tensor, generator: torch.Generator
    ) -> LossTerms:
        """Compute the terms of the loss.

        Called at every step, and for held-out images, without gradients, after every epoch.

        Args:
            stage: The stage in training; `stage.code(x)` and `stage.decode(h)` are its
                encoder and decoder.
            x: Its scaled input, `(batch, maps, height, width)`; patches of it, if the
                recipe says so.
            target: What to rebuild, of the same shape; `x` itself, or `x` without
                its gradient where stages are trained through one another.
            generator: Source of every random draw, on the device of `x`.

        Returns:
            One or more scalars by name, the same names every time, each weighted already,
            summed over features and averaged over the batch.
        """
        ...

    def after_step(self, stage: Stage) -> None:
        """Restore constraints on the weights, in place and without gradients.

        Called after every step of the optimiser, and once before the first.
        """
        ...
