"""`evaluate --likelihood`: how likely images are under stages that are Boltzmann machines."""

import functools
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import msgspec
import torch
from torch import Tensor

from featlearn.autoencoders.machine import BoltzmannMachine, drawn
from featlearn.config.boltzmann import RbmSpec
from featlearn.config.recipe import Recipe
from featlearn.datasets.held_out import split_training
from featlearn.datasets.imageset import ImageSet
from featlearn.datasets.source import open_splits
from featlearn.errors import UsageError
from featlearn.evaluate.likelihood import (
    base_log_likelihood,
    log_likelihood,
    pseudo_log_likelihood,
)
from featlearn.evaluate.partition import (
    PartitionEstimate,
    base_rates,
    enumerable,
    estimate_log_partition,
    exact_log_partition,
)
from featlearn.evaluate.rebuilding import rebuildable
from featlearn.networks.stack import Stack
from featlearn.ops.random import generator
from featlearn.training.pictures import Pictures
from featlearn.training.progress import Progress, Silent
from featlearn.visualize.tiles import spread
from featlearn.workflows.runs import check_shape, open_run

CHAINS, STEPS = 100, 14_500
"""Of annealing, as in Salakhutdinov & Murray (2008)."""

MOST = 10_000
"""Images of each split that are looked at."""

_AT_ONCE = 500


class Likelihood(msgspec.Struct, frozen=True, kw_only=True):
    """How likely images of a split are, in nats for each, averaged over images.

    Attributes:
        images: How many there are; patches, of a stage that learned from such.
        log_likelihood: The mean of log p(v) under the machine.
        spread: Standard error of that mean, as images differ.
        base_rates: The same mean under the likeliest machine without weights, which knows how
            often each unit is on (or its mean) and nothing else.
        pseudo_likelihood: The mean of Σ_i log p(v_i | all others), by one unit of each image;
            `None` where inputs are not binary.
    """

    images: int
    log_likelihood: float
    spread: float
    base_rates: float
    pseudo_likelihood: float | None


class StageLikelihood(msgspec.Struct, frozen=True, kw_only=True):
    """What one machine makes of its input.

    Attributes:
        stage: Name of the stage.
        visible: `bernoulli` or `gaussian`.
        hidden: How many hidden units it has.
        method: Whether log Z was computed (`exact`) or estimated by annealing (`ais`).
        log_z: Logarithm of the partition function, in nats.
        log_z_error: Its standard error, and so that of each log-likelihood; 0 if exact.
        effective: Chains that would have told as much at equal weights; `None` if exact.
        train: Images that the run learned from.
        test: Test images, if there are any.
    """

    stage: str
    visible: Literal["bernoulli", "gaussian"]
    hidden: int
    method: Literal["exact", "ais"]
    log_z: float
    log_z_error: float
    effective: float | None
    train: Likelihood
    test: Likelihood | None


class LikelihoodResult(msgspec.Struct, frozen=True, kw_only=True):
    """Likelihoods of a run's images under its restricted Boltzmann machines.

    Attributes:
        run: The run.
        source: Where the images came from.
        chains: Chains of annealing.
        steps: Its steps.
        stages: One entry for each stage that is a machine, bottom first.
    """

    run: str
    source: str
    chains: int
    steps: int
    stages: tuple[StageLikelihood, ...]


def likelihood(
    path: Path | str,
    *,
    root: Path | None = None,
    chains: int = CHAINS,
    steps: int = STEPS,
    device: str = "auto",
    threads: int | None = None,
    progress: Progress | None = None,
) -> LikelihoodResult:
    """Measure how likely images are under every stage that is a restricted Boltzmann machine.

    Binary inputs are drawn once, by the seed of the recipe, from what the stage is given,
    taken as probabilities. The partition function is computed where states are few enough to go
    through, and estimated by annealed importance sampling elsewhere.

    Args:
        path: The run.
        root: Where data sets are; `$FEATLEARN_DATA` or the user's cache if absent.
        chains: Chains of annealing.
        steps: Steps that each takes from the base rates to the machine.
        device: `auto`, `cpu` or `cuda`.
        threads: Threads of CPU operations; PyTorch's own choice if absent.
        progress: Told how many steps are done.

    Raises:
        FeatlearnError: If the run or the data stand in the way.
        UsageError: If no stage is such a machine.
    """
    _, (stack, recipe, _), chosen = open_run(path, device=device, threads=threads)
    progress = progress or Silent()
    machines = {
        spec.name: spec.objective for spec in recipe.stages if isinstance(spec.objective, RbmSpec)
    }
    if not machines:
        raise UsageError(
            f"{path} has no stage whose objective is `rbm`, and others give images no likelihood"
        )
    splits = open_splits(recipe.data, root=root, seed=recipe.seed)
    train = _some(split_training(recipe, splits.train)[0], stack, chosen)
    test = None if splits.test is None else _some(splits.test, stack, chosen)
    measure = functools.partial(
        _stage, stack, recipe, train=train, test=test, budget=(chains, steps), progress=progress
    )
    return LikelihoodResult(
        run=str(path),
        source=recipe.data.source,
        chains=chains,
        steps=steps,
        stages=tuple(measure(name) for name in machines),
    )


