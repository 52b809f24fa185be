"""How far a stage's filters are Gabor functions, beside filters that learned nothing."""

import math
from collections.abc import Callable, Sequence

import msgspec
import numpy as np
import torch
from numpy.typing import NDArray

from featlearn.errors import ShapeError, UsageError
from featlearn.evaluate.gabor import GOOD, GaborFit, share_of_gabors
from featlearn.evaluate.gabor_fits import LEAST_SIDE, fit_gabors
from featlearn.evaluate.principal import principal_pattern
from featlearn.evaluate.projection import Unit, central_units, project_units
from featlearn.evaluate.top_images import cut
from featlearn.evaluate.units import receptive_window, unit_at, unit_name
from featlearn.networks.stack import Stack

MOST = 256
"""Filters of a stage that are fitted, at most."""

_CONTROLS = 64  # filters of each control
_AT_ONCE = 16  # filters between two words of progress

Told = Callable[[int], None]
"""Takes how many more filters are fitted."""


class FilterPatterns(msgspec.Struct, frozen=True):
    """Filters of a stage as patterns in the image.

    Attributes:
        units: The units of the code that have them, `(map, row, column)` each.
        patterns: `(units, height, width)`.
        kept: Share of the squared weights that is left where several maps of the image are
            reduced to one pattern, on average, in [0, 1].
    """

    units: list[Unit]
    patterns: NDArray[np.floating]
    kept: float


class ControlGabors(msgspec.Struct, frozen=True, kw_only=True):
    """Gabor functions fitted to what learned nothing.

    Attributes:
        kind: `untrained`: the same network with random weights; `noise`: normal numbers.
        filters: How many filters there are.
        share: Share of them with R² of at least 0.7.
        median_r2: Their median R²; `None` if none of them varies.
        r2: Of each; `None` where it does not vary.
    """

    kind: str
    filters: int
    share: float
    median_r2: float | None
    r2: tuple[float | None, ...]


class StageGabors(msgspec.Struct, frozen=True, kw_only=True):
    """Gabor functions fitted to the filters of a stage.

    Attributes:
        stage: Name of the stage.
        height: Rows of a filter, as seen in the image.
        width: Its columns.
        filters: How many filters were fitted.
        among: How many the stage has.
        kept: Share of a filter's squared weights that is in the pattern that is fitted; 1 where
            images have one map.
        share: Share of the filters with R² of at least 0.7.
        median_r2: Median R² of all filters; `None` if none of them varies.
        median_frequency: Median preferred frequency of those with R² of at least 0.7, in cycles
            a pixel; `None` without one.
        median_bandwidth: Likewise, in octaves.
        units: The units that have the filters, as they are named.
        fits: Of each filter; `None` for one that does not vary.
        controls: The same of the network with random weights, and of noise.
    """

    stage: str
    height: int
    width: int
    filters: int
    among: int
    kept: float
    share: float
    median_r2: float | None
    median_frequency: float | None
    median_bandwidth: float | None
    units: tuple[str, ...]
    fits: tuple[GaborFit | None, ...]
    controls: tuple[ControlGabors, ...]


def filter_patterns(stack: Stack, index: int, *, most: int = MOST) -> FilterPatterns:
    """Show what units of a stage add to the image, each in the window that it sees.

    Decoders below and whitening are undone (`project_units`); of several maps of an image the
    pattern is taken that they share most of. Filters that move over the image are taken once, at
    the central position; of others the units are spread over all maps and positions.

    Args:
        stack: The network.
        index: Place of the stage.
        most: How many filters, at most.

    Raises:
        UsageError: If the stage is made of many layers.
        ShapeError: If its units see fewer than 5 rows or columns.
    """
    stage = stack.stage(index)
    if stage.composite:
        raise UsageError(
            f"stage {stage.name!r} is made of many layers, and has no one bank of filters"
        )
    units = _units(stack, index, most)
    windows = [receptive_window(stack, index, unit, "code") for unit in units]
    height, width = windows[0].height, windows[0].width
    if min(height, width) < LEAST_SIDE:
        raise ShapeError(
            f"filters of stage {stage.name!r} see {height}x{width} pixels, and a Gabor function "
            f"has nine numbers of its own: they must see {LEAST_SIDE}x{LEAST_SIDE} at least"
        )
    found = cut(project_units(stack, index, units).float(), windows, fill=0.0).cpu().numpy()
    if found.shape[1] == 1:
        return FilterPatterns(units, found[:, 0], 1.0)
    patterns, shares = principal_pattern(found)
    return FilterPatterns(units, patterns[:, 0], float(shares.mean()))


