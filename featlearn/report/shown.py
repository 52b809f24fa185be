"""Which units of a stage the page shows, and what they answer to a sample of images."""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from featlearn.config.pieces import LCNSpec
from featlearn.evaluate.projection import Unit
from featlearn.evaluate.sharing import shares_maps
from featlearn.evaluate.units import find_unit, place_of, responses, unit_at, unit_name
from featlearn.geometry import MapShape, pads
from featlearn.networks.stack import Stack
from featlearn.stages.stage import Stage
from featlearn.visualize.tiles import spread
from featlearn.wording import count

MOST = 2100
"""Units in a page, at most."""


class Shown(NamedTuple):
    """Units of a stage's output, or whole maps where their filter is shared.

    Attributes:
        shape: Of the stage's output.
        units: The units, or of each map the central one.
        over_maps: Whether an entry is a whole map, which answers by its largest unit.
        total: How many units, or maps, there are.
    """

    shape: MapShape
    units: list[Unit]
    over_maps: bool
    total: int

    @property
    def names(self) -> list[str]:
        """Name the entries as `--unit` takes them."""
        if self.over_maps:
            return [str(unit[0]) for unit in self.units]
        return [unit_name(self.shape, unit) for unit in self.units]

    def entry(self, name: str) -> str:
        """Name the entry that stands for a unit: its map, where positions share filters."""
        return name.partition(",")[0] if self.over_maps else name

    @property
    def words(self) -> str:
        """Say what is shown."""
        if self.over_maps:
            shared = "maps, whose filters all positions share: a map answers by its largest unit"
            return f"{self._of_all} {shared}"
        if len(self.units) == self.total:
            return f"All {count(self.total)} units"
        maps = len({unit[0] for unit in self.units})
        places = len({unit[1:] for unit in self.units})
        where = f"{maps} maps at {count(places)} positions spread over the image"
        return f"{count(len(self.units))} of {count(self.total)} units: {where}"

    @property
    def _of_all(self) -> str:
        """Write `16`, or `256 of 512`."""
        shown = len(self.units)
        all_ = shown == self.total
        return f"All {count(shown)}" if all_ else f"{count(shown)} of {count(self.total)}"


class Answers(NamedTuple):
    """What the entries answer to a sample.

    Attributes:
        values: `(images, entries)`.
        places: Which unit of the stage's output it was, by its place among the flattened
            ones, `(images, entries)` int64.
    """

    values: Tensor
    places: Tensor


def shown_units(
    stack: Stack, *, most: int = MOST, named: Mapping[str, Sequence[str]] | None = None
) -> list[Shown]:
    """Choose the units of every stage that a page shows.

    A stage that needs few leaves its part of `most` to the others.

    Args:
        stack: The network.
        most: How many to choose.
        named: Units that are to be among them, by the names of their stages.

    Raises:
        UsageError: If there is no such unit.
    """
    totals = [_entries(stack, index) for index in range(len(stack))]
    shares = _shares(totals, most)
    chosen = [_choose(stack, index, share) for index, share in enumerate(shares)]
    return [
        _with(shown, (named or {}).get(name, ()))
        for name, shown in zip(stack.names, chosen, strict=True)
    ]


def collect(stack: Stack, shown: Sequence[Shown], batches: Iterable[Tensor]) -> list[Answers]:
    """Compute what the units shown answer, a batch at a time.

    Args:
        stack: The network, in evaluation mode.
        shown: Of each stage.
        batches: Images `(n, maps, height, width)` in [0, 1].
    """
    parts: list[list[Answers]] = [[] for _ in shown]
    for found in responses(stack, batches):
        for kept, entries, values in zip(parts, shown, found, strict=True):
            kept.append(_answers(entries, values))
    return [
        Answers(torch.cat([a.values for a in kept]), torch.cat([a.places for a in kept]))
        for kept in parts
    ]


