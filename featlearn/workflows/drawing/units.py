"""Pictures of single units: what excites them, and what they answer to in it."""

from typing import NamedTuple, get_args

import torch

from featlearn.evaluate.invariance import Curves, invariance_curves, mean_responses
from featlearn.evaluate.projection import Unit
from featlearn.evaluate.rebuilding import rebuilding
from featlearn.evaluate.sharing import shares_maps
from featlearn.evaluate.smooth_search import smooth_search
from featlearn.evaluate.stimulus import optimal_stimulus
from featlearn.evaluate.top_images import Excited, TopImages, excited
from featlearn.evaluate.transformed import TransformationKind, standard_transformation
from featlearn.evaluate.units import find_unit, part_shape, place_of, responses, unit_at, unit_name
from featlearn.geometry import MapShape
from featlearn.visualize.examples import codes_figure, unit_examples_figure
from featlearn.visualize.invariance import invariance_figure
from featlearn.visualize.stimulus import stimulus_figure
from featlearn.visualize.tiles import spread
from featlearn.visualize.top_images import top_images_figure
from featlearn.wording import plural
from featlearn.workflows.drawing.subject import Named, Subject

_UNITS = 6
_PER_ROW = 8
_IMAGES = 8
_SAMPLED = 2000
_AT_ONCE = 128


class _Chosen(NamedTuple):
    """A unit or a map of a stage."""

    name: str
    row: int
    over_maps: bool


def draw_top_images(subject: Subject) -> Named:
    """Draw the images that excite units most: a sheet for each stage, or for each named unit."""
    for index in subject.stages:
        shown = [_excited(subject, index, chosen)[0] for chosen in _chosen(subject, index)]
        if not subject.units:
            yield f"{subject.stack.names[index]}-top-images", top_images_figure(shown)
            continue
        for one in shown:
            yield f"{_file(one.name)}-top-images", top_images_figure([one])


def draw_examples(subject: Subject) -> Named:
    """Draw what in images units answer to, and what the code of every stage still holds."""
    for index in subject.stages:
        shown = [_excited(subject, index, one, most=_PER_ROW) for one in _chosen(subject, index)]
        name = f"{subject.stack.names[index]}-examples"
        yield name, unit_examples_figure(subject.stack, index, shown)
    if not subject.units and subject.place is None and rebuilding(subject.stack):
        looked_at = subject.looked_at
        images = looked_at.at(spread(len(looked_at), _IMAGES))
        yield "codes", codes_figure(subject.stack, images)


def draw_stimuli(subject: Subject) -> Named:
    """Draw the inputs that units of a stage answer most to, which need not be images."""
    index, stack = subject.last, subject.stack
    units = _single_units(subject, index)
    pictures = subject.sample(_SAMPLED)
    sample = torch.cat(list(subject.counted(pictures, "images to compare with")))
    subject.progress.note(f"climbing to what {plural(len(units), 'unit')} answer most to")
    asked = list(units.values())
    search = smooth_search(stack, index, asked[0])
    found = optimal_stimulus(stack, index, asked, sample=sample, search=search)
    places = [place_of(part_shape(stack.stage(index)), unit) for unit in units.values()]
    real = responses(stack, sample.split(_AT_ONCE), stages=[index])
    answers = torch.cat([values[:, places] for (values,) in real])
    yield f"{stack.names[index]}-stimulus", stimulus_figure(found, list(units), real=answers)


