"""Whether the stages of a run are in good health, while they learn and at the end."""

from collections.abc import Sequence

from featlearn.config.recipe import Recipe
from featlearn.evaluate.health import StageHealth, brief_health, stack_health
from featlearn.report.health_words import health_faults
from featlearn.training.pictures import Pictures
from featlearn.training.pretraining import Pretraining
from featlearn.training.progress import Progress
from featlearn.training.settling import measured_at_once
from featlearn.training.states import in_use
from featlearn.visualize.tiles import spread

_ENOUGH = 100  # held-out images, from which on these are looked at
_PER_EPOCH = 256
_SHARE = 8  # of the images of an epoch one is looked at, at most
_AT_THE_END = 1000


class Examination:
    """Looks at the stages that learn, always at the same images.

    They are held-out ones, if there are enough, or images that are learned from.
    """

    def __init__(self, training: Pretraining) -> None:
        """Take what is trained, and choose the images."""
        self.stack = training.stack
        self.taught = sorted(training.objectives)
        self.places = {phase.name: list(phase.places) for phase in training.phases}
        learned, kept = training.material.images, training.material.held_out
        self.images = learned if kept is None or len(kept) < _ENOUGH else kept
        self.few = _spread(self.images, min(_PER_EPOCH, max(len(learned) // _SHARE, 1)))

    def __call__(self, phase: str) -> dict[str, dict[str, float]]:
        """Give figures of the stages that a phase trains, as its epoch ends."""
        places = [place for place in self.places[phase] if place in self.taught]
        with in_use(self.stack):
            return brief_health(self.stack, places, self.few.batches(self._at_once))

    def result(self) -> list[StageHealth]:
        """Give all figures of every stage that learned, at the end."""
        if not self.taught:
            return []
        some = _spread(self.images, _AT_THE_END)
        with in_use(self.stack):
            return stack_health(self.stack, some.batches(self._at_once), stages=self.taught)

    @property
    def _at_once(self) -> int:
        return measured_at_once(self.stack)


def warn_of_faults(recipe: Recipe, health: Sequence[StageHealth], told: Progress) -> None:
    """Say what is wrong with stages, a sentence each, with what to try."""
    specs = {spec.name: spec for spec in recipe.stages}
    for found in health:
        for fault in health_faults(specs[found.stage], found):
            told.note(f"{found.stage}: {fault}")


def _spread(images: Pictures, most: int) -> Pictures:
    return Pictures(images.set.subset(spread(len(images), most)), images.device)
