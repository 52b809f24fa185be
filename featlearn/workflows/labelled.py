"""Which labelled images a head learns from, and which it is only checked on."""

from pathlib import Path
from typing import NamedTuple

import msgspec
import numpy as np

from featlearn.config.heads import ClassificationSpec, MultiLabelSpec
from featlearn.config.recipe import Recipe
from featlearn.datasets.held_out import split_training
from featlearn.datasets.imageset import ImageSet, Indices, Splits
from featlearn.datasets.labels import balanced_subset
from featlearn.datasets.source import open_splits
from featlearn.errors import DataError
from featlearn.heads.labels import check_binary, targets_of
from featlearn.heads.validation import split_validation


class Labelled(NamedTuple):
    """Labelled images of a fine-tuning.

    Attributes:
        train: To learn from.
        validation: For early stopping or a plateau, if either needs it.
        unlabelled: What the run learned from, to fit scaling on; labels are not looked at.
        semi: What `finetune.semi` learns from without labels, if there is one.
        others: The same, where they are not of the run's own images.
        indices: Places in the training split of all labels that are used.
        validation_indices: Those of them that are only measured.
        splits: All images, as the recipe's data give them.
    """

    train: ImageSet
    validation: ImageSet | None
    unlabelled: ImageSet
    semi: ImageSet
    others: ImageSet | None
    indices: list[int]
    validation_indices: list[int]
    splits: Splits


class Drawn(NamedTuple):
    """Which labelled images one draw takes.

    Attributes:
        train: Places in the training split to learn from.
        validation: Places that are only measured, for early stopping or a plateau.
        used: Both.
    """

    train: Indices
    validation: Indices
    used: Indices


def draw_labelled(
    recipe: Recipe, *, labels: int | None, label_seed: int, root: Path | None
) -> Labelled:
    """Draw the labels, and a validation set from among them if training needs one.

    Args:
        recipe: What to train, and on which data.
        labels: How many labels to use, class-balanced if there are classes; all if absent.
        label_seed: Seed of the draw, apart from every other seed.
        root: Where data sets are.

    Raises:
        DataError: If there are no labels, or too few for what was asked.
    """
    splits = open_splits(recipe.data, root=root, seed=recipe.seed)
    pool = splits.train
    drawn = draw_places(recipe, pool, labels=labels, label_seed=label_seed)
    learned = split_training(recipe, pool)[0]
    semi = unlabelled_images(recipe, learned, root=root)
    return Labelled(
        train=pool.subset(drawn.train),
        validation=pool.subset(drawn.validation) if len(drawn.validation) else None,
        unlabelled=learned,
        semi=semi,
        others=None if semi is learned else semi,
        indices=drawn.used.tolist(),
        validation_indices=drawn.validation.tolist(),
        splits=splits,
    )


def unlabelled_images(recipe: Recipe, learned: ImageSet, *, root: Path | None) -> ImageSet:
    """Give the images that `finetune.semi` learns from; labels of theirs are not looked at.

    Args:
        recipe: What to train.
        learned: The images that the run learned from, which they are unless it names others.
        root: Where data sets are.

    Raises:
        DataError: If those others cannot be read, or not be given the run's size.
    """
    semi = recipe.finetune.semi
    if semi is None or semi.source is None:
        return learned
    spec = msgspec.structs.replace(recipe.data, source=semi.source, limit=None)
    return open_splits(spec, root=root, seed=recipe.seed).train


def draw_places(recipe: Recipe, pool: ImageSet, *, labels: int | None, label_seed: int) -> Drawn:
    """Draw the labels from a training split that is open already.

    Args:
        recipe: What to train.
        pool: The training split.
        labels: How many labels to use, class-balanced if there are classes; all if absent.
        label_seed: Seed of the draw, apart from every other seed.

    Raises:
        DataError: As `draw_labelled` does.
    """
    groups = label_groups(recipe, pool)
    used = np.arange(len(pool))
    if labels is not None:
        used = balanced_subset(groups, labels, seed=label_seed, classes=pool.classes)
    on, off = split_validation(
        recipe, groups[used], seed=label_seed, pictures=used // (recipe.data.crops or 1)
    )
    return Drawn(train=used[on], validation=used[off], used=used)


def label_groups(recipe: Recipe, pool: ImageSet) -> Indices:
    """Give what draws are balanced over, `(n,)`: classes, or one group where a head has targets.

    Raises:
        DataError: If the images have not what the head learns.
    """
    if not isinstance(recipe.finetune.head, ClassificationSpec):
        if isinstance(recipe.finetune.head, MultiLabelSpec):
            check_binary(pool)
        return np.zeros(len(targets_of(pool)), np.int64)
    if pool.labels is None:
        raise DataError(
            f"{recipe.data.source} has no labels; fine-tuning needs a source with classes"
        )
    return pool.labels
