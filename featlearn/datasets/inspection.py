"""What is in a set of images: counts, ranges, oddities, and a sheet to look at."""

import hashlib

import msgspec
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from featlearn.datasets.imageset import Images, ImageSet, Indices

_CELL = 64
"""Side of a picture on the sheet, in pixels, at least roughly."""

_GAP = 4
_LINE = 14
_FONT = ImageFont.load_default(size=11)


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


def preview(images: ImageSet, rows: int = 8, columns: int = 12) -> Image.Image:
    """Lay images out on one sheet.

    With labels, each row shows one class (classes evenly spaced, if there are
    more than `rows`), with its name; without, images evenly spaced over the set.
    Small images are enlarged by a whole factor, pixel by pixel. Values beyond
    [0, 1] are scaled by the range of what is shown; one map is shown in grey,
    three in colour, any other number by their mean.

    Returns:
        An RGB picture.
    """
    chosen = _rows(images, rows=rows, columns=columns)
    names = [_row_name(images, row) for row in chosen]
    shown = _as_grey_or_rgb(images.images[np.concatenate(chosen)])
    height, width = shown.shape[1:3]
    factor = max(1, _CELL // max(height, width))
    shrink = max(1.0, max(height, width) / (2 * _CELL))
    cell = (round(width * factor / shrink), round(height * factor / shrink))
    margin = max(round(_FONT.getlength(name)) + _GAP if name else 0 for name in names)
    sheet = Image.new(
        "RGB",
        (
            _GAP + margin + max(map(len, chosen)) * (cell[0] + _GAP),
            _GAP + len(chosen) * (max(cell[1], _LINE) + _GAP),
        ),
        "white",
    )
    draw = ImageDraw.Draw(sheet)
    pictures = iter(shown)
    resample = Image.Resampling.NEAREST if shrink == 1 else Image.Resampling.BOX
    for line, (row, name) in enumerate(zip(chosen, names, strict=True)):
        top = _GAP + line * (max(cell[1], _LINE) + _GAP)
        draw.text((_GAP, top), name, fill="black", font=_FONT)
        for column in range(len(row)):
            picture = Image.fromarray(next(pictures)).resize(cell, resample)
            sheet.paste(picture, (_GAP + margin + column * (cell[0] + _GAP), top))
    return sheet


def _rows(images: ImageSet, *, rows: int, columns: int) -> list[Indices]:
    """Choose the images of each row."""
    if images.labels is None:
        chosen = _spread(np.arange(len(images)), rows * columns)
        return [chosen[start : start + columns] for start in range(0, len(chosen), columns)]
    used = _spread(np.unique(images.labels), rows)
    return [_spread(np.flatnonzero(images.labels == label), columns) for label in used]


def _spread(places: Indices, count: int) -> Indices:
    """Take up to `count` of the places, evenly spaced."""
    steps = np.linspace(0, len(places) - 1, min(count, len(places)))
    return places[np.rint(steps).astype(np.int64)]


def _row_name(images: ImageSet, row: Indices) -> str:
    """Name the class of a row, not too long."""
    if images.labels is None:
        return ""
    name = images.classes[images.labels[row[0]]]
    return name if len(name) <= 16 else f"{name[:15]}…"


def _as_grey_or_rgb(images: Images) -> NDArray[np.uint8]:
    """Bring images to `(n, height, width, 3)` in 0..255."""
    values = images if images.shape[1] in {1, 3} else images.mean(axis=1, keepdims=True)
    if images.dtype != np.uint8:
        low, high = min(float(values.min()), 0.0), max(float(values.max()), 1.0)
        values = (values - low) * (255 / (high - low))
    shown = np.rint(values).astype(np.uint8).transpose(0, 2, 3, 1)
    return np.repeat(shown, 3, axis=3) if shown.shape[3] == 1 else shown


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
