"""Trainings of Bernoulli RBMs for so long: by a recipe, and by scikit-learn."""

import contextlib
import functools
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import msgspec
import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.neural_network import BernoulliRBM

from featlearn.autoencoders.machine import BoltzmannMachine
from featlearn.config.banks import DenseSpec
from featlearn.config.boltzmann import RbmSpec
from featlearn.config.recipe import Recipe
from featlearn.datasets.imageset import ImageSet
from featlearn.geometry import MapShape
from featlearn.networks.stack import build_stack
from featlearn.training.pictures import Pictures
from featlearn.training.pretraining import Pretraining
from featlearn.training.progress import StepReport
from featlearn.training.unrecorded import Unrecorded

OURS = "featlearn"
_TIMED_STEPS, _WARM_STEPS = 60, 10
_MARGIN = 0.97

Rows = NDArray[np.float32]
"""Binary images, `(n, 784)` zeros and ones."""


class Setting(NamedTuple):
    """How scikit-learn's machine is trained."""

    batch: int
    lr: float

    @property
    def name(self) -> str:
        """What it is called in the table."""
        return f"scikit-learn, batch {self.batch}, rate {self.lr:g}"


class Trained(NamedTuple):
    """A machine, and what its training took."""

    machine: BoltzmannMachine
    seconds: float
    epochs: float


class _Over(Exception):  # a bell, and nobody's error
    """The time is up."""


def sides(
    recipe: Recipe,
    train: Rows,
    seed: int,
    seconds: float,
    clock: Callable[[], float],
    settings: list[Setting],
) -> Iterator[tuple[str, Callable[[], Trained]]]:
    """Give every side by its name."""
    yield OURS, functools.partial(_ours, recipe, train, seed, seconds, clock)
    for setting in settings:
        run = functools.partial(_theirs, recipe, train, seed, seconds, clock, setting)
        yield setting.name, run


def _ours(
    recipe: Recipe, train: Rows, seed: int, seconds: float, clock: Callable[[], float]
) -> Trained:
    """Train by the recipe, with as many epochs as there is time for."""
    per_epoch = _seconds_per_epoch(recipe, train, clock)
    epochs = max(1, int(_MARGIN * seconds / per_epoch))
    steps = [0]

    def watch(_loop: Any, report: StepReport) -> None:
        steps.append(report.step)
        if clock() - begun > seconds:
            raise _Over

    training = _training(recipe, train, epochs, seed)
    begun = clock()
    with contextlib.suppress(_Over):
        training.run(Unrecorded(watch=watch))
    taken = clock() - begun
    machine = BoltzmannMachine(training.stack.eval().stage(0))
    return Trained(machine, taken, steps[-1] * recipe.pretrain.batch / len(train))


def _seconds_per_epoch(recipe: Recipe, train: Rows, clock: Callable[[], float]) -> float:
    """Time some steps of a training that is thrown away."""
    times: list[float] = []

    def watch(_loop: Any, report: StepReport) -> None:
        times.append(clock())
        if report.step == _TIMED_STEPS:
            raise _Over

    training = _training(recipe, train, 1000, 0)
    with contextlib.suppress(_Over):
        training.run(Unrecorded(watch=watch))
    steps = -(-len(train) // recipe.pretrain.batch)
    return steps * (times[-1] - times[_WARM_STEPS]) / (_TIMED_STEPS - _WARM_STEPS - 1)


def _training(recipe: Recipe, train: Rows, epochs: int, seed: int) -> Pretraining:
    """Set the recipe up on binary images."""
    pretrain = msgspec.structs.replace(recipe.pretrain, epochs=epochs)
    stage = recipe.stages[0]
    assert isinstance(stage.objective, RbmSpec)
    objective = msgspec.structs.replace(stage.objective, sampled=False)
    stage = msgspec.structs.replace(stage, objective=objective)
    recipe = msgspec.structs.replace(recipe, pretrain=pretrain, stages=(stage,), seed=seed)
    bytes_of = (train * 255).astype(np.uint8).reshape(-1, 1, 28, 28)
    images = ImageSet(bytes_of, None, (), None, "mnist")
    return Pretraining(recipe, Pictures(images, torch.device("cpu")), held_out=None)


def _theirs(
    recipe: Recipe,
    train: Rows,
    seed: int,
    seconds: float,
    clock: Callable[[], float],
    setting: Setting,
) -> Trained:
    """Train scikit-learn's machine, batch after batch, until the time is up."""
    units = recipe.stages[0].filter
    assert isinstance(units, DenseSpec)
    model = BernoulliRBM(
        units.maps, learning_rate=setting.lr, batch_size=setting.batch, n_iter=1, random_state=seed
    )
    order = np.random.default_rng(seed)
    begun, steps = clock(), 1
    model.fit(train[: setting.batch])  # one step; begun by `partial_fit`, it is in double precision
    while clock() - begun < seconds:
        rows = order.permutation(len(train))
        for start in range(0, len(rows) - setting.batch + 1, setting.batch):
            model.partial_fit(train[rows[start : start + setting.batch]])
            steps += 1
            if clock() - begun >= seconds:
                break
    taken = clock() - begun
    return Trained(_as_machine(recipe, model), taken, steps * setting.batch / len(train))


def _as_machine(recipe: Recipe, model: BernoulliRBM) -> BoltzmannMachine:
    """Put scikit-learn's weights into a stage."""
    stage = build_stack(recipe, MapShape(1, 28, 28), seed=0).stage(0)
    machine = BoltzmannMachine(stage)
    assert stage.filter.bias is not None
    pairs = (
        (stage.filter.weight, model.components_),
        (machine.bias, model.intercept_visible_),
        (stage.filter.bias, model.intercept_hidden_),
    )
    with torch.no_grad():
        for own, theirs in pairs:
            own.copy_(torch.from_numpy(theirs).view_as(own))
    return machine
