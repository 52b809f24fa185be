"""Stages as galleries of units: tiles, and the figures that units are sorted by."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor

from featlearn.config.banks import LocalSpec, TiledSpec
from featlearn.evaluate.examples import project_examples
from featlearn.evaluate.projection import Unit, project_units
from featlearn.evaluate.top_images import cut
from featlearn.evaluate.tuning import Tuning, tuning
from featlearn.evaluate.units import Window, receptive_window, unit_at
from featlearn.geometry import MapShape
from featlearn.networks.stack import Stack
from featlearn.report import answers as figures
from featlearn.report.samples import BATCH, Sample
from featlearn.report.shown import Answers, Shown, core
from featlearn.report.sprites import Sheet, sheet_of, shrunk
from featlearn.stages.stage import Stage
from featlearn.visualize.filters import tiles_of
from featlearn.visualize.projections import cropped
from featlearn.visualize.tiles import Floats, Pixels
from featlearn.wording import count

_SIDES = (48, 128)
"""Pixels a side of a tile: that many at most where tiles are many, and where they are few."""

_PIXELS = 6_000_000
"""About how many pixels the tiles of a stage have together, at most."""


@dataclass(frozen=True)
class Gallery:
    """The units of a stage as the page shows them.

    Attributes:
        key: Unique in the page.
        name: The stage's.
        words: Which units they are.
        sheets: Pictures of them, by kind: `filter`, `projection`.
        columns: Their figures, a list for each, rounded; see `_columns`.
        answers: What they answer to the sample, if there is one.
        shown: Which they are.
    """

    key: str
    name: str
    words: str
    sheets: dict[str, Sheet]
    columns: dict[str, list[Any]]
    shown: Shown
    answers: Answers | None = field(default=None, repr=False)


def build_gallery(
    key: str,
    stack: Stack,
    index: int,
    shown: Shown,
    *,
    sample: Sample | None,
    answers: Answers | None,
) -> Gallery:
    """Gather what the page shows of a stage's units.

    Args:
        key: Unique in the page.
        stack: The network.
        index: Place of the stage.
        shown: Its units.
        sample: Images, where there are any.
        answers: What the units answer to them.
    """
    stage = stack.stage(index)
    sheets: dict[str, Sheet] = {}
    bank = filters_of(stage, shown.units)
    if bank is not None:
        sheets["filter"] = _filters(f"{key}-filter", stack, index, bank)
    images = None if sample is None else sample.images
    patterns = _patterns(stack, index, shown, images, answers)
    by_example = answers is not None
    sheets["projection"] = _projections(f"{key}-projection", stack, patterns, by_example)
    columns = _columns(stack, index, shown, tuning(torch.from_numpy(patterns)))
    if answers is not None and sample is not None:
        columns |= _answered(stack, index, shown, answers, sample)
    return Gallery(key, stage.name, shown.words, sheets, columns, shown, answers)


def filters_of(stage: Stage, units: Sequence[Unit]) -> Floats | None:
    """Give the filter in the middle of what each unit pools, `(units, channels, height, width)`.

    `None` where filters have no spatial extent, or are made of many layers.
    """
    if stage.composite:
        return None
    weight = stage.filter.weight.detach().float().cpu().numpy()
    if min(weight.shape[-2:]) == 1:
        return None
    places = np.array([core(stage, unit) for unit in units]).reshape(-1, 3)
    maps, rows, columns = places.T
    if isinstance(stage.spec.filter, LocalSpec | TiledSpec):
        return weight[rows % weight.shape[0], columns % weight.shape[1], maps]
    return weight[maps]


def _filters(key: str, stack: Stack, index: int, bank: Floats) -> Sheet:
    """Lay out filters."""
    on_image = index == 0 and stack.stage(0).input_shape == stack.input_shape
    tiles, note = tiles_of(bank, colour=on_image and bank.shape[1] == 3)
    pooled = stack.stage(index).spec.pool is not None
    where = "in the middle of what a unit pools" if pooled else "of each unit"
    return lay_out(
        key,
        tiles,
        title="Filters",
        note=f"The filter {where}. {note}",
        alt=f"{count(len(tiles))} filters of stage {stack.names[index]}",
    )


def _patterns(
    stack: Stack, index: int, shown: Shown, images: Tensor | None, answers: Answers | None
) -> Floats:
    """Take units down to the image, and cut out the part that they reach."""
    if images is None or answers is None:
        units = [core(stack.stage(index), unit) for unit in shown.units]
        windows = [receptive_window(stack, index, unit, "code") for unit in units]
        patterns = project_units(stack, index, units)
    else:
        best = answers.values.argmax(0)
        at = answers.places[best, torch.arange(len(best), device=best.device)]
        units = [unit_at(shown.shape, int(place)) for place in at]
        windows = [receptive_window(stack, index, unit) for unit in units]
        patterns = _projected(stack, index, units, images[best])
    windows = within(windows, stack.input_shape)
    return cropped(cut(patterns, windows, fill=0.0).float().nan_to_num().cpu().numpy())


def within(windows: Sequence[Window], image: MapShape) -> list[Window]:
    """Let windows that are higher or wider than the image span it there, and no more.

    Args:
        windows: All of one size; they keep one size.
        image: Shape of the image.
    """
    return [
        Window(
            window.top if window.height <= image.height else 0,
            window.left if window.width <= image.width else 0,
            min(window.height, image.height),
            min(window.width, image.width),
        )
        for window in windows
    ]


def _projected(stack: Stack, index: int, units: Sequence[Unit], images: Tensor) -> Tensor:
    """Take units down as images set the network, in whole batches (see `BATCH`)."""
    count, missing = len(units), -len(units) % BATCH
    more = images[-1:].expand(missing, -1, -1, -1)
    filled = [*units, *[units[-1]] * missing]
    return project_examples(stack, index, filled, torch.cat([images, more]), batch=BATCH)[:count]


def _projections(key: str, stack: Stack, patterns: Floats, by_example: bool) -> Sheet:
    """Lay out projections."""
    height, width = patterns.shape[-2:]
    tiles, note = tiles_of(patterns, colour=stack.input_shape.maps == 3)
    how = "by the decoders"
    if by_example:
        how += ", through pooling and normalisation as its most exciting image set them"
    return lay_out(
        key,
        tiles,
        title="Projections",
        note=f"What each unit adds to the image, taken down {how}; {height}×{width} pixels. {note}",
        alt=f"{count(len(tiles))} projections into the image",
    )


def _columns(stack: Stack, index: int, shown: Shown, tuned: Tuning) -> dict[str, list[Any]]:
    """Write the figures that need no images: names, windows, what gratings they are like."""
    windows = [receptive_window(stack, index, unit) for unit in shown.units]
    if shown.over_maps:  # the unit that answers most may be anywhere
        seen = within(windows, stack.input_shape)
    else:
        seen = [window.inside(stack.input_shape) for window in windows]
    return {
        "names": shown.names,
        "map": [unit[0] for unit in shown.units],
        "window": [[window.height, window.width] for window in windows[:1]],
        "sees": [[window.height, window.width] for window in seen],
        "corner": [[window.top, window.left] for window in windows],
        "orientation": rounded(tuned.orientation, places=0),
        "frequency": rounded(tuned.frequency, places=3),
        "strength": rounded(tuned.strength, places=2),
    }


def _answered(
    stack: Stack, index: int, shown: Shown, answers: Answers, sample: Sample
) -> dict[str, list[Any]]:
    """Write the figures of what units answer to a sample."""
    values = answers.values
    top = figures.ranked(values, figures.TOP)
    least = figures.ranked(values, figures.LEAST, least=True)
    counts = figures.histograms(values)
    near, alike = figures.neighbours(values)
    columns: dict[str, list[Any]] = {
        "activity": significant(figures.activity(values)),
        "sparsity": rounded(figures.lifetime_sparsity(values), places=2),
        "top": top.tolist(),
        "topValues": significant(values.T.gather(1, top)),
        "least": least.tolist(),
        "low": significant(counts.low),
        "high": significant(counts.high),
        "histogram": counts.counts.tolist(),
        "neighbours": near.tolist(),
        "alike": rounded(alike, places=2),
    }
    if shown.over_maps:
        for name, ranks in (("topAt", top), ("leastAt", least)):
            columns[name] = _corners(stack, index, shown.shape, answers.places.T.gather(1, ranks))
    if sample.labels is not None:
        columns |= _scored(values, sample.labels.to(values.device), sample)
    return columns


def _corners(stack: Stack, index: int, shape: MapShape, places: Tensor) -> list[list[Any]]:
    """Give the top left corners of the windows of units, pixel rows and columns."""
    corners = {
        place: list(receptive_window(stack, index, unit_at(shape, place))[:2])
        for place in sorted(set(places.flatten().tolist()))
    }
    return [[corners[place] for place in row] for row in places.tolist()]


def _scored(values: Tensor, labels: Tensor, sample: Sample) -> dict[str, list[Any]]:
    """Write which class each unit tells best, and how well."""
    scores = figures.class_scores(values, labels, len(sample.classes), groups=sample.groups)
    if scores is None:
        return {}
    own = labels[:, None] == scores.classes
    return {
        "score": rounded(scores.auc, places=3),
        "chosen": rounded(scores.chosen, places=3),
        "class": scores.classes.tolist(),
        "sign": scores.sign.tolist(),
        "positive": figures.histograms(values, of=own).counts.tolist(),
    }


def lay_out(key: str, tiles: Pixels, *, title: str, note: str, alt: str) -> Sheet:
    """Lay out tiles, smaller where there are many; see `sheet_of`."""
    return sheet_of(key, shrunk(tiles, side=_side(len(tiles))), title=title, note=note, alt=alt)


def _side(tiles: int) -> int:
    """Say how large so many tiles may be."""
    return int(min(max((_PIXELS / max(tiles, 1)) ** 0.5, _SIDES[0]), _SIDES[1]))


def rounded(values: Tensor, *, places: int) -> list[Any]:
    """Write numbers with so many places after the point; what is no number, as `None`."""
    return _each(values.tolist(), lambda value: round(value, places) + 0.0)


def significant(values: Tensor) -> list[Any]:
    """Write numbers with four digits; what is no number, as `None`."""
    return _each(values.tolist(), lambda value: float(f"{value:.4g}"))


def _each(values: Any, write: Any) -> Any:
    """Apply `write` to every number of nested lists."""
    if isinstance(values, list):
        return [_each(value, write) for value in values]
    return write(values) if np.isfinite(values) else None
