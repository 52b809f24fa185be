"""How much change a unit bears: its response to what excites it, shifted, turned or scaled."""

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from featlearn.errors import DataError, ShapeError
from featlearn.evaluate.projection import Unit
from featlearn.evaluate.transformed import Transformation, transformed
from featlearn.evaluate.units import part_shape, place_of, receptive_window, responses
from featlearn.geometry import MapShape
from featlearn.networks.stack import Stack, What
from featlearn.ops.random import generator

_AT_ONCE = 128  # images


class Curves(NamedTuple):
    """Responses of units to images changed by several amounts."""

    transformation: Transformation
    """What was done to the images, and by how much."""

    responses: Tensor
    """Mean response of each unit over its images, `(units, amounts)`."""

    errors: Tensor
    """Standard error of that mean, of the same shape; 0 for a single image."""

    baseline: Tensor
    """What each unit answers to images in general, `(units,)`; 0 if nobody said."""

    shape: MapShape
    """Shape of the images, for shifts as shares of it."""


def invariance_curves(
    stack: Stack,
    index: int,
    units: Sequence[Unit],
    images: Tensor | Sequence[Tensor],
    *,
    transformation: Transformation,
    what: What = "output",
    baseline: Tensor | None = None,
) -> Curves:
    """Measure the responses of units to changed versions of what excites them.

    Args:
        stack: The network, in evaluation mode.
        index: Place of the stage.
        units: Units of its part, `(map, row, column)` each.
        images: For each unit the images that excite it (`top_images`), or other images that
            it stands for, `(n, maps, height, width)` in [0, 1].
        transformation: What is done to them.
        what: Which part of the stage.
        baseline: Mean response of each unit to images in general (`mean_responses`).

    Returns:
        The curves; at the amount that changes nothing they are the responses to the images
        as they are.

    Raises:
        UsageError: If the stage does not have the part.
        ShapeError: If units, images and baseline are not as many.
        DataError: If a unit has no image.

    Source:
        Le et al., ICML 2012, figures of the invariance of the best face unit; Goodfellow
        et al., NIPS 2009.
    """
    if len(images) != len(units) or (baseline is not None and baseline.shape != (len(units),)):
        told = "no" if baseline is None else tuple(baseline.shape)
        raise ShapeError(
            f"invariance_curves needs images, and a baseline if any, for each of {len(units)} "
            f"units; got images for {len(images)} and {told} baseline"
        )
    found = [
        _curve(stack, index, unit, own, transformation, what)
        for unit, own in zip(units, images, strict=True)
    ]
    empty = stack.stage(index).filter.zeros(0, len(transformation.amounts))
    means = torch.stack([mean for mean, _ in found]) if found else empty
    errors = torch.stack([error for _, error in found]) if found else empty
    ground = means.new_zeros(len(units)) if baseline is None else baseline.to(means)
    return Curves(transformation, means, errors, ground, stack.input_shape)


def mean_responses(
    stack: Stack,
    index: int,
    units: Sequence[Unit],
    batches: Iterable[Tensor],
    *,
    what: What = "output",
) -> Tensor:
    """Average what units answer to images in general: the baseline of their curves.

    Args:
        stack: The network, in evaluation mode.
        index: Place of the stage.
        units: Units of its part.
        batches: Images `(n, maps, height, width)` in [0, 1], gone through once.
        what: Which part of the stage.

    Returns:
        `(units,)` float64.

    Raises:
        DataError: If there are no images.
    """
    shape = part_shape(stack.stage(index), what)
    places = [place_of(shape, unit) for unit in units]
    total, count = None, 0
    for (found,) in responses(stack, batches, stages=[index], what=what):
        summed = found[:, places].double().sum(0)
        total = summed if total is None else total + summed
        count += len(found)
    if total is None or count == 0:
        raise DataError("mean_responses needs at least one image")
    return total / count


def relative(curves: Curves) -> Tensor:
    """Give curves above the baseline, as shares of the response to unchanged images.

    Returns:
        `(units, amounts)`, 1 where nothing is changed; NaN for a unit that its images do
        not raise above the baseline.
    """
    height = curves.responses - curves.baseline[:, None]
    whole = height[:, curves.transformation.unchanged, None]
    return torch.where(whole > 0, height / whole, float("nan"))


