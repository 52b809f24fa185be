"""What is known of a layer without building it."""

from collections.abc import Sequence
from typing import NamedTuple

import msgspec

from featlearn.geometry import MapShape

FLOAT_BYTES = 4
"""Bytes of a number in float32, in which weights and maps are held."""


class Layer(msgspec.Struct, frozen=True, kw_only=True):
    """One layer: a filter, a pooling, a normalisation, or a layer of the head.

    Attributes:
        name: Of the stage for its filter, of the part (or `STAGE.pool`) for others.
        kind: `local filter`, `l2 pooling`, `lcn`, `linear`, …
        output: Maps, height and width of what comes out.
        units: Numbers that come out for one image.
        connections: Pairs of a unit and an input that it sees; inputs beyond the
            border are none.
        weights: Numbers to learn, without biases; those of a decoder are not counted.
        biases: Numbers that are added.
        receptive_field: Height and width of what a unit sees of the image, in
            pixels, at most the image.
        memory: Bytes of weights, biases and one image's output, in float32.
        flops: Operations for one image forward: 2 for each connection with a weight
            (and for a squared one), 1 for each other, 1 for each bias.
    """

    name: str
    kind: str
    output: tuple[int, int, int]
    units: int
    connections: int
    weights: int
    biases: int
    receptive_field: tuple[int, int]
    memory: int
    flops: int


class Totals(msgspec.Struct, frozen=True, kw_only=True):
    """Sums over all layers; `parameters` are weights and biases."""

    units: int
    connections: int
    weights: int
    biases: int
    parameters: int
    memory: int
    flops: int


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """The layers of a recipe in order, and their sums."""

    input: tuple[int, int, int]
    layers: tuple[Layer, ...]
    totals: Totals


class Counts(NamedTuple):
    """What is counted of a layer.

    Attributes:
        connections: Pairs of a unit and an input.
        weights: To learn; if any, every connection is a product too.
        biases: To learn.
        extra: Operations beyond one for each connection, products and biases.
    """

    connections: int
    weights: int = 0
    biases: int = 0
    extra: int = 0


def make_layer(
    name: str, kind: str, shape: MapShape, counts: Counts, *, receptive_field: tuple[int, int]
) -> Layer:
    """Fill in what follows from the counts.

    Args:
        name: Of the layer.
        kind: In words.
        shape: Of its output.
        counts: What was counted.
        receptive_field: Height and width of what a unit sees, in pixels.
    """
    connections, weights, biases, extra = counts
    products = connections if weights else 0
    additions = shape.units if biases else 0
    return Layer(
        name=name,
        kind=kind,
        output=(shape.maps, shape.height, shape.width),
        units=shape.units,
        connections=connections,
        weights=weights,
        biases=biases,
        receptive_field=receptive_field,
        memory=FLOAT_BYTES * (weights + biases + shape.units),
        flops=connections + products + additions + extra,
    )


def make_plan(image: MapShape, layers: Sequence[Layer]) -> Plan:
    """Put layers together and sum over them."""
    return Plan(
        input=(image.maps, image.height, image.width),
        layers=tuple(layers),
        totals=_totals(layers),
    )


def _totals(layers: Sequence[Layer]) -> Totals:
    """Sum over the layers."""
    weights = sum(layer.weights for layer in layers)
    biases = sum(layer.biases for layer in layers)
    return Totals(
        units=sum(layer.units for layer in layers),
        connections=sum(layer.connections for layer in layers),
        weights=weights,
        biases=biases,
        parameters=weights + biases,
        memory=sum(layer.memory for layer in layers),
        flops=sum(layer.flops for layer in layers),
    )
