"""Rules that stop trials: Optuna's own, phases compared apart, and ends that come early."""

import numpy as np
import optuna
import pytest
from optuna.trial import TrialState, create_trial

from featlearn.workflows.pruning import (
    REDUCTION,
    STARTUP,
    Past,
    Point,
    Pruner,
    rungs,
    stops,
    value_at,
)

EPOCHS = 27


def curves(count: int, *, seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return np.cumsum(rng.normal(-0.1, 0.5, (count, EPOCHS)), axis=1)


def points(values: np.ndarray) -> list[Point]:
    return [Point(0, epoch, float(value)) for epoch, value in enumerate(values, start=1)]


def lives(pruner: Pruner, losses: np.ndarray) -> list[int]:
    """Count the epochs of every trial, one after the other, under our rule."""
    past: list[Past] = []
    for row in losses:
        whole = points(row)
        end = next(
            (n for n in range(1, EPOCHS) if stops(pruner, whole[:n], past, planned=[EPOCHS])),
            EPOCHS,
        )
        past.append(Past(whole[:end], end == EPOCHS))
    return [len(trial.curve) for trial in past]


@pytest.mark.parametrize("seed", range(3))
def test_the_median_is_that_of_optuna(seed: int) -> None:
    losses, pruner = curves(40, seed=seed), optuna.pruners.MedianPruner(n_startup_trials=STARTUP)
    study = optuna.create_study()
    expected: list[int] = []
    for row in losses:
        measured: dict[int, float] = {}
        for epoch, value in enumerate(row, start=1):
            measured[epoch] = float(value)
            live = create_trial(state=TrialState.RUNNING, intermediate_values=dict(measured))
            if epoch < EPOCHS and pruner.prune(study, live):
                break
        expected.append(len(measured))
        if len(measured) == EPOCHS:
            done = create_trial(value=float(row[-1]), intermediate_values=measured)
            study.add_trial(done)
    assert lives("median", losses) == expected
    assert min(expected) < EPOCHS


@pytest.mark.parametrize("seed", range(3))
def test_successive_halving_is_that_of_optuna(seed: int) -> None:
    losses = curves(40, seed=seed)
    rule = optuna.pruners.SuccessiveHalvingPruner(min_resource=1, reduction_factor=REDUCTION)
    study = optuna.create_study(pruner=rule, sampler=optuna.samplers.RandomSampler(seed=0))
    expected: list[int] = []
    for row in losses:
        trial, length = study.ask(), EPOCHS
        for epoch, value in enumerate(row, start=1):
            trial.report(float(value), epoch)
            if epoch < EPOCHS and trial.should_prune():
                length = epoch
                break
        state = TrialState.COMPLETE if length == EPOCHS else TrialState.PRUNED
        study.tell(trial, float(row[-1]) if length == EPOCHS else None, state=state)
        expected.append(length)
    assert lives("halving", losses) == expected
    assert {1, 3, EPOCHS} <= set(expected) <= {1, 3, 9, EPOCHS}


def test_none_never_stops() -> None:
    assert lives("none", curves(20, seed=0)) == [EPOCHS] * 20


@pytest.mark.parametrize(
    ("planned", "expected"),
    [
        ([1], []),
        ([2], []),
        ([3], [(0, 1)]),
        ([9], [(0, 1), (0, 3)]),
        ([3, 3, 3], [(0, 1), (0, 3)]),
        ([2, 0, 7], [(0, 1), (2, 1)]),
        ([27], [(0, 1), (0, 3), (0, 9)]),
    ],
)
def test_rungs(planned: list[int], expected: list[tuple[int, int]]) -> None:
    assert rungs(planned) == expected


def test_phases_are_compared_apart() -> None:
    """The second phase adds its loss to that of the first, and is no worse for it."""
    others = [Past([Point(0, 1, 5.0), Point(0, 2, 4.0), Point(1, 1, 9.0)], True)] * STARTUP
    better = [Point(0, 1, 4.0), Point(0, 2, 3.0), Point(1, 1, 8.9)]
    worse = [*better[:2], Point(1, 1, 9.1)]
    assert not stops("median", better, others, planned=[2, 1])
    assert stops("median", worse, others, planned=[2, 1])
    assert not stops("median", worse, others[1:], planned=[2, 1])  # too few to tell


def test_a_phase_that_ended_early_counts_with_its_last_value() -> None:
    curve = [Point(0, 1, 5.0), Point(0, 2, 4.0), Point(1, 1, 9.0)]
    assert value_at(Past(curve, False), phase=0, epoch=1) == 5.0
    assert value_at(Past(curve, False), phase=0, epoch=7) == 4.0  # as it went on to the next
    assert value_at(Past(curve, False), phase=1, epoch=2) is None  # stopped before
    assert value_at(Past(curve, True), phase=1, epoch=2) == 9.0
    assert value_at(Past([], True), phase=0, epoch=1) is None
    # Measured at some epochs only, the first at the epoch or behind it counts.
    assert value_at(Past([Point(0, 3, 1.0), Point(0, 6, 2.0)], True), phase=0, epoch=4) == 2.0


def test_a_rung_in_a_phase_that_ended_before_it_is_none() -> None:
    """Patience ended the first phase; what the second measures is another loss."""
    past = [Past([Point(0, 1, 1.0), Point(0, 3, 1.0), Point(1, 1, 2.0)], True)] * 6
    curve = [Point(0, 1, 1.0), Point(1, 1, 50.0)]
    assert rungs([9, 1]) == [(0, 1), (0, 3)]
    assert not stops("halving", curve, past, planned=[9, 1])
