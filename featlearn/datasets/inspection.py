"""What is in a set of images: counts, ranges, oddities."""

import hashlib

import msgspec
import numpy as np
from numpy.typing import NDArray

from featlearn.datasets.imageset import Images, ImageSet


class Inspection(msgspec.Struct, frozen=True, kw_only=True):
    """Figures of one set.

    `shape` is maps, height, width; `type` is the stored one. `minimum`, `mean`,
    `maximum` and `deviation` are over all pixels, as a network sees them: uint8
    divided by 255. `classes` counts the images of each class (None without
    labels). `constant` counts images whose pixels are all equal, `duplicates`
    images that repeat an earlier one exactly; `examples` names the first of each.
    """

    name: str
    images: int
    shape: tuple[int, int, int]
    type: str
    minimum: float
    mean: float
    maximum: float
    deviation: float
    classes: dict[str, int] | None
    constant: int
    duplicates: int
    examples: dict[str, list[str]]


def inspect_images(images: ImageSet) -> Inspection:
    """Count and measure a set of images."""
    pixels = images.images
    unit = 255 if pixels.dtype == np.uint8 else 1
    flat = pixels.reshape(len(pixels), -1)
    constant = np.flatnonzero(flat.min(axis=1) == flat.max(axis=1))
    duplicates = _duplicates(flat)
    mean, deviation = _moments(flat)
    return Inspection(
        name=images.name,
        images=len(images),
        shape=(images.shape.maps, images.shape.height, images.shape.width),
        type=str(pixels.dtype),
        minimum=float(pixels.min()) / unit,
        mean=mean / unit,
        maximum=float(pixels.max()) / unit,
        deviation=deviation / unit,
        classes=_class_counts(images),
        constant=len(constant),
        duplicates=len(duplicates),
        examples={
            "constant": [images.id(int(place)) for place in constant[:3]],
            "duplicates": [images.id(place) for place in duplicates[:3]],
        },
    )


def _duplicates(flat: NDArray[np.generic]) -> list[int]:
    """Find the images that repeat an earlier one."""
    seen: set[bytes] = set()
    found: list[int] = []
    for place, image in enumerate(flat):
        digest = hashlib.blake2b(image.tobytes(), digest_size=16).digest()
        if digest in seen:
            found.append(place)
        seen.add(digest)
    return found


def _moments(flat: Images) -> tuple[float, float]:
    """Give mean and standard deviation, piece by piece: a set may be large."""
    total = square = 0.0
    for start in range(0, len(flat), 1024):
        piece = flat[start : start + 1024].astype(np.float64)
        total += float(piece.sum())
        square += float(np.square(piece).sum())
    mean = total / flat.size
    return mean, float(np.sqrt(max(square / flat.size - mean**2, 0.0)))


def _class_counts(images: ImageSet) -> dict[str, int] | None:
    """Count the images of each class, those without any too."""
    if images.labels is None:
        return None
    counts = np.bincount(images.labels, minlength=len(images.classes))
    return {name: int(count) for name, count in zip(images.classes, counts, strict=True)}
