"""Labelled images that fine-tuning only measures, where its recipe asks for any."""

import numpy as np

from featlearn.config.recipe import Recipe
from featlearn.config.training import PlateauSpec
from featlearn.datasets.imageset import Indices
from featlearn.datasets.labels import hold_out_labelled
from featlearn.errors import DataError
from featlearn.seeds import derive


def split_validation(
    recipe: Recipe, labels: Indices, *, seed: int, pictures: Indices | None = None
) -> tuple[Indices, Indices]:
    """Set labelled images apart for early stopping or a plateau, each class in proportion.

    Args:
        recipe: For what fine-tuning needs, and the share that is held out, a tenth if
            pre-training holds out none.
        labels: `(n,)` classes of the labelled images.
        seed: Seed of the draw of labels.
        pictures: `(n,)` the picture that each image is cut out of, if several may be.

    Returns:
        The places to learn from and those to measure on, each ascending; of the second there
        are none where neither `finetune.patience` nor a plateau asks for them.

    Raises:
        DataError: If there are too few labels to spare one.
    """
    spec = recipe.finetune
    if spec.patience is None and not isinstance(spec.rate, PlateauSpec):
        everything = np.arange(len(labels))
        return everything, everything[:0]
    on, off = hold_out_labelled(
        labels,
        recipe.data.hold_out or 0.1,
        seed=derive(seed, "validation"),
        pictures=pictures,
    )
    if len(off) == 0:
        raise DataError(
            "finetune.patience and a plateau need labelled images to measure on, and "
            f"{len(labels)} labels leave none, as every class keeps one to learn from"
        )
    return on, off
