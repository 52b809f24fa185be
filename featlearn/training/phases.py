"""What pre-training trains, in order: stages one by one, or all together."""

from collections.abc import Collection
from typing import NamedTuple

import msgspec

from featlearn.config.recipe import JOINT, Recipe
from featlearn.config.training import LoopSpec


class Phase(NamedTuple):
    """One part of a schedule.

    Attributes:
        name: Name of the stage, or `joint`.
        places: Stages trained in it.
        epochs: Epochs to train for; 0 for a stage without an objective.
        loop: Batch, optimiser, rate, with the stage's own learning rate.
    """

    name: str
    places: tuple[int, ...]
    epochs: int
    loop: LoopSpec

    @property
    def joint(self) -> bool:
        """Whether stages are trained together."""
        return self.name == JOINT


def plan_phases(recipe: Recipe, taught: Collection[int]) -> list[Phase]:
    """List the phases of a recipe's schedule.

    Args:
        recipe: What to train.
        taught: Places of the stages that have an objective.
    """
    spec = recipe.pretrain
    phases: list[Phase] = []
    if spec.schedule != "joint":
        phases += [_greedy(recipe, place, taught) for place in range(len(recipe.stages))]
    if spec.schedule != "greedy":
        epochs = spec.epochs if spec.joint_epochs is None else spec.joint_epochs
        phases.append(Phase(JOINT, tuple(sorted(taught)), epochs if taught else 0, spec))
    return phases


def _greedy(recipe: Recipe, place: int, taught: Collection[int]) -> Phase:
    """Plan the training of one stage on the frozen output of those below."""
    stage, loop = recipe.stages[place], recipe.pretrain
    if place not in taught:
        return Phase(stage.name, (place,), 0, loop)
    loop = msgspec.structs.replace(loop, optimizer=recipe.optimizer_of(stage))
    return Phase(stage.name, (place,), stage.epochs or loop.epochs, loop)
