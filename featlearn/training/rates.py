"""Learning rates over time, as multiples of the optimiser's rate."""

import math
from dataclasses import dataclass
from typing import assert_never

from featlearn.config.training import (
    ConstantSpec,
    CosineSpec,
    OneCycleSpec,
    PlateauSpec,
    ScheduleSpec,
    StepSpec,
)


def rate_factor(spec: ScheduleSpec, *, step: int, steps: int, steps_per_epoch: int) -> float:
    """Give the factor of one step: a pure function, so that nothing needs saving.

    Args:
        spec: The schedule.
        step: The step about to be taken, from 0.
        steps: Steps in all.
        steps_per_epoch: Steps of one epoch.

    Returns:
        What to multiply the learning rate by. A plateau's factor depends on the
        held-out loss, and is kept by `Plateau`; here it counts as 1.
    """
    match spec:
        case ConstantSpec(warmup=warmup):
            return min(1.0, (step + 1) / (warmup + 1))
        case StepSpec(every=every, factor=factor):
            return factor ** (step // steps_per_epoch // every)
        case CosineSpec(warmup=warmup, floor=floor):
            if step < warmup:
                return (step + 1) / (warmup + 1)
            done = (step - warmup) / max(steps - warmup, 1)
            return _cosine(1.0, floor, done)
        case OneCycleSpec(rise=rise, start=start, floor=floor):
            turn = max(rise * steps, 1.0)
            if step < turn:
                return _cosine(start, 1.0, step / turn)
            return _cosine(1.0, floor, (step - turn) / max(steps - turn, 1.0))
        case PlateauSpec():
            return 1.0
        case _:
            assert_never(spec)


def _cosine(first: float, last: float, done: float) -> float:
    """Go from `first` to `last` along half a cosine, `done` in [0, 1]."""
    return last + (first - last) * (1 + math.cos(math.pi * min(done, 1.0))) / 2


@dataclass
class Plateau:
    """The factor of a plateau schedule, and what it has seen."""

    spec: PlateauSpec
    factor: float = 1.0
    best: float = math.inf
    waited: int = 0

    def see(self, loss: float) -> None:
        """Take the held-out loss of an epoch; shrink the rate after too many worse ones."""
        if loss < self.best:
            self.best, self.waited = loss, 0
            return
        self.waited += 1
        if self.waited >= self.spec.patience:
            self.factor *= self.spec.factor
            self.waited = 0
