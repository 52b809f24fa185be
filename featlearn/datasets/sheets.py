"""Sheets of images to look at: a set as it is, and what augmentation makes of it."""

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

from featlearn.datasets.augment import Augment
from featlearn.datasets.imageset import Images, ImageSet, Indices
from featlearn.datasets.mixing import mix_up
from featlearn.datasets.tensors import as_images
from featlearn.ops.random import generator

_CELL = 64
"""Side of a picture on a sheet, in pixels, at least roughly."""

MOST_CLASSES = 20
"""Classes that a sheet has a row for, unless asked otherwise."""

_FEW_ROWS = 8
_GAP = 4
_LINE = 14
_FONT = ImageFont.load_default(size=11)


def left_out(images: ImageSet) -> int:
    """Count the classes that a sheet has no row for, unless asked otherwise."""
    return 0 if images.labels is None else max(0, len(np.unique(images.labels)) - MOST_CLASSES)


def preview(images: ImageSet, rows: int | None = None, columns: int = 12) -> Image.Image:
    """Lay images out on one sheet.

    With labels, each row shows one class (classes evenly spaced, if there are
    more than `rows`, or 20), with its name; without, images evenly spaced over
    the set, in 8 rows if nothing else is asked for.
    Small images are enlarged by a whole factor, pixel by pixel. Values beyond
    [0, 1] are scaled by the range of what is shown; one map is shown in grey,
    three in colour, any other number by their mean.

    Returns:
        An RGB picture.
    """
    if rows is None:
        rows = _FEW_ROWS if images.labels is None else MOST_CLASSES
    chosen = _rows(images, rows=rows, columns=columns)
    names = [_class_name(images, int(row[0])) for row in chosen]
    shown = _as_grey_or_rgb(images.images[np.concatenate(chosen)])
    ends = np.cumsum([len(row) for row in chosen])
    return _sheet(np.split(shown, ends[:-1]), names)


def augmented_preview(
    images: ImageSet,
    augments: Mapping[str, Augment],
    *,
    rows: int | None = None,
    copies: int = 10,
    seed: int = 0,
) -> Image.Image:
    """Lay out images, each in a row with changed copies of itself.

    The first column shows them as they are, the others what training could make of them.
    Classes are chosen, images enlarged and values shown as in `preview`; where there are few
    classes, each has several rows.

    Args:
        images: A set of at least one image.
        augments: What changes them, by the word to write above its copies.
        rows: Most images that are shown; 8 if absent, or one of each class up to 20 classes.
            Under mixup they are mixed with one another.
        copies: Copies of each, shared evenly between the `augments`.
        seed: Seed of the draws; a sheet depends on nothing else.

    Returns:
        An RGB picture.
    """
    if images.labels is None:
        chosen = _spread(np.arange(len(images)), rows or _FEW_ROWS)
    else:
        each = max(1, (rows or _FEW_ROWS) // len(np.unique(images.labels)))
        chosen = np.concatenate(_rows(images, rows=rows or MOST_CLASSES, columns=each))
    x = as_images(images.images[chosen])
    columns, heads = [x], {0: "original"}
    for name, augment in augments.items():
        heads[len(columns)] = name
        draws = [generator(seed, "sheet", name, n) for n in range(copies // len(augments))]
        columns += [_copy(x, augment, draw) for draw in draws]
    shown = _as_grey_or_rgb(torch.stack(columns, dim=1).flatten(0, 1).numpy())
    names = [_class_name(images, int(place)) for place in chosen]
    return _sheet(np.split(shown, len(chosen)), names, heads)


def _copy(x: Tensor, augment: Augment, draw: torch.Generator) -> Tensor:
    """Change each image as a step of training does."""
    changed = augment(x, draw)
    mixing = augment.amounts.mixup
    return mix_up(changed, alpha=mixing, generator=draw).images if mixing else changed


def _sheet(
    rows: Sequence[NDArray[np.uint8]], names: Sequence[str], heads: Mapping[int, str] | None = None
) -> Image.Image:
    """Draw rows of pictures, `(n, height, width, 3)` each, with names and heads of columns."""
    height, width = rows[0].shape[1:3]
    factor = max(1, _CELL // max(height, width))
    shrink = max(1.0, max(height, width) / (2 * _CELL))
    # One pixel at least, where a picture is much longer than wide.
    cell = (max(1, round(width * factor / shrink)), max(1, round(height * factor / shrink)))
    margin = max(round(_FONT.getlength(name)) + _GAP if name else 0 for name in names)
    first = _GAP + (_LINE if heads else 0)
    step = (cell[0] + _GAP, max(cell[1], _LINE) + _GAP)
    size = (_GAP + margin + max(map(len, rows)) * step[0], first + len(rows) * step[1])
    sheet = Image.new("RGB", size, "white")
    draw = ImageDraw.Draw(sheet)
    for column, head in (heads or {}).items():
        draw.text((_GAP + margin + column * step[0], _GAP), head, fill="black", font=_FONT)
    resample = Image.Resampling.NEAREST if shrink == 1 else Image.Resampling.BOX
    for line, (row, name) in enumerate(zip(rows, names, strict=True)):
        top = first + line * step[1]
        draw.text((_GAP, top), name, fill="black", font=_FONT)
        for column, picture in enumerate(row):
            shown = Image.fromarray(picture).resize(cell, resample)
            sheet.paste(shown, (_GAP + margin + column * step[0], top))
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


def _class_name(images: ImageSet, place: int) -> str:
    """Name the class of an image, not too long."""
    if images.labels is None:
        return ""
    name = images.classes[images.labels[place]]
    return name if len(name) <= 16 else f"{name[:15]}…"


def _as_grey_or_rgb(images: Images) -> NDArray[np.uint8]:
    """Bring images to `(n, height, width, 3)` in 0..255."""
    values = images if images.shape[1] in {1, 3} else images.mean(axis=1, keepdims=True)
    if images.dtype != np.uint8:
        low, high = min(float(values.min()), 0.0), max(float(values.max()), 1.0)
        values = (values - low) * (255 / (high - low))
    shown = np.rint(values).astype(np.uint8).transpose(0, 2, 3, 1)
    return np.repeat(shown, 3, axis=3) if shown.shape[3] == 1 else shown
