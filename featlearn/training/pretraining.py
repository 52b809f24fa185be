"""Unsupervised training of a stack, phase by phase."""

from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

import torch
from torch import nn

from featlearn.autoencoders.build import build_objectives
from featlearn.autoencoders.objective import (
    Objective,
    Remembering,
    Starting,
    check_objective,
)
from featlearn.config.augmentation import check_augment
from featlearn.config.recipe import Recipe
from featlearn.datasets.augment import build_augment
from featlearn.datasets.batches import batches_of
from featlearn.errors import RecipeError
from featlearn.networks.loading import load_stages
from featlearn.networks.stack import Stack, build_stack
from featlearn.networks.store import load_state
from featlearn.ops.random import generator
from featlearn.stages.activation import BatchTopK
from featlearn.training.checkpoints import Checkpoint
from featlearn.training.driver import Standing
from featlearn.training.loop import Loop
from featlearn.training.phases import Phase, plan_phases
from featlearn.training.pictures import Pictures
from featlearn.training.problems import (
    GreedyProblem,
    Material,
    build_problem,
    learning_input,
)
from featlearn.training.rates import check_warmup
from featlearn.training.settling import (
    check_components,
    check_norms,
    fit_scaler,
    fitting_sample,
    following,
    settle,
    settle_above,
    settle_norm,
)

_STARTED_ON = 1000
"""Images that an objective may set first weights by."""


class Conductor(Protocol):
    """Takes loops to their end: a `Driver`, which writes a run, or one that writes nothing."""

    @property
    def standing(self) -> Standing:
        """Where the training stands."""
        ...

    def count(self, name: str, *, done: int, of: int) -> None:
        """Tell how much is done of what must be ready before a loop begins."""
        ...

    def run(self, loop: Loop, module: nn.Module) -> None:
        """Take a loop to its end; `module` is what it trains, all of it."""
        ...

    def skip(self, name: str) -> None:
        """Note a phase that has nothing to train."""
        ...

    def between(self, module: nn.Module) -> None:
        """Go on from one phase to the next."""
        ...


