"""Specs of several tasks that are learned together on one stack."""

import msgspec

from featlearn.config.base import Count, Name, Positive, Spec
from featlearn.config.heads import ClassificationSpec, HeadSpec


class TaskSpec(Spec, frozen=True, kw_only=True):
    """One task of several: a head of its own on the shared stages, and the images it learns from.

    `name` is that of its `head` in the run. `source` is where its images come from, taken under
    the size policy of `[data]`; the recipe's own if absent. `targets` are the columns of the
    source's targets that a regression or multi-label head learns, all if empty. An image that
    lacks a label of the task is not learned from by it. `labels` is how many labels
    are used, class-balanced, all if absent. `weight` multiplies the loss, unless
    `finetune.weighting` learns it.
    """

    name: Name
    head: HeadSpec = msgspec.field(default_factory=ClassificationSpec)
    source: str | None = None
    targets: tuple[str, ...] = ()
    labels: Count | None = None
    weight: Positive = 1.0

    def __post_init__(self) -> None:
        """Classes are no columns."""
        if self.targets and isinstance(self.head, ClassificationSpec):
            raise ValueError("`targets` belongs to a head of the kind regression or multi-label")
