"""What takes long, of a few units: how much change they bear, and their best stimulus."""

import math
from collections.abc import Sequence
from dataclasses import replace
from itertools import compress
from typing import Any, NamedTuple

import msgspec
import torch
from torch import Tensor

from featlearn.config.layers import Plan
from featlearn.errors import DataError
from featlearn.evaluate.ascent import Search
from featlearn.evaluate.invariance import (
    Curves,
    goes_on,
    invariance_curves,
    kept_range,
    mean_responses,
    relative,
)
from featlearn.evaluate.projection import Unit
from featlearn.evaluate.smooth_search import SMOOTH, prior_words, smooth_search
from featlearn.evaluate.stimulus import Stimuli, optimal_stimulus
from featlearn.evaluate.top_images import cut
from featlearn.evaluate.transformed import TransformationKind, standard_transformation
from featlearn.evaluate.units import receptive_window, unit_at
from featlearn.networks.stack import Stack
from featlearn.report.gallery import Gallery, lay_out, rounded, significant, within
from featlearn.report.samples import BATCH
from featlearn.report.sprites import Sheet
from featlearn.visualize.filters import tiles_of

KINDS: dict[TransformationKind, tuple[str, str]] = {
    "shift-x": ("Shift to the right", " px"),
    "shift-y": ("Shift down", " px"),
    "rotation": ("Rotation", "°"),
    "scale": ("Scale", "×"),
    "contrast": ("Contrast", "×"),
    "noise": ("Noise, deviation", ""),
}
"""The changes that the page shows, in words, and the unit of their amounts."""

_IMAGES = 4
_SEARCH = msgspec.structs.replace(SMOOTH, steps=40, starts=1)

_PASSES = 600
"""How many images go through the network for a unit, about, a step of ascent being three."""

_OPERATIONS = 1e11
"""Operations for all units of all stages, about."""

_LEAST, _MOST = 3, 10


def counts(layers: Plan, names: Sequence[str]) -> list[int]:
    """Say for how many units of each stage there is time, by what the network computes.

    The number is by operations, never by the clock: the same run gives the same page.

    Args:
        layers: The network, layer by layer.
        names: Of the stages, bottom first.
    """
    found: list[int] = []
    for place in range(len(names)):
        below = names[: place + 1]
        flops = sum(layer.flops for layer in layers.layers if layer.stage in below)
        affordable = _OPERATIONS / len(names) / (_PASSES * max(flops, 1))
        found.append(int(min(max(affordable, _LEAST), _MOST)))
    return found


def with_evidence(
    gallery: Gallery,
    stack: Stack,
    index: int,
    images: Tensor,
    *,
    most: int,
    first: Sequence[str] = (),
) -> Gallery:
    """Add invariance and stimuli of a stage's best units to its gallery.

    Args:
        gallery: Of the stage, with answers to `images`.
        stack: The network.
        index: Place of the stage.
        images: The sample, `(n, maps, height, width)`.
        most: How many units to take.
        first: Names of units that are to be among them, the first of them first.
    """
    chosen = _best(gallery, most, first)
    if not chosen or gallery.answers is None:
        return gallery
    places = gallery.answers.places
    top = [gallery.columns["top"][place] for place in chosen]
    units = [
        unit_at(gallery.shown.shape, int(places[ranks[0], place]))
        for place, ranks in zip(chosen, top, strict=True)
    ]
    asked = _Asked(gallery, stack, index, images, chosen, units)
    columns = {**gallery.columns, "invariance": _curves(asked, top)}
    search = smooth_search(stack, index, units[0], base=_SEARCH)
    found = _stimuli(asked, search)
    if found is None:
        return replace(gallery, columns=columns)
    columns["stimulus"] = _figures(*found, search)
    sheets = {**gallery.sheets, "stimulus": _sheet(asked, *found, search)}
    return replace(gallery, sheets=sheets, columns=columns)


class _Asked(NamedTuple):
    """What is looked for.

    Attributes:
        gallery: Of the stage, with answers to the sample.
        stack: The network.
        stage: Its place in the network.
        images: The sample, `(n, maps, height, width)`.
        chosen: Places in the gallery.
        units: The unit at each of them; where an entry is a map, the one that answers most.
    """

    gallery: Gallery
    stack: Stack
    stage: int
    images: Tensor
    chosen: list[int]
    units: list[Unit]


def _curves(asked: _Asked, top: Sequence[Sequence[int]]) -> list[dict[str, Any]]:
    """Compute how much of each kind of change the units bear, of their `top` images."""
    gallery, stack, index, images, chosen, units = asked
    if gallery.answers is None or gallery.shown.over_maps:
        ground = mean_responses(stack, index, units, images.split(BATCH))
    else:
        ground = gallery.answers.values[:, chosen].double().mean(0)
    changed = [images[ranks[:_IMAGES]] for ranks in top]
    return [
        _invariance(
            invariance_curves(
                stack,
                index,
                units,
                changed,
                transformation=standard_transformation(kind, stack.input_shape),
                baseline=ground,
            ),
            chosen,
        )
        for kind in KINDS
    ]


