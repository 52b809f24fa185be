"""What training takes of memory, layer by layer."""

from collections.abc import Iterable
from typing import Any, assert_never

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


_LOOKED_AT = 256  # images at once, at most
_MOST_LOOKED_AT = 2**26  # bytes of one part of a stage for them, at most


def images_at_once(units: int) -> int:
    """Say how many images a stack looks at together while it does not learn from them.

    256, or fewer of large maps: these take 64 MB, and what is computed of them some times that.

    Args:
        units: Numbers in the largest code of a stage for one image.
    """
    return min(max(_MOST_LOOKED_AT // (FLOAT_BYTES * units), 1), _LOOKED_AT)


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


_PART = 2**26  # a derivative is added to another in parts of so many bytes,
_PARTS = 8  # but in no more parts than these
_PASSING = 4  # codes that are there for a moment beside what a stage keeps, measured


class Learning(msgspec.Struct, frozen=True, kw_only=True):
    """Bytes that a stage takes while it learns, in float32.

    Attributes:
        learned: Of all that it learns.
        weights: Of its filters, or of those of an untied decoder.
        uses: How often the same weights are used: twice where the decoder is tied.
        summed: Whether the derivatives of all uses are summed where the first one lies.
        given: Of its input for a batch.
        kept: Of what is kept of a batch for the way back, that input with it.
        passing: Of what is there for a moment on that way.
        remembered: Of what its objective keeps from step to step.
    """

    learned: int
    weights: int
    uses: int
    summed: bool
    given: int
    kept: int
    passing: int
    remembered: int = 0

    @staticmethod
    def of(given: int, code: int, pooled: int, *, copied: int = 0, **weights: Any) -> "Learning":
        """Count what is computed of a batch, from the bytes of its maps.

        The input is kept as it came and as it was scaled, the code and what is pooled of it
        are kept, and four times the code passes by: the rest is not counted.

        Args:
            given: Of the input.
            code: Of the code.
            pooled: Of what is pooled, if anything is.
            copied: Of filters that a step computes from the weights.
            weights: The other attributes.
        """
        kept = 2 * given + code + pooled + copied
        return Learning(given=given, kept=kept, passing=_PASSING * code, **weights)

    @property
    def added(self) -> int:
        """Bytes of gradients that are there for a moment, beside one of the largest weights."""
        if self.uses == 1:
            return 0
        if not self.summed:
            return self.uses * self.weights
        return self.weights // min(max(-(-self.weights // _PART), 1), _PARTS)
