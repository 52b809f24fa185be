"""An average of a network's weights over the steps of its training."""

from collections.abc import Generator, Mapping
from contextlib import contextmanager
from typing import final

import torch
from torch import Tensor, nn

from featlearn.training.states import copied


@final
class WeightAverage:
    """The exponential moving average of everything that a module learns or measures.

    After step t (from 0) the average is d a + (1 - d) w, with d the least of `decay` and
    (1 + t) / (10 + t), so that the first weights, which are random, are soon forgotten. Running
    statistics of batch normalisation are averaged as weights are; whole numbers, such as counts
    of batches, are taken as they stand. What training does not change keeps its bytes.

    Attributes:
        decay: How much of itself the average keeps.
        values: The average, by the names of the module's state.

    Source:
        Polyak & Juditsky 1992; the first steps as in TensorFlow's ExponentialMovingAverage.
    """

    def __init__(self, module: nn.Module, decay: float) -> None:
        """Begin with the weights as they are."""
        self.module = module
        self.decay = decay
        self.values = copied(module.state_dict())

    @torch.no_grad()
    def update(self, step: int) -> None:
        """Take the weights in.

        Args:
            step: How many were taken in before.
        """
        kept = min(self.decay, (1 + step) / (10 + step))
        for name, now in self.module.state_dict().items():
            average = self.values[name]
            if average.is_floating_point():
                average.lerp_(now, 1 - kept)
            else:
                average.copy_(now)

    @contextmanager
    def in_use(self) -> Generator[None]:
        """Put the average in the place of the weights, and these back afterwards."""
        weights = copied(self.module.state_dict())
        self.module.load_state_dict(self.values)
        try:
            yield
        finally:
            self.module.load_state_dict(weights)

    def restore(self, values: Mapping[str, Tensor]) -> None:
        """Go on from an average that was saved."""
        for name, value in values.items():
            self.values[name].copy_(value)
