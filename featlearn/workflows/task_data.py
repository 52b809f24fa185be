"""The images of several tasks: which carry which labels, and which of them are drawn."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import msgspec
import numpy as np

from featlearn.config.heads import ClassificationSpec
from featlearn.config.recipe import Recipe
from featlearn.config.tasks import TaskSpec
from featlearn.datasets.imageset import ImageSet, Indices, Splits
from featlearn.datasets.source import open_splits
from featlearn.errors import DataError, ShapeError
from featlearn.geometry import MapShape
from featlearn.wording import plural
from featlearn.workflows.labelled import draw_places


class TaskImages(NamedTuple):
    """The images of one task.

    Attributes:
        spec: The task.
        recipe: The recipe as the head of this task alone would have it: its data, its head.
        train: Labelled images to learn from.
        validation: Labelled images that are only measured, if training needs some.
        splits: All images of its source.
        indices: Places in the training split of all labels that are used.
        validation_indices: Those of them that are only measured.
    """

    spec: TaskSpec
    recipe: Recipe
    train: ImageSet
    validation: ImageSet | None
    splits: Splits
    indices: Indices
    validation_indices: Indices


def open_tasks(
    recipe: Recipe,
    *,
    root: Path | None,
    shape: MapShape,
    label_seed: int,
    whole: Recipe | None = None,
) -> list[TaskImages]:
    """Open the images of every task, and draw its labels.

    Args:
        recipe: With tasks.
        root: Where data sets are.
        shape: What the network takes.
        label_seed: Seed of the draws of labels, apart from every other seed.
        whole: The recipe with all tasks, where these are some of them: what has a label for
            another is left out, and not refused.

    Raises:
        DataError: If a sample has no label for any task, or a task has a class without an
            image to learn from, or too few labels.
        ShapeError: If a source has images of another shape.
    """
    opened = open_sources(recipe, root=root, shape=shape, whole=whole)
    return draw_tasks(recipe, opened, label_seed=label_seed)


def open_sources(
    recipe: Recipe, *, root: Path | None, shape: MapShape, whole: Recipe | None = None
) -> dict[str, Splits]:
    """Open the source of every task, each once, by its name; see `open_tasks`.

    Raises:
        DataError: If a sample has no label for any task.
        ShapeError: If a source has images of another shape.
    """
    opened: dict[str, Splits] = {}
    for task in recipe.tasks:
        data = task_recipe(recipe, task).data
        if data.source in opened:
            continue
        splits = open_splits(data, root=root, seed=recipe.seed)
        if splits.train.shape != shape:
            raise ShapeError(
                f"task {task.name!r}: {splits.train.name} has images of {splits.train.shape}; the "
                f"network takes {shape}"
            )
        opened[data.source] = splits
    for source, splits in opened.items():
        _check_some_label(source, splits.train, whole or recipe)
    return opened


def draw_tasks(
    recipe: Recipe, opened: Mapping[str, Splits], *, label_seed: int
) -> list[TaskImages]:
    """Draw the labels of every task from sources that are open.

    Args:
        recipe: With tasks.
        opened: As `open_sources` gives them.
        label_seed: Seed of the draws, apart from every other seed.

    Raises:
        DataError: If a task has a class without an image to learn from, or too few labels.
    """
    found: list[TaskImages] = []
    for task in recipe.tasks:
        own = task_recipe(recipe, task)
        found.append(_drawn(task, own, opened[own.data.source], label_seed=label_seed))
    return found


def task_recipe(recipe: Recipe, task: TaskSpec) -> Recipe:
    """Give the recipe that the head of one task is kept with: its source, and its head."""
    data = recipe.data
    if task.source is not None and task.source != data.source:
        data = msgspec.structs.replace(data, source=task.source, limit=None)
    finetune = msgspec.structs.replace(recipe.finetune, head=task.head, weighting="fixed")
    return msgspec.structs.replace(recipe, data=data, finetune=finetune, tasks=())


def labelled_for(task: TaskSpec, images: ImageSet) -> tuple[ImageSet, Indices]:
    """Take the images that carry every label of a task, and only its columns of targets.

    Returns:
        The images, and their places in the set.

    Raises:
        DataError: If the set has no labels of that kind, or no column of that name.
    """
    every = np.arange(len(images))
    if isinstance(task.head, ClassificationSpec):
        if images.labels is None:
            raise DataError(f"task {task.name!r}: {images.name} has no labels for its classes")
        return images, every
    if images.targets is None:
        raise DataError(f"task {task.name!r}: {images.name} has no targets")
    names = task.targets or images.target_names
    unknown = [name for name in names if name not in images.target_names]
    if unknown:
        raise DataError(
            f"task {task.name!r}: {images.name} has no target {unknown[0]!r}; it has "
            f"{', '.join(images.target_names)}"
        )
    chosen = images.targets[:, [images.target_names.index(name) for name in names]]
    places = np.flatnonzero(~np.isnan(chosen).any(1))
    if not len(places):
        raise DataError(f"task {task.name!r}: no image of {images.name} has a label for it")
    kept = images.subset(places)
    return replace(kept, targets=chosen[places], target_names=tuple(names)), places


def _drawn(task: TaskSpec, recipe: Recipe, splits: Splits, *, label_seed: int) -> TaskImages:
    """Draw the labels of a task."""
    pool, places = labelled_for(task, splits.train)
    _check_classes(task, pool)
    try:
        drawn = draw_places(recipe, pool, labels=task.labels, label_seed=label_seed)
    except DataError as error:
        raise DataError(f"task {task.name!r}: {error}") from None
    return TaskImages(
        spec=task,
        recipe=recipe,
        train=pool.subset(drawn.train),
        validation=pool.subset(drawn.validation) if len(drawn.validation) else None,
        splits=splits,
        indices=places[drawn.used],
        validation_indices=places[drawn.validation],
    )


def _check_classes(task: TaskSpec, pool: ImageSet) -> None:
    """Refuse classes that nothing is there to learn from."""
    if pool.labels is None or not isinstance(task.head, ClassificationSpec):
        return
    counts = np.bincount(pool.labels, minlength=len(pool.classes))
    unseen = [name for name, count in zip(pool.classes, counts, strict=True) if not count]
    if unseen:
        raise DataError(
            f"task {task.name!r}: the class {unseen[0]!r} has no image to learn from in {pool.name}"
        )


def _check_some_label(source: str, images: ImageSet, recipe: Recipe) -> None:
    """Refuse samples that no task learns from."""
    used = np.zeros(len(images), np.bool_)
    for task in recipe.tasks:
        if task_recipe(recipe, task).data.source == source:
            used[labelled_for(task, images)[1]] = True
    missing = np.flatnonzero(~used)
    if len(missing):
        raise DataError(
            f"{images.name}: {images.id(int(missing[0]))} has no label for any task "
            f"({plural(len(missing), 'image')} in all); give it one, or leave it out"
        )
