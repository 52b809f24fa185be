"""Fine-tuning on labelled and unlabelled images at once, as a problem for the loop."""

from typing import assert_never

import torch
from torch import Tensor
from torch.func import functional_call

from featlearn.autoencoders.autoencoder import build_objectives
from featlearn.autoencoders.objective import LossTerms
from featlearn.config.semi import (
    FixMatchSpec,
    MeanTeacherSpec,
    PiSpec,
    PseudoLabelSpec,
    ReconstructionSpec,
    SemiSpec,
    VATSpec,
)
from featlearn.config.training import FinetuneSpec
from featlearn.datasets.augment import Augment
from featlearn.errors import RecipeError
from featlearn.heads.classifier import Classifier
from featlearn.heads.problem import FinetuneProblem
from featlearn.heads.semi.agreeing import Adversarial, MeanTeacher, Pi
from featlearn.heads.semi.labelling import FixMatch, PseudoLabel
from featlearn.heads.semi.rebuilding import Rebuilding
from featlearn.heads.semi.way import Given, Way
from featlearn.ops.consistency import ramp_up
from featlearn.training.averaging import WeightAverage
from featlearn.training.optimizers import Group
from featlearn.training.pictures import Pictures

TEACHER_DECAY = 0.999
"""How much of itself a teacher keeps where `finetune.ema` says nothing."""


class SemiProblem(FinetuneProblem):
    """The loss of a head on labelled images, and a weighted one on unlabelled images.

    An epoch is once through the labelled images. In every step unlabelled ones are drawn
    anew, each as likely as any other.

    Attributes:
        aside: The way of learning from unlabelled images, with all that is its own.
        average: What teaches, where the way asks for a teacher.
    """

    aside: Way

    def __init__(
        self,
        classifier: Classifier,
        images: Pictures,
        unlabelled: Pictures,
        *,
        spec: FinetuneSpec,
        semi: SemiSpec,
        validation: Pictures | None = None,
        augment: Augment | None = None,
    ) -> None:
        """Take the classifier, the images, and how to learn from those without labels.

        Args:
            classifier: What is trained.
            images: Labelled images.
            unlabelled: Images of the same shape; labels of theirs are not looked at.
            spec: How fine-tuning goes.
            semi: How it learns from the unlabelled images.
            validation: Labelled images that are only measured.
            augment: Applied to every training batch, labelled or not.

        Raises:
            DataError: If the images have no labels, or all the same.
            RecipeError: If the way cannot learn anything from this classifier.
        """
        super().__init__(
            classifier,
            images,
            spec=spec.head,
            stack_lr=spec.stack_lr,
            validation=validation,
            augment=augment,
        )
        self.unlabelled = unlabelled
        self.semi = semi
        self.aside = build_way(semi, classifier, self.labels).to(self.device)
        self.average: WeightAverage | None = None
        self.steps = 0

    def groups(self) -> list[Group]:
        """Give what learns of the classifier, and what the way has of its own."""
        return super().groups() + self.aside.groups(self.classifier)

    def plan(self, steps: int, average: WeightAverage | None) -> None:
        """Say how many steps there will be, and whose average teaches."""
        self.steps = steps
        self.average = average

    def terms(self, rows: Tensor, draw: torch.Generator) -> LossTerms:
        """Compute the loss on the labelled images at `rows`, and on unlabelled ones."""
        supervised = super().terms(rows, draw)
        done = int(self.aside.taken) / max(self.steps, 1)
        self.aside.taken += 1
        share = ramp_up(done, wait=self.semi.wait, ramp=self.semi.ramp)
        if share == 0:
            return supervised
        some = torch.randint(
            len(self.unlabelled), (self.semi.batch,), generator=draw, device=draw.device
        )
        given = Given(self.classifier, self._teach, self._change, draw)
        terms = self.aside.terms(self.unlabelled.at(some), given)
        weight = self.semi.weight * share
        return supervised | {name: weight * term for name, term in terms.items()}

    @torch.no_grad()
    def after_step(self) -> None:
        """Let the way restore its constraints."""
        self.aside.after_step(self.classifier)

    def _change(self, images: Tensor, draw: torch.Generator) -> Tensor:
        """Change images as labelled ones are."""
        return images if self.augment is None else self.augment(images, draw)

    @torch.no_grad()
    def _teach(self, images: Tensor) -> Tensor:
        """Answer with the average of the weights, as in use."""
        assert self.average is not None, "the loop keeps an average for a way that asks for it"
        self.classifier.eval()
        try:
            return functional_call(self.classifier, self.average.values, (images,))
        finally:
            self.classifier.train()


def build_way(spec: SemiSpec, classifier: Classifier, labels: Tensor) -> Way:
    """Build the way that a recipe names.

    Args:
        spec: What it says.
        classifier: What is to learn.
        labels: `(n,)` classes of the labelled images.

    Raises:
        RecipeError: If the way cannot learn anything from this classifier.
    """
    match spec:
        case PseudoLabelSpec():
            return PseudoLabel(spec)
        case PiSpec():
            return Pi()
        case MeanTeacherSpec():
            return MeanTeacher()
        case VATSpec():
            return Adversarial(spec)
        case FixMatchSpec():
            classes = classifier.classes
            share = torch.bincount(labels.cpu(), minlength=classes).float() / len(labels)
            return FixMatch(spec, share=share)
        case ReconstructionSpec():
            return _build_rebuilding(classifier)
        case _:
            assert_never(spec)


def _build_rebuilding(classifier: Classifier) -> Rebuilding:
    """Take the objectives of the stages that learn."""
    specs = [classifier.stack.stage(place).spec for place in range(len(classifier.stack))]
    objectives = {
        place: objective
        for place, objective in build_objectives(specs).items()
        if place >= classifier.freeze
    }
    if not objectives:
        raise RecipeError(
            "finetune.semi.kind 'reconstruction' rebuilds what stages rebuild in pre-training, but "
            "no stage that learns here has an objective: give one, or lower finetune.freeze"
        )
    return Rebuilding(objectives)
