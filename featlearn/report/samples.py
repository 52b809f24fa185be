"""A few images to look at a network with."""

from pathlib import Path
from typing import NamedTuple

from torch import Tensor

from featlearn.config.recipe import Recipe
from featlearn.datasets.held_out import split_training
from featlearn.datasets.source import open_splits
from featlearn.datasets.tensors import as_images
from featlearn.geometry import MapShape
from featlearn.visualize.tiles import spread


class Sample(NamedTuple):
    """Images, and which they are in words."""

    images: Tensor
    words: str


def sample_images(
    recipe: Recipe, shape: MapShape, *, root: Path | None, most: int = 256
) -> Sample | None:
    """Take images that the network was not fitted to, as far as there are any.

    Held-out training images come first; where the recipe holds none out, images that
    were learned from. The test split is left alone: looking is a choice too.

    Args:
        recipe: What the network was trained by.
        shape: Shape of the images that it takes.
        root: Where data sets are.
        most: How many images to take.

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
    places = spread(len(chosen), most)
    words = f"{len(places)} held-out images"
    if not len(kept):
        words = f"{len(places)} images that were learned from, as none were held out"
    return Sample(as_images(chosen.images[places]), words)
