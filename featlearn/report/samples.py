"""A sample of images to look at a network with."""

from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from featlearn.config.recipe import Recipe
from featlearn.datasets.grouping import groups_of
from featlearn.datasets.held_out import split_training
from featlearn.datasets.imageset import ImageSet
from featlearn.datasets.source import open_splits
from featlearn.datasets.tensors import as_images, as_tensor
from featlearn.geometry import MapShape
from featlearn.visualize.tiles import spread

BATCH = 64
"""Images that go through a network at a time. A kernel is compiled for each size of a batch, so
that samples are of whole batches where there are enough images."""

_FEWEST, _ENOUGH, _MOST = BATCH, 5 * BATCH, 11 * BATCH
_PIXELS = 12_000_000
"""About how many pixels of images a page can hold."""

SIDE = 128
"""Images are shown in the page at this many pixels a side at most."""


class Sample(NamedTuple):
    """Images, and what is known of them.

    Attributes:
        images: `(n, maps, height, width)` in [0, 1], those that were held out first.
        words: Which they are.
        held_out: How many were held out.
        judged: Which of them figures of stages are of: those, if there are any.
        labels: `(n,)` int64, places in `classes`, or `None`.
        classes: Names of the classes, empty without labels.
        groups: `(n,)` int64, which of them belong together, by their names; `None` where
            each stands by itself, or has no name.
    """

    images: Tensor
    words: str
    held_out: int
    judged: str
    labels: Tensor | None
    classes: tuple[str, ...]
    groups: Tensor | None = None

    @property
    def clean(self) -> Tensor:
        """The images that figures of stages are of."""
        return self.images[: self.held_out] if self.held_out else self.images


def sample_size(shape: MapShape) -> int:
    """Say how many images of a shape a page can hold."""
    pixels = min(shape.height, SIDE) * min(shape.width, SIDE)
    return min(max(whole_batches(_PIXELS // pixels), _FEWEST), _MOST)


def whole_batches(count: int) -> int:
    """Round a number of images down to whole batches, unless it is less than one."""
    return count if count < BATCH else count // BATCH * BATCH


def sample_images(
    recipe: Recipe, shape: MapShape, *, root: Path | None, most: int | None = None
) -> Sample | None:
    """Take images to look at a network with.

    Held-out training images come first; where there are fewer than a few hundred, images
    that were learned from follow. The test split is left alone: looking is a choice too.

    Args:
        recipe: What the network was trained by.
        shape: Shape of the images that it takes.
        root: Where data sets are.
        most: How many images to take; what a page can hold if absent.

    Returns:
        `None` if the data have another shape now.

    Raises:
        FeatlearnError: If the data are missing or broken.
    """
    train = open_splits(recipe.data, root=root, seed=recipe.seed).train
    if train.shape != shape:
        return None
    learned, kept = split_training(recipe, train)
    room = sample_size(shape) if most is None else most
    own = kept.subset(spread(len(kept), whole_batches(min(len(kept), room))))
    wanted = min(room, _ENOUGH) if len(own) else room
    wanted = whole_batches(min(wanted, len(own) + len(learned)))
    more = learned.subset(spread(len(learned), max(wanted - len(own), 0)))
    labels = None
    if own.labels is not None and more.labels is not None:
        labels = torch.cat([as_tensor(own.labels), as_tensor(more.labels)])
    seen = f"{len(more)} that were learned from"
    judged = f"{len(own)} held-out images"
    if not len(own):
        judged = f"{len(more)} images that were learned from, as none were held out"
    return Sample(
        images=torch.cat([as_images(own.images), as_images(more.images)]),
        words=f"{judged} and {seen}" if len(own) and len(more) else judged,
        held_out=len(own),
        judged=judged,
        labels=labels,
        classes=learned.classes,
        groups=_groups(own, more),
    )


def _groups(own: ImageSet, more: ImageSet) -> Tensor | None:
    """Number the groups of images that belong together, over two parts of a set."""
    if own.ids is None or more.ids is None:
        return None
    labels = None
    if own.labels is not None and more.labels is not None:
        labels = np.concatenate([own.labels, more.labels])
    images = np.concatenate([own.images, more.images])
    both = replace(own, images=images, labels=labels, ids=own.ids + more.ids)
    found = groups_of(both, in_classes=True)
    return None if found is None else torch.from_numpy(np.unique(found, return_inverse=True)[1])
