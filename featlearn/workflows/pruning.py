"""When a trial of a search is stopped early: rules on its measurements and those of others."""

import statistics
from collections.abc import Sequence
from typing import Literal, NamedTuple, assert_never

Pruner = Literal["median", "halving", "none"]

STARTUP = 5
"""Trials that must be complete before the median stops any."""

REDUCTION = 3
"""Under successive halving, one trial of so many goes on at each rung."""


class Point(NamedTuple):
    """A measurement of a trial, at the end of an epoch.

    Attributes:
        phase: Phase of training, counted from 0.
        epoch: Epochs of this phase that are done.
        value: What the search minimises, as far as it is known by then.
    """

    phase: int
    epoch: int
    value: float


class Past(NamedTuple):
    """The measurements of another trial.

    Attributes:
        curve: Ascending by phase and epoch.
        complete: Whether it came to its end.
    """

    curve: Sequence[Point]
    complete: bool


def stops(
    pruner: Pruner, curve: Sequence[Point], past: Sequence[Past], *, planned: Sequence[int]
) -> bool:
    """Decide whether a trial is stopped at its last measurement.

    Trials are compared at the same epoch of the same phase, since another phase has another
    loss, and a phase may end early, by patience.

    Args:
        pruner: The rule.
        curve: Measurements of the trial, up to now.
        past: Those of the trials before.
        planned: Epochs that the trial plans for each phase.
    """
    match pruner:
        case "median":
            return _above_median(curve, past)
        case "halving":
            return _not_promoted(curve, past, planned)
        case "none":
            return False
        case _:
            assert_never(pruner)


def value_at(trial: Past, *, phase: int, epoch: int) -> float | None:
    """Give what a trial had reached at an epoch of a phase.

    Returns:
        The first measurement at that epoch or behind it; of a phase that ended before, its
        last; `None` where the trial was stopped before.
    """
    inside = [point for point in trial.curve if point.phase == phase]
    reached = next((point.value for point in inside if point.epoch >= epoch), None)
    if reached is not None or not inside:
        return reached
    went_on = trial.complete or trial.curve[-1].phase > phase
    return inside[-1].value if went_on else None


def _above_median(curve: Sequence[Point], past: Sequence[Past]) -> bool:
    """Stop what never was as good in this phase as half of the complete trials are by now.

    Source:
        Golovin et al., Google Vizier, KDD 2017, section 3.2.2, with the others' values at the
        epoch instead of their running means.
    """
    complete = [trial for trial in past if trial.complete]
    if len(complete) < STARTUP:
        return False
    now = curve[-1]
    found = [value_at(trial, phase=now.phase, epoch=now.epoch) for trial in complete]
    others = [value for value in found if value is not None]
    best = min(point.value for point in curve if point.phase == now.phase)
    return bool(others) and best > statistics.median(others)


def _not_promoted(curve: Sequence[Point], past: Sequence[Past], planned: Sequence[int]) -> bool:
    """Stop what is not among the best third at a rung that it has just reached.

    Source:
        Li et al., A system for massively parallel hyperparameter tuning, MLSys 2020,
        algorithm 2, where a trial that may not go on at once never does.
    """
    now = curve[-1]
    before = curve[-2] if len(curve) > 1 else Point(0, 0, 0.0)
    for phase, epoch in rungs(planned):
        if not (before.phase, before.epoch) < (phase, epoch) <= (now.phase, now.epoch):
            continue
        if phase != now.phase:  # its phase ended before the rung, by patience
            continue
        others = [value_at(trial, phase=phase, epoch=epoch) for trial in past]
        competing = sorted([now.value, *(value for value in others if value is not None)])
        promoted = max(len(competing) // REDUCTION, 1)
        if now.value > competing[promoted - 1]:
            return True
    return False


def rungs(planned: Sequence[int]) -> list[tuple[int, int]]:
    """Place the rungs of successive halving: after a third of all epochs, a ninth, and so on.

    >>> rungs([5, 5])
    [(0, 1), (0, 3)]

    Args:
        planned: Epochs of each phase.

    Returns:
        The phase and epoch of each rung, ascending.
    """
    found: list[tuple[int, int]] = []
    left = sum(planned) // REDUCTION
    while left >= 1:
        phase, epoch = 0, left
        while epoch > planned[phase]:
            epoch -= planned[phase]
            phase += 1
        found.append((phase, epoch))
        left //= REDUCTION
    return found[::-1]
