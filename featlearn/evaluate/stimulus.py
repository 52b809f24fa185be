"""The input that a unit answers to most, among all at one distance from a plain one."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

import torch
from torch import Tensor

from featlearn.errors import DataError, ShapeError, UsageError
from featlearn.evaluate.ascent import Search, Sphere, ascend
from featlearn.evaluate.projection import Unit, to_image
from featlearn.evaluate.units import part_of, part_shape, place_of, receptive_window, responses
from featlearn.geometry import MapShape
from featlearn.networks.stack import Stack, What
from featlearn.ops.random import generator
from featlearn.stages.preprocess import Contrast

_AT_ONCE = 64  # images
_AGREEMENT = 0.05  # of the way from the plain input to the best


class Stimuli(NamedTuple):
    """What was found for some units of one stage."""

    images: Tensor
    """The best inputs, `(units, maps, height, width)`, in the space that was searched."""

    patterns: Tensor
    """How they differ from the plain input, in the shape and the unit of an image's pixels;
    for pictures, in which zero is mid-grey."""

    values: Tensor
    """The responses to them, `(units,)`."""

    blank: Tensor
    """The responses to the plain input, `(units,)`."""

    percentiles: Tensor
    """Where the values lie among the responses to the sample, in [0, 100], `(units,)`."""

    agreeing: Tensor
    """How many starts came within 5 % of the best, counted from the plain input, int64."""

    starts: int
    """How many there were."""

    raised: Tensor
    """Whether anything better than the plain input was found, `(units,)`; False for a dead
    unit, whose image means nothing."""

    norms: Tensor
    """Distance of the inputs from the plain one, `(units,)`."""

    search: Search = Search()
    """How they were looked for."""


def optimal_stimulus(
    stack: Stack,
    index: int,
    units: Sequence[Unit],
    *,
    sample: Tensor,
    search: Search | None = None,
    what: What = "output",
) -> Stimuli:
    """Look for the inputs that maximise units, max f(x) under ‖x − plain‖ = c.

    The plain input has one value for each map, the sample's mean. An input differs from it
    only in the part that the unit sees (`receptive_window`), and there, by default, as much
    as images do (the median over the sample; where most are plain, that of whole images, by
    area), so that the responses compare. If images are prepared by their contrast last,
    differences sum to zero, as theirs do. The climb starts from noise, several times, and from
    the image of the sample with the highest response.

    Args:
        stack: The network, in evaluation mode.
        index: Place of the stage.
        units: Units of its part, `(map, row, column)` each.
        sample: Real images `(n, maps, height, width)` in [0, 1], which tell the mean, the
            distance, a start and the percentiles. They are held in memory: some hundreds do,
            and `percentiles_of` compares with the responses to more.
        search: How to look.
        what: Which part of the stage. The output of contrast normalisation is bounded, and
            falls when the neighbours rise.

    Returns:
        What was found. It does not depend on which units are asked for together.

    Raises:
        UsageError: If the stage does not have the part, or the space has no plane for a
            prior that needs one.
        DataError: If there is no unit or no sample, or its images are flat.

    Source:
        Le et al., ICML 2012, section 4.3; Erhan et al., 2009.
    """
    search = search or Search()
    shape = part_shape(stack.stage(index), what)
    if len(sample) == 0 or not units:
        raise DataError(
            "optimal_stimulus needs at least one unit, and one image as a sample; "
            f"got {len(units)} and {len(sample)}"
        )
    places = [place_of(shape, unit) for unit in units]
    real = [
        found[:, places]
        for (found,) in responses(stack, sample.split(_AT_ONCE), stages=[index], what=what)
    ]
    problem = _Problem(stack, index, units, what, search)
    sphere, given = problem.sphere(sample)
    tops = given[torch.cat(real).nan_to_num(nan=float("-inf")).argmax(0)]
    where = torch.tensor(places, device=given.device)
    moved, values = zip(*problem.climb(where, sphere, tops), strict=True)
    return problem.result(where, sphere, torch.cat(moved), torch.cat(values), torch.cat(real))


def percentiles_of(values: Tensor, real: Tensor) -> Tensor:
    """Say where values lie among real responses, unit by unit.

    Args:
        values: `(units,)`.
        real: `(n, units)`; NaN does not count.

    Returns:
        `(units,)` float64 in [0, 100]: the share of responses below, equal ones counted
        half; NaN where there is nothing to compare.

    Raises:
        ShapeError: If the two do not fit.
    """
    if real.ndim != 2 or values.shape != real.shape[1:]:
        raise ShapeError(
            f"percentiles_of needs values (units,) and responses (n, units); "
            f"got {tuple(values.shape)} and {tuple(real.shape)}"
        )
    below = (real < values).double() + 0.5 * (real == values).double()
    share = 100 * below.sum(0) / (~real.isnan()).sum(0)
    return torch.where(values.isnan(), float("nan"), share)


@dataclass(frozen=True)
class _Problem:
    """What is maximised."""

    stack: Stack
    index: int
    units: Sequence[Unit]
    what: What
    search: Search

    def answers(self, inputs: Tensor) -> Tensor:
        """Compute what all units answer, `(n, units)`."""
        maps = inputs if self.search.space == "prepared" else self.stack.prepare(inputs)
        for below in range(self.index):
            maps = self.stack.stage(below)(maps).output
        return part_of(self.stack.stage(self.index)(maps), self.what).flatten(1)

    def respond(self, places: Tensor, inputs: Tensor) -> Tensor:
        """Compute what the unit at one of the places answers to each input, `(n,)`."""
        return self.answers(inputs).gather(1, places[:, None]).squeeze(1)

    def sphere(self, sample: Tensor) -> tuple[Sphere, Tensor]:
        """Say where inputs may be, and give the sample as differences from the plain input."""
        prepared = self.search.space == "prepared"
        steps = self.stack.preparation
        with torch.no_grad():
            parts = [self.stack.prepare(few) if prepared else few for few in sample.split(_AT_ONCE)]
        given = torch.cat(parts)
        if self.search.spatial and given.shape[2:] == (1, 1):
            raise UsageError(
                "total variation, jitter and smoothing need a plane, and prepared images have "
                "none; search in pixels"
            )
        ground = given.mean((0, 2, 3))[:, None, None].expand(given.shape[1:])
        given = given - ground
        masks = torch.stack([self._mask(unit, given[0, :1]) for unit in self.units])
        sphere = Sphere(
            ground=ground,
            masks=masks,
            norms=self._norms(given, masks),
            centred=prepared and bool(steps) and isinstance(steps[-1], Contrast),
            limits=self.search.limits,
        )
        return sphere, given

    def _mask(self, unit: Unit, like: Tensor) -> Tensor:
        """Mark what a unit sees, `(1, height, width)`; all, where the space has another plane."""
        if like.shape[1:] != self.stack.input_shape[1:]:
            return torch.ones_like(like)
        window = receptive_window(self.stack, self.index, unit, self.what)
        there = window.inside(MapShape(*like.shape))
        mask = torch.zeros_like(like)
        if there.height > 0 and there.width > 0:
            rows = slice(there.top, there.top + there.height)
            columns = slice(there.left, there.left + there.width)
            mask[:, rows, columns] = 1
        return mask

    def _norms(self, given: Tensor, masks: Tensor) -> Tensor:
        """Give the distance for each unit."""
        if self.search.norm is not None:
            return given.new_full((len(masks),), self.search.norm)
        energy = given.square().sum(1).flatten(1)
        whole = energy.sum(1).sqrt().median()
        if not whole > 0:
            raise DataError(
                "most images of the sample are flat, so there is no typical distance; give a norm"
            )
        norms = (energy @ masks.flatten(1).T).sqrt().median(0).values
        usual = (masks.flatten(1).sum(1) / energy.shape[1]).sqrt() * whole
        return torch.where(norms > 1e-4 * usual, norms, usual)

    def climb(
        self, places: Tensor, sphere: Sphere, tops: Tensor
    ) -> Iterator[tuple[Tensor, Tensor]]:
        """Climb for a few units at a time, from all of their starts.

        Args:
            places: Their places among the flattened units.
            sphere: Where their inputs may be.
            tops: For each the difference from the plain input to start from.

        Yields:
            Differences `(few, starts, maps, height, width)`, and responses `(few, starts)`.
        """
        starts = self.search.starts + 1
        few = max(1, _AT_ONCE // starts)
        for first in range(0, len(places), few):
            some = slice(first, first + few)
            where = places[some].repeat_interleave(starts)
            there = sphere.part(some, repeats=starts)
            draws = [
                generator(self.search.seed, "stimulus", self.index, *unit, start)
                for unit in self.units[some]
                for start in range(starts)
            ]
            begin = self._starts(tops[some], there, draws)
            respond = partial(self.respond, where)
            moved = ascend(respond, there, begin, draws, self.search)
            with torch.no_grad():
                values = respond(there.ground + moved)
            yield moved.unflatten(0, (-1, starts)), values.unflatten(0, (-1, starts))

    def _starts(self, tops: Tensor, sphere: Sphere, draws: Sequence[torch.Generator]) -> Tensor:
        """Draw noise, and put for the last start of each unit its image, if it is not flat."""
        noise = torch.stack([torch.randn(tops.shape[1:], generator=draw) for draw in draws])
        begin = noise.to(tops).unflatten(0, (len(tops), -1))
        last = sphere.masks.unflatten(0, (len(tops), -1))[:, -1]
        flat = ~(tops * last != 0).flatten(1).any(1)
        begin[:, -1] = torch.where(flat.view(-1, 1, 1, 1), begin[:, -1], tops)
        return begin.flatten(0, 1)

    def result(
        self, places: Tensor, sphere: Sphere, moved: Tensor, values: Tensor, real: Tensor
    ) -> Stimuli:
        """Choose the best start of each unit, and say how good it is."""
        with torch.no_grad():
            plain = self.answers(sphere.ground[None])[0, places]
        known = values.nan_to_num(nan=float("-inf"))
        best, start = known.max(1)
        moved = moved[torch.arange(len(moved), device=moved.device), start]
        value = values.gather(1, start[:, None]).squeeze(1)
        rise = best - plain
        near = known >= (best - _AGREEMENT * rise.clamp_min(0))[:, None]
        return Stimuli(
            images=sphere.ground + moved,
            patterns=to_image(self.stack, moved) if self.search.space == "prepared" else moved,
            values=value,
            blank=plain,
            percentiles=percentiles_of(value, real),
            agreeing=(near & known.isfinite()).sum(1),
            starts=values.shape[1],
            raised=rise > 1e-6 * plain.abs(),
            norms=torch.linalg.vector_norm(moved, dim=(1, 2, 3)),
            search=self.search,
        )
