"""The images that excite each unit most, or least, found in one pass over any number of them."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from featlearn.errors import DataError, ShapeError, UsageError
from featlearn.evaluate.units import Window, part_shape, receptive_window, responses, unit_at
from featlearn.geometry import MapShape
from featlearn.networks.stack import Stack, What


class TopImages(NamedTuple):
    """The images that excite the units (or maps) of one stage, the strongest first.

    A row is a unit, or a map; a column is a rank. There are fewer columns than were asked
    for if there were fewer images.
    """

    values: Tensor
    """The responses, `(rows, ranks)`; NaN where no image was left that gives a number."""

    places: Tensor
    """The numbers of the images in the order they came in, from 0, int64; -1 where NaN."""

    units: Tensor
    """Which unit answered, by its place among the flattened ones, int64: the row itself, or
    the one of the map's units that answered most (or least) to that image."""


class Excited(NamedTuple):
    """One unit or map with the images that excite it, ready to be drawn."""

    name: str
    """What it is called, such as `third 3,4,5`."""

    images: Tensor
    """`(count, maps, height, width)` in [0, 1], the strongest first."""

    windows: list[Window]
    """The part of each image that the unit answers to; all of one size."""

    values: Tensor
    """The responses, `(count,)`."""


def top_images(
    stack: Stack,
    batches: Iterable[Tensor],
    *,
    stages: Sequence[int] | None = None,
    count: int = 16,
    what: What = "output",
    least: bool = False,
    over_maps: bool = False,
) -> list[TopImages]:
    """Find the images that every unit of every stage answers most to, in one pass.

    Memory grows with units times `count`, never with the number of images. Of equal
    responses the earlier image is the stronger. NaN, and infinity of the wrong sign, never
    win.

    Args:
        stack: The network, in evaluation mode.
        batches: Images `(n, maps, height, width)` in [0, 1], gone through once.
        stages: Places of the stages that are wanted, ascending; all if absent.
        count: How many images to keep for each unit.
        what: Which part of the stages.
        least: Keep the images with the lowest responses instead, the lowest first.
        over_maps: Take all units of a map together, as is natural where they share their
            filter: each image counts once, with the best of its positions (of equal ones
            the first).

    Returns:
        One entry for each wanted stage, with a row for each unit, or map.

    Raises:
        UsageError: If `count` is below 1, or a stage does not have the part.
        DataError: If there are no images.
    """
    if count < 1:
        raise UsageError(f"top_images keeps at least 1 image a unit; got {count}")
    wanted = range(len(stack)) if stages is None else stages
    shapes = [part_shape(stack.stage(place), what) for place in wanted]
    ranks = [
        _Ranks(shape, count=count, sign=-1 if least else 1, over_maps=over_maps) for shape in shapes
    ]
    for found in responses(stack, batches, stages=wanted, what=what):
        for stage, values in zip(ranks, found, strict=True):
            stage.add(values)
    return [stage.result() for stage in ranks]


