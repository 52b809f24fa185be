"""What training takes of memory, layer by layer."""

from collections.abc import Iterable
from typing import assert_never

import msgspec

from featlearn.config.training import (
    AdaGradSpec,
    AdamSpec,
    AdamWSpec,
    OptimizerSpec,
    RMSpropSpec,
    SGDSpec,
)

FLOAT_BYTES = 4
"""Bytes of a number in float32, in which weights and maps are held."""


class Footprint(msgspec.Struct, frozen=True, kw_only=True):
    """Bytes that a layer in training takes, all in float32.

    Attributes:
        weights: Of all that it learns: weights, biases, and those of its decoder.
        gradients: One for each of these.
        optimizer: What the optimiser keeps for each of these.
        activations: What the layer gives for a batch, which the way back needs.
    """

    weights: int
    gradients: int
    optimizer: int
    activations: int


def footprint(parameters: int, units: int, *, optimizer: OptimizerSpec, batch: int) -> Footprint:
    """Count the bytes of one layer.

    Args:
        parameters: All that it learns.
        units: Numbers that come out for one image.
        optimizer: What changes the parameters.
        batch: Images in a batch.
    """
    held = FLOAT_BYTES * parameters
    return Footprint(
        weights=held,
        gradients=held,
        optimizer=held * state_numbers(optimizer),
        activations=FLOAT_BYTES * units * batch,
    )


def state_numbers(spec: OptimizerSpec) -> int:
    """Count the numbers that an optimiser keeps for each parameter."""
    match spec:
        case SGDSpec(momentum=momentum):
            return 1 if momentum else 0
        case AdaGradSpec():
            return 1
        case RMSpropSpec(momentum=momentum):
            return 2 if momentum else 1
        case AdamSpec() | AdamWSpec():
            return 2
        case _:
            assert_never(spec)


def sum_of(footprints: Iterable[Footprint]) -> Footprint:
    """Add footprints up, as if all the layers learned at once."""
    parts = list(footprints)
    return Footprint(
        weights=sum(part.weights for part in parts),
        gradients=sum(part.gradients for part in parts),
        optimizer=sum(part.optimizer for part in parts),
        activations=sum(part.activations for part in parts),
    )
