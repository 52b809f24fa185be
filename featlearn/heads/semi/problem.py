"""Fine-tuning on labelled and unlabelled images at once, as a problem for the loop."""

import torch
from torch import Tensor
from torch.func import functional_call

from featlearn.autoencoders.objective import LossTerms
from featlearn.config.training import FinetuneSpec
from featlearn.datasets.augment import Augment
from featlearn.heads.classifier import Classifier
from featlearn.heads.problem import FinetuneProblem
from featlearn.heads.semi.way import Given, Way
from featlearn.ops.consistency import ramp_up
from featlearn.training.averaging import WeightAverage
from featlearn.training.optimizers import Group
from featlearn.training.pictures import Pictures


class SemiProblem(FinetuneProblem):
    """The loss of a head on labelled images, and a weighted one on unlabelled images.

    An epoch is once through the labelled images. In every step unlabelled ones are drawn
    anew, each as likely as any other.

    Attributes:
        way: How it learns from unlabelled images, with all that is its own.
        average: What teaches, where the way asks for a teacher.
    """

    def __init__(
        self,
        classifier: Classifier,
        images: Pictures,
        unlabelled: Pictures,
        *,
        spec: FinetuneSpec,
        way: Way,
        validation: Pictures | None = None,
        augment: Augment | None = None,
    ) -> None:
        """Take the classifier, the images, and how to learn from those without labels.

        Args:
            classifier: What is trained.
            images: Labelled images.
            unlabelled: Images of the same shape; labels of theirs are not looked at.
            spec: How fine-tuning goes.
            way: How it learns from the unlabelled images.
            validation: Labelled images that are only measured.
            augment: Applied to every training batch, labelled or not.

        Raises:
            DataError: If the images have no labels, or all the same.
            RecipeError: If the head weighs a class that is not there.
        """
        super().__init__(
            classifier,
            images,
            spec=spec.head,
            stack_lr=spec.stack_lr,
            decay_by_stage=spec.decay_by_stage,
            validation=validation,
            augment=augment,
        )
        self.unlabelled = unlabelled
        assert spec.semi is not None, "without it nothing is learned from unlabelled images"
        self.semi = spec.semi
        self.way = self.aside = way.to(self.device)
        if self.way.disturbs:
            self.cache = None
        self.average: WeightAverage | None = None
        self.steps = 0

    def groups(self) -> list[Group]:
        """Give what learns of the classifier, and what the way has of its own."""
        return super().groups() + self.way.groups(self.classifier)

    def plan(self, steps: int, average: WeightAverage | None) -> None:
        """Say how many steps there will be, and whose average teaches."""
        self.steps = steps
        self.average = average

    def _answer(self, images: Tensor, draw: torch.Generator) -> Tensor:
        """Answer labelled images as the way does."""
        given = self._given(draw)
        return self.way.answer(images, given._replace(alone=self._share() == 0))

    def _given(self, draw: torch.Generator) -> Given:
        """Gather what the way works with."""
        return Given(self.classifier, self._teach, self._change, draw)

    def terms(self, rows: Tensor, draw: torch.Generator) -> LossTerms:
        """Compute the loss on the labelled images at `rows`, and on unlabelled ones."""
        supervised = super().terms(rows, draw)
        share = self._share()
        self.way.taken += 1
        if share == 0:
            return supervised
        some = torch.randint(
            len(self.unlabelled), (self.semi.batch,), generator=draw, device=draw.device
        )
        given = self._given(draw)._replace(rows=some)
        terms = self.way.terms(self.unlabelled.at(some), given)
        weight = self.semi.weight * share
        return supervised | {name: weight * term for name, term in terms.items()}

    def _share(self) -> float:
        """Say how much of its weight the loss of unlabelled images has in this step."""
        done = int(self.way.taken) / max(self.steps, 1)
        return ramp_up(done, wait=self.semi.wait, ramp=self.semi.ramp)

    @torch.no_grad()
    def after_step(self) -> None:
        """Let the way restore its constraints."""
        self.way.after_step(self.classifier)

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