def kept_range(curves: Curves, *, share: float = 0.5) -> Tensor:
    """Find how far the amount can go before the response falls under a share of its peak.

    The peak is the highest point of the curve, and is counted from the baseline. Between
    two amounts the curve is taken for a straight line.

    Args:
        curves: What `invariance_curves` found.
        share: Of the peak, in (0, 1].

    Returns:
        `(units, 2)`, the lowest and the highest amount of the stretch that holds the amount
        which changes nothing, in the unit of the amounts; an end that was never reached is
        the last amount tried. NaN where the response to unchanged images is under that
        share already, or the peak is not above the baseline.

    Source:
        Le et al., ICML 2012, who call a unit robust as far as it keeps half of its peak.
    """
    height = (curves.responses - curves.baseline[:, None]).double().cpu()
    ends = [_stretch(row.tolist(), curves.transformation, share) for row in height]
    return torch.tensor(ends, dtype=torch.float64).reshape(-1, 2)


def goes_on(curves: Curves, *, share: float = 0.5) -> Tensor:
    """Say which ends of `kept_range` are only where trying stopped.

    The least amount is an end of its own where there is nothing less: no change, or none of a
    thing at all.

    Args:
        curves: What `invariance_curves` found.
        share: Of the peak, in (0, 1].

    Returns:
        `(units, 2)`, bool, for the lowest and the highest amount; False where there is no range.
    """
    ends, amounts = kept_range(curves, share=share), curves.transformation.amounts
    less = amounts[0] not in {0.0, curves.transformation.neutral}
    return torch.stack([(ends[:, 0] <= amounts[0]) & less, ends[:, 1] >= amounts[-1]], dim=1)


def _stretch(height: list[float], transformation: Transformation, share: float) -> list[float]:
    """Walk to both sides from the unchanged amount as long as the response is kept."""
    start, amounts = transformation.unchanged, transformation.amounts
    least = share * max(height)
    if not (max(height) > 0 and height[start] >= least):
        return [float("nan")] * 2
    ends: list[float] = []
    for step, stop in ((-1, -1), (1, len(amounts))):
        place = start
        while place + step != stop and height[place + step] >= least:
            place += step
        end = amounts[place]
        if place + step != stop:
            fall = (height[place] - least) / (height[place] - height[place + step])
            end += fall * (amounts[place + step] - end)
        ends.append(end)
    return ends


def _curve(
    stack: Stack,
    index: int,
    unit: Unit,
    images: Tensor,
    transformation: Transformation,
    what: What,
) -> tuple[Tensor, Tensor]:
    """Give mean and standard error over a unit's images, `(amounts,)` each."""
    if len(images) == 0:
        raise DataError(f"unit {unit} of stage {stack.stage(index).name!r} has no image")
    place = place_of(part_shape(stack.stage(index), what), unit)
    centre = _centre(stack, index, unit, transformation, what)
    draw = generator(transformation.seed, "invariance", index, *unit)
    parts: list[Tensor] = []
    for few in images.split(_AT_ONCE):
        noise = torch.randn(few.shape, generator=draw).to(few)
        changed = _versions(few, transformation, centre, noise)
        found = responses(stack, changed, stages=[index], what=what)
        parts.append(torch.stack([values[:, place] for (values,) in found]))
    values = torch.cat(parts, dim=1)
    error = values.std(dim=1, correction=1 if len(images) > 1 else 0) / len(images) ** 0.5
    return values.mean(dim=1), error


def _versions(
    images: Tensor, transformation: Transformation, centre: tuple[float, float], noise: Tensor
) -> Iterator[Tensor]:
    """Change images by one amount after the other."""
    for amount in transformation.amounts:
        yield transformed(images, transformation.kind, amount, centre=centre, noise=noise)


def _centre(
    stack: Stack,
    index: int,
    unit: Unit,
    transformation: Transformation,
    what: What,
) -> tuple[float, float]:
    """Find what stays in place, (x, y) in pixels."""
    if transformation.about == "image":
        shape = stack.input_shape
        return (shape.width - 1) / 2, (shape.height - 1) / 2
    window = receptive_window(stack, index, unit, what)
    return window.left + (window.width - 1) / 2, window.top + (window.height - 1) / 2
