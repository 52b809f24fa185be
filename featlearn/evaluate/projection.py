"""What a unit stands for, in the image: its code taken down through the decoders."""

from collections.abc import Sequence

import torch
from torch import Tensor

from featlearn.config.pieces import BatchNormSpec, LCNSpec
from featlearn.errors import ShapeError
from featlearn.networks.stack import Stack
from featlearn.ops.adjoint import adjoint_at
from featlearn.stages.preparation import Preprocess
from featlearn.stages.preprocess import Contrast
from featlearn.stages.stage import Stage
from featlearn.stages.undoing import uncropped, undo_scale

Unit = tuple[int, int, int]
"""A unit of a stage's code: map, row, column."""


def central_units(stage: Stage) -> list[Unit]:
    """List, for each map, the unit in the middle of its plane."""
    shape = stage.code_shape
    return [(place, shape.height // 2, shape.width // 2) for place in range(shape.maps)]


@torch.no_grad()
def project_units(stack: Stack, index: int, units: Sequence[Unit], *, batch: int = 64) -> Tensor:
    """Take units of a stage down to the image.

    A code with a single 1 goes down by the decoder of its stage, and by those of
    the stages below: their adjoint filters (tied) or own weights (untied), without
    biases. In between, the input scaling is undone without its offset, local
    contrast normalisation is passed over (what it cut off at the border is zero),
    batch normalisation is undone by its scale, and pooling of every kind passes
    each value down by uniform weights over what it takes (the adjoint of a mean), divided by
    how densely windows lie at a place: windows of 5 by steps of 2 hold one place three times
    and the next twice, and would draw their grid over every picture. Last,
    whitening is undone (`invert_linear`). Activations are passed over, so this is a
    linear picture: what the unit adds to the image as far as the decoders tell.

    Args:
        stack: The network.
        index: Place of the stage.
        units: Units of the stage's code, `(map, row, column)` each.
        batch: How many to take down at a time.

    Returns:
        `(len(units), maps, height, width)` in the shape of an image.

    Raises:
        ShapeError: If there is no such unit.

    Source:
        Le et al., ICML 2012, and Lee et al., ICML 2009, who show higher units as
        weighted sums of what lower units stand for.
    """
    shape = stack.stage(index).code_shape
    for unit in units:
        if not all(0 <= place < size for place, size in zip(unit, shape, strict=True)):
            raise ShapeError(f"stage {stack.stage(index).name!r} has {shape}; no unit {unit}")
    parts = [
        _project(stack, index, units[start : start + batch])
        for start in range(0, len(units), batch)
    ]
    empty = stack.stage(index).filter.zeros(0, *stack.input_shape)
    return torch.cat(parts) if parts else empty


def _project(stack: Stack, index: int, units: Sequence[Unit]) -> Tensor:
    """Take a few units down."""
    maps = _codes(stack.stage(index), units)
    for place in reversed(range(index + 1)):
        maps = through_filter(stack.stage(place), maps)
        if place > 0:
            maps = through_output(stack.stage(place - 1), maps)
    return to_image(stack, maps)


def response_patterns(stack: Stack, *, most: int) -> Tensor:
    """Show what the first stage's units respond to, as patterns in the image.

    Unit u responds by ⟨p_u, image⟩ before its bias and activation: p_u is its filter
    taken back through the transposes of scaling and of preparation. Whitening makes
    it differ from what the unit adds to the image (`project_units`), which is taken
    back through their inverses. The contrast of each image is passed over.

    Args:
        stack: The network.
        most: How many units to take, of each map the central one.

    Returns:
        `(units, maps, height, width)` in the shape of an image.
    """
    stage = stack.stage(0)
    units = central_units(stage)[:most]
    with torch.no_grad():
        patterns = stage.scaler.transpose(stage.filter.adjoint(_codes(stage, units)))
    for step in reversed(list(stack.preprocess)):
        assert isinstance(step, Preprocess)
        if not isinstance(step, Contrast):
            images = patterns.new_zeros(len(patterns), *step.input_shape, requires_grad=True)
            (patterns,) = torch.autograd.grad(step(images), images, patterns)
    return patterns


def to_image(stack: Stack, prepared: Tensor) -> Tensor:
    """Take prepared images, or patterns in their space, back to the image, without offsets.

    Args:
        stack: The network whose preparation is undone.
        prepared: `(batch, maps, height, width)`, as the first stage is given it.
    """
    for step in reversed(list(stack.preprocess)):
        assert isinstance(step, Preprocess)
        prepared = step.invert_linear(prepared)
    return prepared


def _codes(stage: Stage, units: Sequence[Unit]) -> Tensor:
    """Make a code for each unit, in which it alone is 1."""
    codes = stage.filter.zeros(len(units), *stage.code_shape)
    for place, unit in enumerate(units):
        codes[(place, *unit)] = 1
    return codes


def through_filter(stage: Stage, code: Tensor) -> Tensor:
    """Take codes to the maps below the stage, by the linear part of its decoder."""
    own = None if stage.decoder is None else stage.decoder.weight
    return stage.scaler.invert_linear(stage.filter.adjoint(code, weight=own))


def through_output(stage: Stage, maps: Tensor) -> Tensor:
    """Take a stage's output maps to its code: through normalisation, then pooling.

    Args:
        stage: The stage.
        maps: Of the shape of its output, `(batch, maps, height, width)`.

    Returns:
        `(batch, *stage.code_shape)`; see `project_units` for the rules.
    """
    match stage.spec.norm:
        case LCNSpec():
            maps = uncropped(stage, maps)
        case BatchNormSpec():
            maps = undo_scale(stage, maps)
        case _:
            pass
    if stage.pool is None:
        return maps
    code = maps.new_zeros(len(maps), *stage.code_shape)
    down = adjoint_at(stage.pool.mean, code, maps)
    shares = adjoint_at(stage.pool.mean, code[:1], torch.ones_like(maps[:1]))
    covered = shares > 0
    return torch.where(covered, down * (shares[covered].mean() / shares), 0.0)