class _Ranks:
    """The best of what came so far, for each unit or map."""

    def __init__(self, shape: MapShape, *, count: int, sign: int, over_maps: bool) -> None:
        self.shape = shape
        self.count = count
        self.sign = sign
        self.over_maps = over_maps
        self.seen = 0
        self.kept: TopImages | None = None

    def add(self, responses: Tensor) -> None:
        """Rank a batch of responses, `(n, units)`, among what is kept."""
        signed = self.sign * responses
        signed = torch.where(signed.isnan(), float("-inf"), signed)
        units = torch.arange(self.shape.units, device=signed.device).expand_as(signed)
        if self.over_maps:
            planes = signed.unflatten(1, (self.shape.maps, -1))
            signed, positions = planes.max(dim=2)
            plane = planes.shape[2]
            units = positions + plane * torch.arange(self.shape.maps, device=signed.device)
        if self.kept is None:
            self.kept = _nothing(signed, self.count)
        self._merge(signed, units)
        self.seen += len(signed)

    def _merge(self, signed: Tensor, units: Tensor) -> None:
        """Put what beats the last rank into its place; equal values come after older ones."""
        assert self.kept is not None
        if len(signed) == 0:
            return
        rows = (signed.amax(0) > self.kept.values[:, -1]).nonzero().squeeze(1)
        numbers = torch.arange(self.seen, self.seen + len(signed), device=signed.device)
        new = TopImages(signed[:, rows].T, numbers.expand(len(rows), len(signed)), units[:, rows].T)
        joined = [
            torch.cat([old[rows], added], dim=1) for old, added in zip(self.kept, new, strict=True)
        ]
        order = joined[0].sort(dim=1, descending=True, stable=True).indices[:, : self.count]
        for kept, both in zip(self.kept, joined, strict=True):
            kept[rows] = both.gather(1, order)

    def result(self) -> TopImages:
        """Give the ranks that were filled, with the responses as they were."""
        if self.kept is None or self.seen == 0:
            raise DataError("top_images needs at least one image")
        values, places, units = (part[:, : self.seen] for part in self.kept)
        return TopImages(torch.where(places < 0, float("nan"), self.sign * values), places, units)


def _nothing(like: Tensor, count: int) -> TopImages:
    """Give ranks that everything beats."""
    size = (like.shape[1], count)
    numbers = torch.full(size, -1, dtype=torch.int64, device=like.device)
    return TopImages(like.new_full(size, float("-inf")), numbers, numbers.clone())


def excited(
    stack: Stack,
    index: int,
    top: TopImages,
    row: int,
    images: Tensor,
    *,
    name: str,
    what: What = "output",
) -> Excited:
    """Put a unit or map together with its images, and with where in them it answered.

    Args:
        stack: The network.
        index: Place of the stage.
        top: What `top_images` found there.
        row: The row of the unit or map.
        images: Its images, those that `top.places[row]` numbers, ranks without one left
            out: `(count, maps, height, width)`.
        name: What it is called.
        what: The part of the stage that was asked about.

    Raises:
        ShapeError: If there is not one image for each rank.
    """
    there = top.places[row] >= 0
    if len(images) != int(there.sum()):
        raise ShapeError(f"{name} has {int(there.sum())} top images; got {len(images)}")
    shape = part_shape(stack.stage(index), what)
    windows = [
        receptive_window(stack, index, unit_at(shape, place), what)
        for place in top.units[row][there].tolist()
    ]
    return Excited(name, images, windows, top.values[row][there])


def cut(images: Tensor, windows: Sequence[Window], *, fill: float = 0.5) -> Tensor:
    """Cut one window out of each image.

    Args:
        images: `(n, maps, height, width)`.
        windows: One for each image, all of one size; parts of them may lie outside.
        fill: What stands for the outside, in the unit of the images; mid-grey as a rule.

    Returns:
        `(n, maps, height', width')` in the size of the windows.

    Raises:
        ShapeError: If windows and images differ in number, or windows in size.
    """
    sizes = {(window.height, window.width) for window in windows}
    if len(windows) != len(images) or len(sizes) != 1:
        raise ShapeError(
            f"cut needs one window for each image, all of one size; got {len(images)} images and "
            f"{len(windows)} windows of {len(sizes)} sizes"
        )
    crops = images.new_full((*images.shape[:2], *sizes.pop()), fill)
    plane = MapShape(*images.shape[1:])
    for crop, image, window in zip(crops, images, windows, strict=True):
        there = window.inside(plane)
        if there.height > 0 and there.width > 0:
            crop[(slice(None), *_slices(there, window))] = image[(slice(None), *_slices(there))]
    return crops


def _slices(window: Window, origin: Window | None = None) -> tuple[slice, slice]:
    """Give the rows and columns of a window, counted from the corner of another."""
    top = window.top - (0 if origin is None else origin.top)
    left = window.left - (0 if origin is None else origin.left)
    return slice(top, top + window.height), slice(left, left + window.width)