def core(stage: Stage, unit: Unit) -> Unit:
    """Find the unit of the code in the middle of those that a unit of the output pools."""
    taken = [unit[0]] if stage.pool is None else stage.pool.members(unit[0])
    middle = taken[(len(taken) - 1) // 2]
    return middle, _core(stage, unit[1], axis=1), _core(stage, unit[2], axis=2)


def _core(stage: Stage, place: int, *, axis: int) -> int:
    """Step down from an output's place to the code's, along one axis."""
    norm, pool, size = stage.spec.norm, stage.spec.pool, stage.code_shape[axis]
    if isinstance(norm, LCNSpec) and norm.padding == "valid":
        place += (norm.size - 1) // 2
    if pool is not None:
        window, stride, padding = pool.window
        before, _ = pads(size, window=window, stride=stride, padding=padding)
        place = place * stride - before + (window - 1) // 2
    return min(max(place, 0), size - 1)


def _entries(stack: Stack, index: int) -> int:
    """Count what could be shown of a stage."""
    shape = stack.stage(index).output_shape
    return shape.maps if shares_maps(stack, index) else shape.units


def _shares(totals: Sequence[int], most: int) -> list[int]:
    """Divide `most` evenly among stages, what some do not need among the others."""
    shares = [0] * len(totals)
    left = most
    for rank, place in enumerate(sorted(range(len(totals)), key=lambda place: totals[place])):
        shares[place] = min(totals[place], max(left // (len(totals) - rank), 1))
        left -= shares[place]
    return shares


def _choose(stack: Stack, index: int, most: int) -> Shown:
    """Take up to `most` units of a stage: all, or all maps at positions all over the plane."""
    shape = stack.stage(index).output_shape
    total = _entries(stack, index)
    if shares_maps(stack, index):
        maps = spread(shape.maps, most)
        units = [(int(place), shape.height // 2, shape.width // 2) for place in maps]
        return Shown(shape, units, over_maps=True, total=total)
    if total <= most:
        units = [unit_at(shape, place) for place in range(total)]
        return Shown(shape, units, over_maps=False, total=total)
    maps = spread(shape.maps, max(most, 1))
    room = most // len(maps)
    rows = min(shape.height, max(int(room**0.5), 1))
    columns = min(shape.width, max(room // rows, 1))
    rows = min(shape.height, room // columns)
    units = [
        (int(place), int(row), int(column))
        for place in maps
        for row in _inner(shape.height, rows)
        for column in _inner(shape.width, columns)
    ]
    return Shown(shape, units, over_maps=False, total=total)


def _with(shown: Shown, names: Sequence[str]) -> Shown:
    """Add units that are named, unless they are shown already."""
    units = [find_unit(shown.shape, name) for name in names]
    if shown.over_maps:
        middle = shown.shape.height // 2, shown.shape.width // 2
        units = [(unit[0], *middle) for unit in units]
    more = [unit for unit in dict.fromkeys(units) if unit not in set(shown.units)]
    return shown._replace(units=sorted([*shown.units, *more]))


def _inner(size: int, number: int) -> list[int]:
    """Spread places over an axis, the single one in its middle."""
    return [size // 2] if number == 1 else [int(place) for place in spread(size, number)]


def _answers(shown: Shown, values: Tensor) -> Answers:
    """Take the answers of the entries out of those of a whole stage, `(n, units)`.

    Figures need numbers: what is none, as after a training that diverged, counts as zero.
    """
    values = values.nan_to_num(nan=0.0, posinf=0.0, neginf=0.0)
    if not shown.over_maps:
        places = torch.tensor([place_of(shown.shape, unit) for unit in shown.units])
        places = places.to(values.device)
        return Answers(values[:, places], places.expand(len(values), -1))
    maps = torch.tensor([unit[0] for unit in shown.units], device=values.device)
    largest, positions = values.unflatten(1, (shown.shape.maps, -1))[:, maps].max(dim=2)
    plane = shown.shape.height * shown.shape.width
    return Answers(largest, positions + plane * maps)
