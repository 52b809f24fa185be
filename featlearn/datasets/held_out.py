"""Which training images a run learns from, and which it only measures."""

import numpy as np

from featlearn.config.recipe import Recipe
from featlearn.datasets.imageset import ImageSet, Indices
from featlearn.datasets.labels import hold_out
from featlearn.seeds import derive


def split_training(recipe: Recipe, images: ImageSet) -> tuple[ImageSet, ImageSet]:
    """Set held-out images apart from those that are learned from.

    Crops of one picture stay together: they overlap, and crops that were learned
    from would say little about others.

    Args:
        recipe: For the fraction held out, the crops and the seed.
        images: The training split, as `open_splits` gives it.

    Returns:
        The images to learn from, and those held out, of which there may be none.
    """
    learned, kept = split_places(recipe, len(images))
    return images.subset(learned), images.subset(kept)


def split_places(recipe: Recipe, count: int) -> tuple[Indices, Indices]:
    """Give the places of `count` training images as `split_training` parts them."""
    seed = derive(recipe.seed, "hold-out")
    crops = recipe.data.crops or 1
    pictures = hold_out(count // crops, recipe.data.hold_out, seed=seed)
    learned, kept = (
        (chosen[:, None] * crops + np.arange(crops)).reshape(-1) for chosen in pictures
    )
    return learned, kept