def _some(images: ImageSet, stack: Stack, device: torch.device) -> Pictures:
    """Take images from all over a split."""
    return check_shape(images.subset(spread(len(images), MOST)), stack.input_shape, device)


@torch.no_grad()
def _stage(
    stack: Stack,
    recipe: Recipe,
    name: str,
    *,
    train: Pictures,
    test: Pictures | None,
    budget: tuple[int, int],
    progress: Progress,
) -> StageLikelihood:
    """Measure one machine."""
    stage = stack.stage(name)
    machine = BoltzmannMachine(stage)
    base = base_rates(machine, _visible(stack, machine, train, recipe.seed, "train"))
    exact = enumerable(machine)
    found = (
        PartitionEstimate(exact_log_partition(machine), 0.0, 0.0)
        if exact
        else _estimate(machine, base, recipe.seed, budget, progress)
    )

    def measure(pictures: Pictures, split: str) -> Likelihood:
        batches = _visible(stack, machine, pictures, recipe.seed, split)
        draw = generator(recipe.seed, "likelihood", name, split, "units", device=pictures.device)
        return _likelihood(machine, batches, base, found.log_z, draw)

    return StageLikelihood(
        stage=name,
        visible="gaussian" if machine.gaussian else "bernoulli",
        hidden=machine.responses(machine.zeros(1)).numel(),
        method="exact" if exact else "ais",
        log_z=found.log_z,
        log_z_error=found.error,
        effective=None if exact else found.effective,
        train=measure(train, "train"),
        test=None if test is None else measure(test, "test"),
    )


def _visible(
    stack: Stack, machine: BoltzmannMachine, pictures: Pictures, seed: int, split: str
) -> Iterator[Tensor]:
    """Give the visible units of a machine for images, in batches, the same every time."""
    stage = machine.stage
    draw = generator(seed, "likelihood", stage.name, split, device=pictures.device)
    for images in pictures.batches(_AT_ONCE):
        maps = rebuildable(stage, stack.maps_below(images, stack.index(stage.name)))
        x = stage.scaler(maps)
        yield x if machine.gaussian else drawn(x, generator=draw)


def _estimate(
    machine: BoltzmannMachine,
    base: Tensor,
    seed: int,
    budget: tuple[int, int],
    progress: Progress,
) -> PartitionEstimate:
    """Anneal chains, and say how far they are."""
    name, (chains, steps) = machine.stage.name, budget
    draw = generator(seed, "likelihood", name, "chains", device=machine.bias.device)

    def told(done: int) -> None:
        progress.count("steps", done=done, of=steps, words=f"{name}: {chains} annealed chains")

    told(0)
    try:
        return estimate_log_partition(
            machine, base, chains=chains, steps=steps, generator=draw, told=told
        )
    finally:
        progress.stop()


def _likelihood(
    machine: BoltzmannMachine,
    batches: Iterator[Tensor],
    base: Tensor,
    log_z: float,
    draw: torch.Generator,
) -> Likelihood:
    """Average over images."""
    own: list[Tensor] = []
    bases: list[Tensor] = []
    pseudo: list[Tensor] = []
    for v in batches:
        own.append(log_likelihood(machine, v, log_z=log_z))
        bases.append(base_log_likelihood(machine, v, base))
        if not machine.gaussian:
            pseudo.append(pseudo_log_likelihood(machine, v, generator=draw))
    each = torch.cat(own)
    return Likelihood(
        images=len(each),
        log_likelihood=float(each.mean()),
        spread=float(each.std()) / len(each) ** 0.5 if len(each) > 1 else 0.0,
        base_rates=float(torch.cat(bases).mean()),
        pseudo_likelihood=float(torch.cat(pseudo).mean()) if pseudo else None,
    )
