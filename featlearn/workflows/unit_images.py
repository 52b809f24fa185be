"""`evaluate --units`: which images units are chosen on, and which they are scored on."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from featlearn.config.recipe import Recipe
from featlearn.datasets.grouping import groups_of
from featlearn.datasets.imageset import ImageSet, Indices
from featlearn.datasets.labels import balanced_subset, hold_out_labelled, limited, match_classes
from featlearn.datasets.source import open_raw, open_splits
from featlearn.errors import DataError, UsageError
from featlearn.geometry import MapShape
from featlearn.wording import plural, suggestion
from featlearn.workflows.runs import open_pictures, open_test

MOST_CHOSEN = 10_000
"""Labelled images that units are chosen on unless another number is asked for."""

LEAST = 2
"""Images of a class, and of others, with fewer of which nothing can be told apart by more than
accident. How far luck goes with few is said beside the figures."""

_CPU = torch.device("cpu")


class Subject(NamedTuple):
    """The images of a best-unit test.

    Attributes:
        source: Where they came from.
        split: `test` where they are the run's own, chosen on its training images and scored
            on its test images; `given` where the command named them.
        chosen_on: Images to choose on.
        chosen_labels: Their classes, places in `classes`.
        scored_on: Images to score on.
        scored_labels: Their classes.
        groups: For each image that is scored what it belongs to: a picture, a folder; `None`
            where each stands by itself.
        classes: Names of the classes.
        wanted: Which classes to look for, each against all others.
        train: All that the run learned from, where that was opened already.
    """

    source: str
    split: str
    chosen_on: ImageSet
    chosen_labels: Indices
    scored_on: ImageSet
    scored_labels: Indices
    groups: NDArray[np.str_] | None
    classes: tuple[str, ...]
    wanted: tuple[int, ...]
    train: ImageSet | None = None


class Asked(NamedTuple):
    """What the command asks for.

    Attributes:
        source: Labelled images instead of the run's own.
        positives: A class; or the images of it, where distractors are named too.
        distractors: Images without what is looked for.
        labels: How many images to choose on.
        seed: Of the draw of the images and of the halves.
    """

    source: str | None = None
    positives: str | None = None
    distractors: str | None = None
    labels: int | None = None
    seed: int = 0


def open_subject(
    recipe: Recipe,
    asked: Asked,
    *,
    shape: MapShape,
    recorded: dict[str, str],
    root: Path | None,
) -> Subject:
    """Open the images, and part them.

    The run's own data, and a source that has splits, are parted by these. Any other source is
    halved by the seed, class by class; images that belong together (crops of a picture,
    images of a folder below that of the class) stay together.

    Args:
        recipe: The run's.
        asked: What the command asks for.
        shape: What the network takes.
        recorded: Fingerprints of the splits that the run learned from.
        root: Where data sets are.

    Raises:
        UsageError: If options contradict each other, or there is no such class.
        DataError: If there are no labels, or a class is missing in a half.
    """
    if asked.distractors is not None:
        subject = _against_distractors(recipe, asked, shape=shape, root=root)
    elif asked.source is not None:
        subject = _given(recipe, asked, shape=shape, root=root)
    else:
        subject = _own(recipe, shape=shape, recorded=recorded, root=root)
    if asked.distractors is None and asked.positives is not None:
        subject = subject._replace(wanted=(_class_named(asked.positives, subject),))
    subject = _fewer(subject, asked)
    halves = {"to choose on": subject.chosen_labels, "to score on": subject.scored_labels}
    for least in (1, LEAST):  # what is not there at all is said first
        for which, labels in halves.items():
            _check(labels, subject, which, least=least)
    return subject


def _labels(images: ImageSet) -> Indices:
    """Give the labels, or zeros."""
    return np.zeros(len(images), np.int64) if images.labels is None else images.labels


def _own(
    recipe: Recipe, *, shape: MapShape, recorded: dict[str, str], root: Path | None
) -> Subject:
    """Choose on the training images of the run, and score on its test images."""
    train = open_splits(recipe.data, root=root, seed=recipe.seed).train
    if train.labels is None:
        raise DataError(
            f"{recipe.data.source} has no labels; name labelled images to find the best units "
            "for, or give --positives and --distractors"
        )
    test = open_test(recipe, root=root, shape=shape, device=_CPU, recorded=[recorded]).set
    return Subject(
        source=recipe.data.source,
        split="test",
        chosen_on=train,
        chosen_labels=train.labels,
        scored_on=test,
        scored_labels=match_classes(test, train.classes),
        groups=groups_of(test, in_classes=True),
        classes=train.classes,
        wanted=tuple(range(len(train.classes))),
        train=train,
    )


def _given(recipe: Recipe, asked: Asked, *, shape: MapShape, root: Path | None) -> Subject:
    """Take labelled images that the command names."""
    assert asked.source is not None
    if open_raw(asked.source, root=root).test is None:
        images = _opened(recipe, asked.source, shape=shape, root=root)
        match_classes(images, images.classes)  # refuses what has no labels
        groups = groups_of(images, in_classes=True)
        return _halved(images, groups, source=asked.source, seed=asked.seed)
    train, test = (
        open_pictures(recipe, asked.source, root=root, shape=shape, device=_CPU, split=split).set
        for split in ("train", "test")
    )
    return Subject(
        source=asked.source,
        split="given",
        chosen_on=train,
        chosen_labels=match_classes(train, train.classes),
        scored_on=test,
        scored_labels=match_classes(test, train.classes),
        groups=groups_of(test, in_classes=True),
        classes=train.classes,
        wanted=tuple(range(len(train.classes))),
    )


def _against_distractors(
    recipe: Recipe, asked: Asked, *, shape: MapShape, root: Path | None
) -> Subject:
    """Put two sources together as two classes."""
    if asked.positives is None or asked.source is not None:
        raise UsageError(
            "--distractors SRC goes with --positives SRC, and with no other labelled images"
        )
    assert asked.distractors is not None
    named = (asked.distractors, asked.positives)
    parts = [_opened(recipe, source, shape=shape, root=root) for source in named]
    if len({part.images.dtype for part in parts}) > 1:
        parts = [replace(part, images=_floats(part)) for part in parts]
    found = [groups_of(part, in_classes=False) for part in parts]
    groups = None
    if any(some is not None for some in found):
        groups = np.concatenate(
            [
                _named(source, part, some)
                for source, part, some in zip(named, parts, found, strict=True)
            ]
        )
    both = ImageSet(
        images=np.concatenate([part.images for part in parts]),
        labels=np.repeat(np.arange(2), [len(part) for part in parts]),
        classes=named,
        ids=None,
        name=f"{asked.positives} and {asked.distractors}",
    )
    subject = _halved(both, groups, source=both.name, seed=asked.seed)
    return subject._replace(wanted=(1,))


def _named(source: str, part: ImageSet, groups: NDArray[np.str_] | None) -> NDArray[np.str_]:
    """Name the groups after their source, or give a name of its own to each image.

    Folders of one name in two sources are two groups.
    """
    names = range(len(part)) if groups is None else groups.tolist()
    return np.array([f"{source}: {name}" for name in names])


def _floats(part: ImageSet) -> NDArray[np.float32]:
    """Bring bytes into [0, 1]."""
    if part.images.dtype == np.uint8:
        return part.images.astype(np.float32) / np.float32(255)
    return part.images


def _opened(recipe: Recipe, source: str, *, shape: MapShape, root: Path | None) -> ImageSet:
    """Read all images of a source, in the shape that the network takes."""
    return open_pictures(recipe, source, root=root, shape=shape, device=_CPU).set


def _halved(
    images: ImageSet, groups: NDArray[np.str_] | None, *, source: str, seed: int
) -> Subject:
    """Choose on one half, and score on the other."""
    labels = _labels(images)
    pictures = None if groups is None else np.unique(groups, return_inverse=True)[1]
    one, other = hold_out_labelled(labels, 0.5, seed=seed, pictures=pictures)
    return Subject(
        source=source,
        split="given",
        chosen_on=images.subset(one),
        chosen_labels=labels[one],
        scored_on=images.subset(other),
        scored_labels=labels[other],
        groups=None if groups is None else groups[other],
        classes=images.classes,
        wanted=tuple(range(len(images.classes))),
    )


def _class_named(name: str, subject: Subject) -> int:
    """Find a class by its name."""
    if name not in subject.classes:
        hint = suggestion(name, subject.classes)
        raise UsageError(
            f"{subject.source} has no class {name!r}{hint or ': ' + _some(subject.classes)}; "
            "images that are not in classes are named by --positives and --distractors"
        )
    return subject.classes.index(name)


def _some(names: Sequence[str]) -> str:
    """List the first of some names."""
    return ", ".join(names[:12]) + (", …" if len(names) > 12 else "")


def _fewer(subject: Subject, asked: Asked) -> Subject:
    """Draw the images to choose on, if there are more than are wanted."""
    labels, count = subject.chosen_labels, len(subject.chosen_on)
    if asked.labels is None:
        used = limited(labels, count, MOST_CHOSEN, seed=asked.seed)
    else:
        used = balanced_subset(labels, asked.labels, seed=asked.seed, classes=subject.classes)
    if len(used) == count:
        return subject
    return subject._replace(chosen_on=subject.chosen_on.subset(used), chosen_labels=labels[used])


def _check(labels: Indices, subject: Subject, which: str, *, least: int) -> None:
    """Refuse images that hold fewer than `least` of a class that is looked for, or of others."""
    for positive in subject.wanted:
        found = int((labels == positive).sum())
        others = len(labels) - found
        if min(found, others) >= least:
            continue
        name, among = repr(subject.classes[positive]), f"the {plural(len(labels), 'image')} {which}"
        if not found or not others:
            lacking = "no image" if not found else "no image but those"
            raise DataError(f"{subject.source} has {lacking} of {name} among {among}")
        raise DataError(
            f"{subject.source} has {found} of {name} and {plural(others, 'other')} among {among}; "
            f"a test of units takes {least} of either at least"
        )
