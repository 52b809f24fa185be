"""Steps of training that are taken to look at them, and undone."""

import math
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from typing import TypeVar

import msgspec
from torch import nn

from featlearn.config.training import ConstantSpec, LoopSpec
from featlearn.training.averaging import WeightAverage
from featlearn.training.loop import Loop
from featlearn.training.problem import Problem
from featlearn.training.progress import Progress, Silent, StepReport

S = TypeVar("S", bound=LoopSpec)


def at_full_rate(spec: S) -> S:
    """Take the schedule away: every step is at the optimiser's rate, and none is the last."""
    return msgspec.structs.replace(spec, rate=ConstantSpec(), patience=None)


@contextmanager
def unchanged(module: nn.Module) -> Generator[None]:
    """Give a module back its weights, buffers and mode afterwards, and no gradients."""
    kept = {name: tensor.detach().clone() for name, tensor in module.state_dict().items()}
    modes = {part: part.training for part in module.modules()}
    try:
        yield
    finally:
        module.load_state_dict(kept)
        for part, training in modes.items():
            part.training = training
        for parameter in module.parameters():
            parameter.grad = None


def tried_steps(
    problem: Problem,
    spec: LoopSpec,
    rates: Sequence[float],
    *,
    seed: int,
    name: str | None = None,
    average: WeightAverage | None = None,
    progress: Progress | None = None,
) -> Generator[StepReport]:
    """Take the steps that training would take, each at a rate of its own.

    Args:
        problem: What to minimise; its weights are changed.
        spec: Batch, optimiser, clipping and precision; its schedule counts for nothing.
        rates: The learning rate of each step.
        seed: Seed of order and noise.
        name: What progress calls it; the problem's name if absent.
        average: Follows the weights, as the problem's teacher may be one; it is changed.
        progress: Told of every step.

    Yields:
        What each step came to; its loss is that before the step's change.

    Raises:
        TrainingError: If the loss is no longer finite.
    """
    name, shown = name or problem.name, progress or Silent()
    plain = at_full_rate(spec)
    loop = Loop(problem, plain, epochs=max(len(rates), 1), seed=seed)
    loop.average = average
    shown.start(name, epochs=math.ceil(len(rates) / loop.steps_per_epoch), steps=len(rates))
    steps = loop.steps()
    try:
        for number, rate in enumerate(rates, start=1):
            optimizer = msgspec.structs.replace(spec.optimizer, lr=rate)
            loop.spec = msgspec.structs.replace(plain, optimizer=optimizer)
            report = next(steps)._replace(phase=name, step=number, steps=len(rates))
            shown.step(report)
            yield report
    finally:
        shown.stop()
