"""What every way of learning from unlabelled images is given, and gives."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import ClassVar, NamedTuple

import torch
from torch import Tensor, nn

from featlearn.autoencoders.objective import LossTerms
from featlearn.heads.classifier import Classifier
from featlearn.stages.activation import BatchTopK
from featlearn.training.optimizers import Group, weight_groups


class Given(NamedTuple):
    """What a way works with in one step.

    Attributes:
        classifier: What learns, in training mode.
        teacher: Gives the logits of the average of its weights, as in use, without gradients.
        change: Changes images at random, as labelled ones are.
        draw: Source of every random draw.
        rows: Which of the unlabelled images the batch holds; none for a labelled batch.
        alone: Whether a labelled batch is all that this step learns from.
    """

    classifier: Classifier
    teacher: Callable[[Tensor], Tensor]
    change: Callable[[Tensor, torch.Generator], Tensor]
    draw: torch.Generator
    rows: Tensor | None = None
    alone: bool = False


class Way(nn.Module, ABC):
    """One way of learning from unlabelled images.

    A module for what it learns or measures itself, which checkpoints keep and the finished
    classifier has no need of; the classifier is no part of it.

    Attributes:
        taken: Steps that were begun, on the device; the loss rises with them.
    """

    taken: Tensor
    averages: ClassVar[bool] = False
    """Whether it asks the teacher, which then must be kept."""

    disturbs: ClassVar[bool] = False
    """Whether it answers labelled images in a way of its own."""

    def __init__(self) -> None:
        """Begin at the first step."""
        super().__init__()
        self.register_buffer("taken", torch.zeros((), dtype=torch.int64))

    @abstractmethod
    def terms(self, images: Tensor, given: Given) -> LossTerms:
        """Compute the terms of a batch, unweighted.

        Args:
            images: Unlabelled, `(batch, maps, height, width)`, in [0, 1].
            given: What there is to compute with.
        """

    def answer(self, images: Tensor, given: Given) -> Tensor:
        """Give the logits by which a batch of labelled images is learned."""
        return given.classifier(images)

    def groups(self, classifier: Classifier) -> list[Group]:
        """Give what learns beside the classifier's own weights: here the way's parameters."""
        del classifier
        return weight_groups(self)

    def after_step(self, classifier: Classifier) -> None:
        """Restore constraints, without gradients; here there are none."""


@contextmanager
def statistics_held(module: nn.Module) -> Generator[None]:
    """Within it, batch normalisation takes a batch's statistics without keeping them.

    So does a batch-top-k activation.

    For passes over images that are none of the data: moved, or seen a second time.
    """
    tracking = [
        part
        for part in module.modules()
        if isinstance(part, nn.BatchNorm2d | BatchTopK)
        and part.training
        and part.track_running_stats
    ]
    for part in tracking:
        part.track_running_stats = False
    try:
        yield
    finally:
        for part in tracking:
            part.track_running_stats = True
