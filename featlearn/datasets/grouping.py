"""Which images belong together, and are not to be parted: those of a person, a picture, a day."""

import re

import numpy as np
from numpy.typing import NDArray

from featlearn.datasets.imageset import ImageSet

_FEWEST_FOLDERS = 10  # fewer are kinds of images rather than people or recordings
_CROP = re.compile(r"#\d+$")


def groups_of(images: ImageSet, *, in_classes: bool) -> NDArray[np.str_] | None:
    """Tell which images belong together, by their names.

    Args:
        images: The images; of crops, `name#crop`, the picture is one group.
        in_classes: Whether the folder that names the class is no group.

    Returns:
        `(n,)`: the folders below the class, where there are ten or more; else the picture;
        `None` where each image stands by itself.
    """
    if images.ids is None:
        return None
    labels = np.zeros(len(images), np.int64) if images.labels is None else images.labels
    in_classes = in_classes and images.labels is not None
    names = [
        _below_class(images.classes[label] if in_classes else None, id_)
        for id_, label in zip(images.ids, labels, strict=True)
    ]
    folders = [folder for folder, _ in names]
    if all(folders) and len({*folders}) >= _FEWEST_FOLDERS:
        return np.array(folders)
    pictures = [picture for _, picture in names]
    return np.array(pictures) if len({*pictures}) < len(pictures) else None


def _below_class(name: str | None, id_: str) -> tuple[str, str]:
    """Give the folders of an image, those of its class and above left out, and its picture."""
    picture = _CROP.sub("", id_)
    folders = picture.split("/")[:-1]
    if name is not None and name in folders:
        last = len(folders) - folders[::-1].index(name)
        folders = folders[last:]
    return "/".join(folders), picture