def count_of_fits(patterns: FilterPatterns) -> int:
    """Say how many filters `stage_gabors` fits, those of controls among them."""
    count = len(patterns.units)
    return count + 2 * min(count, _CONTROLS)


def stage_gabors(
    stack: Stack,
    index: int,
    patterns: FilterPatterns,
    *,
    untrained: Stack,
    generator: torch.Generator,
    told: Told | None = None,
) -> StageGabors:
    """Fit Gabor functions to filters of a stage, to untrained ones, and to noise.

    Args:
        stack: The network.
        index: Place of the stage.
        patterns: Its filters, of `filter_patterns`.
        untrained: The same network with random weights.
        generator: Source of the noise, on the CPU.
        told: Called as filters are fitted.
    """
    fits = _fitted(patterns.patterns, told)
    count, height, width = patterns.patterns.shape
    few = min(count, _CONTROLS)
    random = filter_patterns(untrained, index, most=few).patterns[:few]
    noise = torch.randn(few, height, width, generator=generator, dtype=torch.float64).numpy()
    good = [fit for fit in fits if fit is not None and fit.r2 >= GOOD]
    bandwidths = [fit.bandwidth for fit in good if fit.bandwidth is not None]
    stage = stack.stage(index)
    return StageGabors(
        stage=stage.name,
        height=height,
        width=width,
        filters=count,
        among=_count(stack, index),
        kept=patterns.kept,
        share=share_of_gabors(fits),
        median_r2=_median([fit.r2 for fit in fits if fit is not None]),
        median_frequency=_median([fit.preferred for fit in good]),
        median_bandwidth=_median(bandwidths),
        units=tuple(unit_name(stage.code_shape, unit) for unit in patterns.units),
        fits=tuple(fits),
        controls=(
            _control("untrained", _fitted(random, told)),
            _control("noise", _fitted(noise, told)),
        ),
    )


def _count(stack: Stack, index: int) -> int:
    """Count the filters of a stage: maps, or units where each has its own."""
    stage = stack.stage(index)
    return stage.code_shape.maps if stage.filter.shared else math.prod(stage.code_shape)


def _units(stack: Stack, index: int, most: int) -> list[Unit]:
    """Choose the units whose filters are fitted, spread evenly if there are too many."""
    stage, count = stack.stage(index), _count(stack, index)
    places = np.linspace(0, count - 1, min(count, most)).round().astype(int).tolist()
    if not stage.filter.shared:
        return [unit_at(stage.code_shape, place) for place in places]
    central = central_units(stage)
    return [central[place] for place in places]


def _fitted(patterns: NDArray[np.floating], told: Told | None) -> list[GaborFit | None]:
    """Fit patterns, a few at a time."""
    fits: list[GaborFit | None] = []
    for start in range(0, len(patterns), _AT_ONCE):
        some = fit_gabors(patterns[start : start + _AT_ONCE])
        fits += some
        if told is not None:
            told(len(some))
    return fits


def _control(kind: str, fits: Sequence[GaborFit | None]) -> ControlGabors:
    """Sum up fits to what learned nothing."""
    values = [fit.r2 for fit in fits if fit is not None]
    return ControlGabors(
        kind=kind,
        filters=len(fits),
        share=share_of_gabors(fits),
        median_r2=_median(values),
        r2=tuple(None if fit is None else fit.r2 for fit in fits),
    )


def _median(values: Sequence[float]) -> float | None:
    """Give the median, if there is a value."""
    return float(np.median(values)) if values else None