class Pretraining:
    """Trains a stack on images by its recipe's schedule."""

    def __init__(
        self,
        recipe: Recipe,
        images: Pictures,
        *,
        held_out: Pictures | None,
        objectives: Mapping[str, Objective] | None = None,
        weights: Path | None = None,
    ) -> None:
        """Take the recipe and the images; the network is built here.

        Args:
            recipe: What to build and how to train it.
            images: Images to learn from.
            held_out: Images that are only measured.
            objectives: Objectives by the name of their stage, instead of those
                that the recipe names.
            weights: A file of published weights of the recipe's network to begin with. What
                they measured of the images that they learned from stays.

        Raises:
            RecipeError: If the stages or the augmentation do not fit, an objective's stage is
                not there, or the rate's warm-up takes every step of a phase.
            DataError: If there are too few images for batch statistics.
            UsageError: If one of `objectives` gives no loss, which is tried on a batch, or is
                for no stage, or there are weights for a recipe of no network.
            CheckpointError: If the weights are not those of the network.
        """
        self.recipe = recipe
        augment = recipe.pretrain.augment
        check_augment(augment, images.shape, table="pretrain")
        self.material = Material(
            images,
            held_out,
            build_augment(augment) if augment else None,
            recipe.seed,
            recipe.pretrain.resample,
        )
        self.sample = fitting_sample(recipe, images)
        everything = self.sample.at(range(len(self.sample))) if recipe.preprocess else None
        self.stack: Stack = build_stack(
            recipe, images.shape, seed=recipe.seed, images=everything
        ).to(images.device)
        self.begun = weights is not None
        if weights is not None:
            load_stages(self.stack, weights, recipe.network)
        check_components(self.stack, self.sample)
        self.objectives = self._objectives(objectives or {})
        self.phases = plan_phases(recipe, self.objectives)
        self._check_phases()
        for name, objective in (objectives or {}).items():
            self._try(self.stack.index(name), objective)

    def run(self, driver: Conductor, checkpoint: Checkpoint | None = None) -> None:
        """Take every phase that is left to its end.

        Args:
            driver: Takes every loop to its end.
            checkpoint: Where to go on from.
        """
        if checkpoint is not None:
            load_state(Path("the checkpoint"), self.stack, checkpoint.model)
        elif self.phases[0].joint:
            settle(self.stack, self.sample, norms=not self.begun)
        for phase in self.phases[driver.standing.phase :]:
            self._run_phase(phase, driver, checkpoint)
            driver.between(self.stack)
            checkpoint = None
        self.stack.eval()

    def _run_phase(self, phase: Phase, driver: Conductor, checkpoint: Checkpoint | None) -> None:
        """Train one phase, from its beginning or from the middle."""
        standing = driver.standing
        if standing.loop is None and not phase.joint:
            fit_scaler(self.stack, phase.places[0], self.sample)
        if standing.loop is None and not (self.begun or self._learned_before(phase)):
            self._start(phase)
        if phase.epochs == 0:
            driver.skip(phase.name)
        else:
            spec = self.recipe.pretrain
            problem = build_problem(
                phase,
                self.stack,
                self.objectives,
                self.material,
                through=spec.through,
                recompute=spec.recompute,
            )
            loop = Loop(problem, phase.loop, epochs=phase.epochs, seed=self.recipe.seed)
            if checkpoint is not None and standing.loop is not None:
                loop.restore(checkpoint.training, standing.loop)
            with following(self.stack, on=phase.joint):
                driver.run(loop, self.stack)
        if self.begun and phase.epochs == 0:
            return
        if not phase.joint:
            settle_norm(self.stack, phase.places[0], self.sample)
        elif phase.places:
            settle_above(self.stack, max(phase.places), self.sample)

    def _learned_before(self, phase: Phase) -> bool:
        """Tell whether the stages of a phase have been trained by the one before."""
        return phase.joint and self.phases[0] is not phase

    @torch.no_grad()
    def _start(self, phase: Phase) -> None:
        """Let objectives that ask for it set the first weights of their stages by data."""
        images = self.sample.at(range(min(len(self.sample), _STARTED_ON)))
        self.stack.eval()
        for place in phase.places:
            objective, stage = self.objectives.get(place), self.stack.stage(place)
            if isinstance(objective, Starting):
                maps = self.stack.maps_below(images, place)
                draw = generator(self.recipe.seed, stage.name, "start", device=maps.device)
                objective.start(stage, stage.scaler(learning_input(stage, maps, draw)))

    def _check_phases(self) -> None:
        """Refuse what a later phase cannot take before the first one begins.

        That is a warm-up as long as the phase, and, in joint training, batches that the
        norms below the last stage have no statistics of, or what must not be computed twice.
        """
        samples = len(self.material.images)
        for place, objective in self.objectives.items():
            if self.recipe.pretrain.recompute and isinstance(objective, Remembering):
                raise RecipeError(
                    f"stage {self.stack.stage(place).name!r}: its objective keeps what it has "
                    "seen, which `pretrain.recompute` would count twice: leave out one of the two"
                )
        for stage in map(self.stack.stage, range(len(self.stack))):
            if self.recipe.pretrain.recompute and isinstance(stage.activation, BatchTopK):
                raise RecipeError(
                    f"stage {stage.name!r}: its activation measures a threshold, in which "
                    "`pretrain.recompute` would count batches twice: leave out one of the two"
                )
        for phase in (phase for phase in self.phases if phase.epochs):
            loop, table = phase.loop, "pretrain"
            steps = phase.epochs * len(batches_of(samples, batch=loop.batch, seed=0, epoch=0))
            check_warmup(loop.rate, steps=steps, phase=phase.name, table=table)
            if phase.joint:
                below = range(max(phase.places))
                check_norms(self.stack, below, batch=loop.batch, samples=samples, table=table)

    def _objectives(self, given: Mapping[str, Objective]) -> dict[int, Objective]:
        """Find the objective of every stage that has one."""
        for name, objective in given.items():
            check_objective(objective, stage=name)
        found = build_objectives(self.recipe.stages)
        found |= {self.stack.index(name): objective for name, objective in given.items()}
        return dict(sorted(found.items()))

    def _try(self, place: int, objective: Objective) -> None:
        """Ask an objective for its terms once, on a batch, before anything is written.

        As training begins, after its constraints are restored; the weights are put back.
        """
        stage = self.stack.stage(place)
        before = {name: tensor.clone() for name, tensor in stage.state_dict().items()}
        with torch.no_grad():
            objective.after_step(stage)
        problem = GreedyProblem(self.stack, place, objective, self.material)
        rows = torch.arange(min(self.recipe.pretrain.batch, problem.samples))
        draw = generator(self.recipe.seed, problem.name, "trial", device=problem.device)
        problem.terms(rows, draw)
        stage.load_state_dict(before)
