"""Training on data that come in parts: one epoch over each part as it comes."""

from typing import NamedTuple

import msgspec
from torch import Tensor

from featlearn.autoencoders.build import build_objectives
from featlearn.config.augmentation import check_augment
from featlearn.config.recipe import Recipe
from featlearn.config.training import ConstantSpec
from featlearn.datasets.augment import build_augment
from featlearn.errors import RecipeError
from featlearn.networks.stack import Stack, build_stack
from featlearn.training.loop import Loop, LoopState
from featlearn.training.phases import Phase, plan_phases
from featlearn.training.pictures import Pictures
from featlearn.training.problems import Material, build_problem
from featlearn.training.progress import Progress
from featlearn.training.settling import fitting_sample, following, settle, settle_above
from featlearn.training.unrecorded import Unrecorded


class SoFar(NamedTuple):
    """What training on earlier parts leaves behind beside the network.

    Attributes:
        tensors: State of the optimiser.
        parts: Parts seen.
        steps: Steps taken.
    """

    tensors: dict[str, Tensor]
    parts: int
    steps: int

    def cpu(self) -> "SoFar":
        """Give the same on the CPU."""
        return self._replace(tensors={name: value.cpu() for name, value in self.tensors.items()})


def begin_stack(recipe: Recipe, images: Pictures) -> Stack:
    """Build a stack whose preparation and scaling are fitted on a first part.

    Raises:
        RecipeError: If the recipe trains its stages one after the other: what a stage would
            see changes with every part of those below; or changes images that are too small.
    """
    _phase(recipe)
    check_augment(recipe.pretrain.augment, images.shape, table="pretrain")
    sample = fitting_sample(recipe, images)
    everything = sample.at(range(len(sample))) if recipe.preprocess else None
    stack = build_stack(recipe, images.shape, seed=recipe.seed, images=everything)
    stack = stack.to(images.device)
    settle(stack, sample)
    return stack


def learn_part(
    recipe: Recipe,
    stack: Stack,
    images: Pictures,
    so_far: SoFar | None,
    *,
    progress: Progress | None = None,
) -> SoFar:
    """Go once over a part, with the optimiser as the last part left it.

    The rate is constant, as nobody knows how many parts will come.

    Args:
        recipe: How to train.
        stack: What `begin_stack` gave; it is changed.
        images: The part.
        so_far: What the last part left; `None` before the first.
        progress: Told of every step.

    Raises:
        TrainingError: If the figures or the weights are no longer finite.
    """
    phase = _phase(recipe)
    spec = msgspec.structs.replace(phase.loop, rate=ConstantSpec(), patience=None)
    parts = 0 if so_far is None else so_far.parts
    steps = 0 if so_far is None else so_far.steps
    augment = recipe.pretrain.augment
    material = Material(
        images,
        None,
        build_augment(augment) if augment else None,
        recipe.seed,
        recipe.pretrain.resample,
    )
    problem = build_problem(
        phase,
        stack,
        build_objectives(recipe.stages),
        material,
        through=recipe.pretrain.through,
        recompute=recipe.pretrain.recompute,
    )
    loop = Loop(problem, spec, epochs=parts + 1, seed=recipe.seed)
    if so_far is not None:
        state = LoopState(epoch=parts, step=steps)
        loop.restore(so_far.tensors, msgspec.to_builtins(state))
    with following(stack, on=phase.joint):
        Unrecorded(progress).run(loop, stack)
    settle_above(stack, max(phase.places), fitting_sample(recipe, images))
    tensors, _ = loop.save()
    return SoFar(tensors, parts + 1, loop.state.step)


def _phase(recipe: Recipe) -> Phase:
    """Find the one phase of a recipe that trains everything at once."""
    taught = build_objectives(recipe.stages)
    phases = [phase for phase in plan_phases(recipe, taught) if phase.epochs]
    if len(phases) != 1:
        raise RecipeError(
            "data in parts need a recipe that trains its stages at the same time: set "
            f'pretrain.schedule = "joint", or keep one stage; got {len(phases)} phases'
        )
    return phases[0]