def _figures(places: Sequence[int], stimuli: Stimuli, search: Search) -> list[dict[str, Any]]:
    """Write how good the stimuli of the units at some places are."""
    return [
        {
            "unit": place,
            "value": value,
            "percentile": percentile,
            "agreeing": agreeing,
            "smooth": search.spatial,
        }
        for place, value, percentile, agreeing in zip(
            places,
            significant(stimuli.values),
            (_share(share) for share in stimuli.percentiles.tolist()),
            stimuli.agreeing.tolist(),
            strict=True,
        )
    ]


def _best(gallery: Gallery, most: int, first: Sequence[str]) -> list[int]:
    """Choose units: those named, those that tell a class best, else those that answer to few."""
    columns = gallery.columns
    key = columns.get("chosen") or columns.get("sparsity") or []
    alive = [
        place for place, value in enumerate(key)
        if value is not None and columns["high"][place] > columns["low"][place]
    ]  # fmt: skip
    entries = dict.fromkeys(gallery.shown.entry(name) for name in first)
    ranks = {name: rank for rank, name in enumerate(entries)}
    rank = [ranks.get(name, len(ranks)) for name in columns["names"]]
    return sorted(alive, key=lambda place: (rank[place], -key[place]))[:most]


def _invariance(curves: Curves, chosen: Sequence[int]) -> dict[str, Any]:
    """Write the curves of one kind of change, of the units that have any."""
    shares = relative(curves)
    known = [place for place, row in enumerate(shares) if bool(row.isfinite().all())]
    name, unit = KINDS[curves.transformation.kind]
    return {
        "name": name,
        "unit": unit,
        "amounts": [float(f"{amount:.4g}") for amount in curves.transformation.amounts],
        "units": [chosen[place] for place in known],
        "curves": rounded(shares[known], places=3),
        "kept": significant(kept_range(curves)[known]),
        "goesOn": goes_on(curves)[known].tolist(),
    }


def _stimuli(asked: _Asked, search: Search) -> tuple[list[int], Stimuli] | None:
    """Look for the stimuli of units, and leave out those for which none is found.

    That is where most images are flat, and where the search, on so short a leash, never left
    the plain where a unit is silent.
    """
    _, stack, index, images, chosen, units = asked
    try:
        found = optimal_stimulus(stack, index, units, sample=images, search=search)
        parts, places = [found], list(chosen)
    except DataError:
        parts, places = list[Stimuli](), list[int]()
        for unit, place in zip(units, chosen, strict=True):
            try:
                parts.append(optimal_stimulus(stack, index, [unit], sample=images, search=search))
            except DataError:
                continue
            places.append(place)
    raised = [bool(found) for part in parts for found in part.raised]
    if not any(raised):
        return None
    return list(compress(places, raised)), _joined(parts, torch.tensor(raised))


def _search_words(search: Search) -> str:
    """Say how stimuli were looked for."""
    words = f"projected gradient ascent, {search.steps} steps, from noise and from its top image"
    return "; ".join(filter(None, (words, prior_words(search))))


def _joined(parts: Sequence[Stimuli], raised: Tensor) -> Stimuli:
    """Put stimuli one after the other, without those that are no better than a plain input."""
    raised = raised.to(parts[0].values.device)
    return parts[0]._replace(
        patterns=torch.cat([part.patterns for part in parts])[raised],
        values=torch.cat([part.values for part in parts])[raised],
        percentiles=torch.cat([part.percentiles for part in parts])[raised],
        agreeing=torch.cat([part.agreeing for part in parts])[raised],
    )


def _share(percentile: float) -> float | None:
    """Write a percentile with one place, rounded down: 100 is above all images, and only that."""
    return math.floor(10 * percentile) / 10 if math.isfinite(percentile) else None


def _sheet(asked: _Asked, places: Sequence[int], stimuli: Stimuli, search: Search) -> Sheet:
    """Lay out stimuli, cropped to what their units see."""
    gallery, stack, index = asked.gallery, asked.stack, asked.stage
    units = [asked.units[asked.chosen.index(place)] for place in places]
    windows = [receptive_window(stack, index, unit) for unit in units]
    windows = within(windows, stack.input_shape)
    patterns = cut(stimuli.patterns.float(), windows, fill=0.0).nan_to_num().cpu().numpy()
    tiles, note = tiles_of(patterns, colour=stack.input_shape.maps == 3)
    sheet = lay_out(
        f"{gallery.key}-stimulus",
        tiles,
        title="Stimuli",
        note=(
            f"For {len(places)} units, the best by the gallery's figures: the input that the unit "
            "answers most to, among those that differ from plain grey as much as "
            f"images do ({_search_words(search)}). {note}"
        ),
        alt=f"Optimal stimuli of {len(tiles)} units",
    )
    return replace(sheet, units=tuple(places))
