"""What images are labelled with, as a head needs it."""

import numpy as np
import torch
from torch import Tensor

from featlearn.config.heads import ClassificationSpec, HeadSpec
from featlearn.datasets.imageset import ImageSet, Targets
from featlearn.errors import DataError
from featlearn.training.pictures import Pictures


def output_names(spec: HeadSpec, images: ImageSet) -> tuple[str, ...]:
    """Name what a head puts out for each image of a set: classes, or targets.

    Raises:
        DataError: If the images have no labels of that kind.
    """
    if not isinstance(spec, ClassificationSpec):
        targets_of(images)
        return images.target_names
    if images.labels is None:
        raise DataError(f"{images.name} has no labels, and a classifier needs them")
    return images.classes


def labels_of(images: Pictures) -> Tensor:
    """Give the labels of a set, `(n,)`, on its device.

    Raises:
        DataError: If it has none.
    """
    if images.set.labels is None:
        raise DataError(f"{images.set.name} has no labels, and a classifier needs them")
    return torch.tensor(images.set.labels, device=images.device)


def targets_of(images: ImageSet) -> Targets:
    """Give the targets of a set, `(n, k)` float32.

    Raises:
        DataError: If it has none, or an image lacks one.
    """
    if images.targets is None:
        raise DataError(
            f"{images.name} has no targets, and this head needs them: an array `targets` in an "
            "NPZ file, or a file targets.csv in a folder or zip of images"
        )
    missing = np.argwhere(np.isnan(images.targets))
    if len(missing):
        row, column = missing[0]
        raise DataError(
            f"{images.name}: {images.id(int(row))} has no {images.target_names[column]!r}; give it "
            "one, or leave the image out"
        )
    return images.targets


def check_binary(images: ImageSet) -> None:
    """Refuse targets that are no sets of labels; those that are missing are not looked at.

    Raises:
        DataError: Naming the first image with a target that is neither 0 nor 1.
    """
    targets = images.targets
    if targets is None:
        return
    odd = np.argwhere((targets != 0) & (targets != 1) & ~np.isnan(targets))
    if len(odd):
        row, column = odd[0]
        raise DataError(
            f"{images.name}: target {images.target_names[column]!r} of {images.id(int(row))} is "
            f"{targets[row, column]:g}; a multi-label head takes 0 or 1"
        )
