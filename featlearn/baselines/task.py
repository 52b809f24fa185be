"""What a row of the table is given, and what it gives back."""

import time
from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from featlearn.datasets.imageset import Images, Indices
from featlearn.datasets.labels import limited
from featlearn.datasets.tensors import as_images
from featlearn.training.progress import Progress, Silent

Settings = dict[str, float | int | str]
"""Hyper-parameters by their names."""


class Examples:
    """Labelled images.

    Attributes:
        images: `(n, maps, height, width)`, uint8 or float32.
        labels: `(n,)`, in [0, classes).
    """

    def __init__(self, images: Images, labels: Indices) -> None:
        """Take images with their labels."""
        self.images, self.labels = images, labels

    def __len__(self) -> int:
        """Count the images."""
        return len(self.images)

    @cached_property
    def rows(self) -> NDArray[np.float32]:
        """All pixels of an image in a row, `(n, pixels)`: bytes in [0, 1], floats as they are."""
        return as_rows(self.images)

    def some(self, places: Indices) -> "Examples":
        """Take some of the images; all of them as they are."""
        if len(places) == len(self):
            return self
        return Examples(self.images[places], self.labels[places])

    def limited(self, count: int, *, seed: int) -> "Examples":
        """Draw up to so many images, classes as even as their sizes allow."""
        return self.some(limited(self.labels, len(self), count, seed=seed))


def as_rows(images: Images) -> NDArray[np.float32]:
    """Put all pixels of an image in a row, `(n, pixels)`: bytes in [0, 1], floats as they are."""
    return as_images(images.reshape(len(images), -1)).numpy()


class Task(NamedTuple):
    """What a classifier is fitted to.

    Attributes:
        train: Images to learn from and to choose on.
        classes: How many classes there are.
        judged: How many images it will be judged on, for the cost of that.
        seed: Of every draw.
        threads: How many threads to use.
        rounds: Rounds or epochs to train for, in place of the row's own number.
        progress: Told of rounds.
    """

    train: Examples
    classes: int
    judged: int
    seed: int
    threads: int
    rounds: int | None = None
    progress: Progress = Silent()


class Allowance:
    """The seconds that a row may take to be chosen and fitted."""

    def __init__(self, seconds: float | None, *, spent: float = 0.0) -> None:
        """Begin to count.

        Args:
            seconds: How many there are; as many as it takes if absent.
            spent: How many were spent before.
        """
        self.seconds = seconds
        self._begun = time.monotonic() - spent

    @property
    def spent(self) -> float:
        """Seconds that were spent."""
        return time.monotonic() - self._begun

    @property
    def left(self) -> float:
        """Seconds that are left, at least 0."""
        return float("inf") if self.seconds is None else max(self.seconds - self.spent, 0.0)


class Choice(NamedTuple):
    """How settings were chosen among several.

    Attributes:
        tried: How many were tried.
        learned: Training images that each learned from.
        validated: Other training images that it was judged on.
        error: Share of those that the chosen one named wrong.
    """

    tried: int
    learned: int
    validated: int
    error: float


class Fitted(NamedTuple):
    """A classifier that has learned.

    Attributes:
        predict: Names the classes of images.
        settings: What it was fitted with.
        choice: How that was chosen; `None` where it is fixed.
        samples: Training images that it learned from.
        seconds: Time to choose and to fit.
        rounds: Rounds, trees of each class, or epochs; `None` where there are none.
        wanted: How many it would have had without a budget.
    """

    predict: Callable[[Images], Indices]
    settings: Settings
    choice: Choice | None
    samples: int
    seconds: float
    rounds: int | None = None
    wanted: int | None = None


class Kept(NamedTuple):
    """Where a row that takes long is kept while it is fitted.

    Attributes:
        file: The file; `None` keeps nothing.
        identity: What decides its bytes, as a text.
    """

    file: Path | None
    identity: str
