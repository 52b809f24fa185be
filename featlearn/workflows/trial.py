"""A trial of a comparison at few labels: which classifier is made, and how it is judged."""

import itertools
from collections.abc import Iterator, Sequence
from typing import NamedTuple, Protocol

import msgspec

from featlearn.config.training import FinetuneSpec
from featlearn.wording import METHODS

PRETRAINED = "pretrained"
SCRATCH = "scratch"
PIXELS = "pixels"


class Setting(msgspec.Struct, frozen=True):
    """What is tuned, alike for both arms.

    Attributes:
        lr: Learning rate of the head.
        stack_lr: Multiplies it for the stages.
    """

    lr: float
    stack_lr: float

    def overrides(self) -> list[str]:
        """Write the setting as changes to a recipe."""
        return [f"finetune.optimizer.lr={self.lr}", f"finetune.stack_lr={self.stack_lr}"]

    def applied(self, spec: FinetuneSpec) -> FinetuneSpec:
        """Put the setting into a recipe's fine-tuning."""
        optimizer = msgspec.structs.replace(spec.optimizer, lr=self.lr)
        return msgspec.structs.replace(spec, optimizer=optimizer, stack_lr=self.stack_lr)


SETTINGS = tuple(itertools.starmap(Setting, itertools.product((2e-3, 6e-3), (0.1, 1.0))))
"""What each arm chooses from."""


class Trial(msgspec.Struct, frozen=True, kw_only=True):
    """One classifier to make and to judge.

    Attributes:
        arm: `pretrained`, `scratch`, or `pixels`: a linear classifier on the plain images.
        setting: How an arm is fine-tuned; as the recipe says, if absent.
        labels: Labels that are drawn, class-balanced; all if absent.
        label_seed: Seed of the draw.
        seed: Seed of the head and of a network from scratch.
        choosing: Whether it is judged on the training images that were not drawn, to
            choose a setting, instead of on the test split.
    """

    arm: str
    setting: Setting | None = None
    labels: int | None
    label_seed: int
    seed: int
    choosing: bool = False

    @property
    def words(self) -> str:
        """Name it in a message."""
        count = "all" if self.labels is None else self.labels
        what = ", choosing a setting" if self.choosing else ""
        return f"{count} labels, draw {self.label_seed}, {METHODS[self.arm]}{what}"


class Score(NamedTuple):
    """How many images a classifier named right, of how many."""

    right: int
    images: int

    @property
    def accuracy(self) -> float:
        """Share named right, in [0, 1]."""
        return self.right / self.images

    @property
    def error(self) -> float:
        """Share named wrong, in [0, 1]."""
        return (self.images - self.right) / self.images


class Judge(Protocol):
    """Judges trials."""

    def scores(self, trials: Sequence[Trial], *, workers: int) -> Iterator[Score]:
        """Judge all trials, and give their scores in their order."""
        ...
