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
from featlearn.errors import RecipeError


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
    last = steps - 1
    match spec:
        case ConstantSpec(warmup=warmup):
            return min(1.0, (step + 1) / (warmup + 1))
        case StepSpec(every=every, factor=factor):
            return factor ** (step // steps_per_epoch // every)
        case CosineSpec(warmup=warmup, floor=floor):
            if step < warmup:
                return (step + 1) / (warmup + 1)
            return _cosine(1.0, floor, (step - warmup) / max(last - warmup, 1))
        case OneCycleSpec(rise=rise, start=start, floor=floor):
            # Of two steps or one the first is at the full rate: none would learn else.
            turn = min(max(round(rise * last), 1), last - 1) if last > 1 else 0
            if step < turn:
                return _cosine(start, 1.0, step / turn)
            return _cosine(1.0, floor, (step - turn) / max(last - turn, 1))
        case PlateauSpec():
            return 1.0
        case _:
            assert_never(spec)


def check_warmup(spec: ScheduleSpec, *, steps: int, phase: str, table: str) -> None:
    """Refuse a warm-up that leaves no step at the full rate.

    Args:
        spec: The schedule.
        steps: Steps in all.
        phase: Name of what is trained.
        table: The recipe's table that holds the schedule.

    Raises:
        RecipeError: If it takes all steps, or more.
    """
    warmup = spec.warmup if isinstance(spec, ConstantSpec | CosineSpec) else 0
    if warmup and warmup >= steps:
        raise RecipeError(
            f"{phase}: {table}.rate.warmup is {warmup} steps, and there are {steps} in all; "
            "set it lower, or train for more epochs"
        )


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
