"""The samples of several modalities, and which belong together."""

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch

from featlearn.config.modalities import MultimodalRecipe, PairsSpec, one_modality
from featlearn.datasets.held_out import split_places
from featlearn.datasets.imageset import ImageSet, Indices, Splits
from featlearn.datasets.labels import match_classes
from featlearn.datasets.pairing import both_in, pair_samples
from featlearn.datasets.source import open_splits
from featlearn.errors import CheckpointError, DataError
from featlearn.seeds import derive
from featlearn.training.multimodal import Paired
from featlearn.training.pictures import Pictures


class Divided(NamedTuple):
    """Training samples and their pairs, parted in what is learned from and what is held out."""

    learned: Paired
    held_out: Paired


def open_modalities(recipe: MultimodalRecipe, *, root: Path | None) -> list[Splits]:
    """Read the samples of every modality.

    Raises:
        UsageError: If there is no such set or path.
        DataError: If they are missing or broken.
    """
    return [open_splits(each.data, root=root, seed=recipe.seed) for each in recipe.modalities]


def train_sets(splits: Sequence[Splits]) -> list[ImageSet]:
    """Take the training samples of every modality."""
    return [each.train for each in splits]


def divided(recipe: MultimodalRecipe, sets: Sequence[ImageSet], device: torch.device) -> Divided:
    """Hold samples out of each modality, and pair the others, and those held out.

    By class, either are paired among themselves. By order or key, a pair counts where both
    of its samples are on the same side.

    Raises:
        DataError: If they cannot be paired.
    """
    sides = [
        split_places(one_modality(recipe, place), len(each)) for place, each in enumerate(sets)
    ]
    learned, kept = ([each[side] for each in sides] for side in (0, 1))
    parts = [
        [each.subset(chosen) for each, chosen in zip(sets, side, strict=True)]
        for side in (learned, kept)
    ]
    names, spec = recipe.names, recipe.pairs
    some = all(len(chosen) for chosen in kept)
    if spec.by == "class":
        pairs = pair_samples(names, parts[0], spec, seed=recipe.seed)
        measured = _measured(names, parts[1], seed=recipe.seed) if some else pairs[:0]
    else:
        whole = pair_samples(names, sets, spec, seed=recipe.seed)
        pairs, measured = both_in(whole, learned), both_in(whole, kept)
    return Divided(
        Paired([Pictures(each, device) for each in parts[0]], pairs),
        Paired([Pictures(each, device) for each in parts[1]], measured),
    )


def _measured(names: Sequence[str], parts: Sequence[ImageSet], *, seed: int) -> Indices:
    """Pair held-out samples by class; there may be too few for that."""
    try:
        return pair_samples(names, parts, PairsSpec(by="class"), seed=seed)
    except DataError:
        return np.empty((0, len(names)), np.int64)


def labels_of_all(
    names: Sequence[str], sets: Sequence[ImageSet], classes: Sequence[str]
) -> list[Indices]:
    """Number the labels of every modality alike.

    Raises:
        DataError: If one has no labels, or a class that the classifier does not know.
    """
    for name, each in zip(names, sets, strict=True):
        if each.labels is None:
            raise DataError(
                f"{each.name}, the modality {name!r}, has no labels, and a head needs them"
            )
    return [match_classes(each, classes) for each in sets]


def labelled_pairs(
    recipe: MultimodalRecipe,
    sets: Sequence[ImageSet],
    labels: Sequence[Indices],
    *,
    count: int | None,
    seed: int,
) -> Indices:
    """Pair labelled samples, and refuse pairs whose sides are of two classes.

    Args:
        recipe: By what they are paired.
        sets: Samples of each modality.
        labels: Their classes, numbered alike.
        count: How many pairs; all if absent.
        seed: Of the draw.

    Raises:
        DataError: If there are fewer pairs, or one is of two classes.
    """
    spec = PairsSpec(by=recipe.pairs.by, count=count)
    # By another name than the pairs that the shared code learned from: two draws, not one.
    pairs = pair_samples(recipe.names, sets, spec, seed=derive(seed, "labels"))
    sides = np.stack([each[pairs[:, place]] for place, each in enumerate(labels)], 1)
    torn = np.flatnonzero((sides != sides[:, :1]).any(1))
    if len(torn):
        first = pairs[torn[0]]
        named = " and ".join(
            f"{each.id(int(row))} of {name}"
            for name, each, row in zip(recipe.names, sets, first, strict=True)
        )
        raise DataError(f"{named} are a pair, but are labelled as two classes")
    return pairs


def fingerprints(splits: Sequence[Splits]) -> dict[str, str]:
    """Fingerprint the training samples of all modalities together, and the test samples."""
    found: dict[str, str] = {}
    for split in ("train", "test"):
        parts = [each.fingerprints().get(split) for each in splits]
        if all(part is not None for part in parts):
            text = "\n".join(str(part) for part in parts)
            found[split] = hashlib.sha256(text.encode()).hexdigest()
    return found


def check_same(path: Path, known: dict[str, str], splits: Sequence[Splits]) -> None:
    """Refuse data that are no longer those of a run.

    Raises:
        CheckpointError: If they are others.
    """
    for split, found in fingerprints(splits).items():
        if known.get(split, found) != found:
            raise CheckpointError(
                f"the modalities have other {split} samples than when {path} was trained; put "
                "the data back as they were, or pre-train again"
            )