def draw_invariance(subject: Subject) -> Named:
    """Draw how much change units of a stage bear, of the images that excite them."""
    index, stack = subject.last, subject.stack
    units = _single_units(subject, index)
    top = subject.tops(index, over_maps=False)
    rows = [place_of(part_shape(stack.stage(index)), unit) for unit in units.values()]
    images = [subject.looked_at.at(top.places[row][top.places[row] >= 0]) for row in rows]
    general = subject.counted(subject.sample(_SAMPLED), "images in general")
    baseline = mean_responses(stack, index, list(units.values()), general)
    curves: list[Curves] = []
    kinds: tuple[TransformationKind, ...] = get_args(TransformationKind)
    for done, kind in enumerate(kinds):
        subject.progress.count("kinds of change", done=done, of=len(kinds))
        change = standard_transformation(kind, stack.input_shape)
        curves.append(
            invariance_curves(
                stack,
                index,
                list(units.values()),
                images,
                transformation=change,
                baseline=baseline,
            )
        )
    subject.progress.stop()
    figure = invariance_figure(curves, list(units), images=max(map(len, images)))
    yield f"{stack.names[index]}-invariance", figure


def _single_units(subject: Subject, index: int) -> dict[str, Unit]:
    """Choose units by name, where a map cannot stand for its units: each has a place."""
    stage = subject.stack.stage(index)
    shape = part_shape(stage)
    if subject.units:
        units = [find_unit(shape, name) for name in subject.units]
    else:
        top = subject.tops(index, over_maps=False)
        units = [unit_at(shape, row) for row in _strongest(top, shape)]
    return {f"{stage.name} {unit_name(shape, unit)}": unit for unit in units}


def _strongest(top: TopImages, shape: MapShape) -> list[int]:
    """Find the rows that answer most to what excites them, one of a map; a map may be a row."""
    strength = top.values.nanmean(1).nan_to_num(-torch.inf)
    planes = strength.view(shape.maps, -1)
    best = planes.max(1)
    maps = best.values.sort(descending=True, stable=True).indices[:_UNITS].sort().values
    return (maps * planes.shape[1] + best.indices[maps]).tolist()


def _chosen(subject: Subject, index: int) -> list[_Chosen]:
    """Choose units: those that were named, or those that answer most to what excites them.

    Of filters that move over the plane in all stages a map stands for all of its units; else
    the unit of each map that answers most.
    """
    stage = subject.stack.stage(index)
    shape, over_maps = part_shape(stage), shares_maps(subject.stack, index)
    if subject.units:
        return [_named(stage.name, shape, name, over_maps=over_maps) for name in subject.units]
    rows = _strongest(subject.tops(index, over_maps=over_maps), shape)
    return [
        _Chosen(f"{stage.name} {_map_or_unit(shape, row, over_maps=over_maps)}", row, over_maps)
        for row in rows
    ]


def _named(stage: str, shape: MapShape, name: str, *, over_maps: bool) -> _Chosen:
    """Find a unit that was named, or a map where one filter makes all of it."""
    unit = find_unit(shape, name)
    if over_maps and "," not in name:
        return _Chosen(f"{stage} {unit[0]}", unit[0], over_maps=True)
    return _Chosen(f"{stage} {unit_name(shape, unit)}", place_of(shape, unit), over_maps=False)


def _map_or_unit(shape: MapShape, row: int, *, over_maps: bool) -> str:
    """Name what a row of top images is of."""
    return str(row) if over_maps else unit_name(shape, unit_at(shape, row))


def _excited(
    subject: Subject, index: int, chosen: _Chosen, *, most: int | None = None
) -> tuple[Excited, list[Unit]]:
    """Put a unit together with its images, and with which unit of it answered to each."""
    top = subject.tops(index, over_maps=chosen.over_maps)
    there = top.places[chosen.row] >= 0
    images = subject.looked_at.at(top.places[chosen.row][there])
    one = excited(subject.stack, index, top, chosen.row, images, name=chosen.name)
    shape = part_shape(subject.stack.stage(index))
    units = [unit_at(shape, place) for place in top.units[chosen.row][there].tolist()]
    few = Excited(one.name, one.images[:most], one.windows[:most], one.values[:most])
    return few, units[:most]


def _file(name: str) -> str:
    """Write a unit's name as part of a file's."""
    return name.replace(" ", "-").replace(",", "-")
