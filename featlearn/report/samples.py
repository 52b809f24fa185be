"""A sample of images to look at a network with."""

from pathlib import Path
from typing import NamedTuple

from torch import Tensor

from featlearn.config.recipe import Recipe
from featlearn.datasets.held_out import split_training
from featlearn.datasets.source import open_splits
from featlearn.datasets.tensors import as_images, as_tensor
from featlearn.geometry import MapShape
from featlearn.visualize.tiles import spread

_FEWEST, _MOST = 64, 700
_PIXELS = 12_000_000
"""About how many pixels of images a page can hold."""

SIDE = 128
"""Images are shown in the page at this many pixels a side at most."""


class Sample(NamedTuple):
    """Images, and what is known of them.

    Attributes:
        images: `(n, maps, height, width)` in [0, 1].
        words: Which they are.
        labels: `(n,)` int64, places in `classes`, or `None`.
        classes: Names of the classes, empty without labels.
    """

    images: Tensor
    words: str
    labels: Tensor | None
    classes: tuple[str, ...]


def sample_size(shape: MapShape) -> int:
    """Say how many images of a shape a page can hold."""
    pixels = min(shape.height, SIDE) * min(shape.width, SIDE)
    return min(max(_PIXELS // pixels, _FEWEST), _MOST)


def sample_images(
    recipe: Recipe, shape: MapShape, *, root: Path | None, most: int | None = None
) -> Sample | None:
    """Take images that the network was not fitted to, as far as there are any.

    Held-out training images come first; where the recipe holds none out, images that
    were learned from. The test split is left alone: looking is a choice too.

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
    chosen = kept if len(kept) else learned
    taken = chosen.subset(spread(len(chosen), sample_size(shape) if most is None else most))
    words = f"{len(taken)} held-out images"
    if not len(kept):
        words = f"{len(taken)} images that were learned from, as none were held out"
    labels = None if taken.labels is None else as_tensor(taken.labels)
    return Sample(as_images(taken.images), words, labels, taken.classes)
