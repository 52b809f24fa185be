"""What is known of a layer without building it."""

import itertools
from collections.abc import Sequence
from typing import NamedTuple

import msgspec

from featlearn.config.footprint import FLOAT_BYTES, Footprint, sum_of
from featlearn.config.sharing import Sharing
from featlearn.geometry import MapShape

NOTHING = Footprint(weights=0, gradients=0, optimizer=0, activations=0)


class Layer(msgspec.Struct, frozen=True, kw_only=True):
    """One layer: whitening, a filter, a pooling, a normalisation, or a layer of the head.

    Attributes:
        name: Of the stage for its filter, of the part (or `STAGE.pool`) for others.
        kind: `whitening`, `local filter`, `l2 pooling`, `lcn`, `linear`, …
        output: Maps, height and width of what comes out.
        units: Numbers that come out for one image.
        connections: Pairs of a unit and an input that it sees; inputs beyond the
            border are none.
        weights: Numbers to learn, without biases; those of a decoder are not counted.
        biases: Numbers that are added.
        window: Height and width of what a unit sees of a map below.
        receptive_field: Height and width of what a unit sees of the image, in
            pixels, at most the image.
        memory: Bytes of weights, biases, fixed numbers and one image's output, in float32.
        flops: Operations for one image forward: 2 for each connection with a weight
            (and for a squared one), 1 for each other, 1 for each bias.
        stage: Name of the stage it is a part of; `None` in the head.
        decoder: Numbers to learn of the decoder that rebuilds what is below.
        sharing: What it would weigh if its weights were shared otherwise; `None` for
            what is no bank of filters.
        training: Bytes that it takes in training.
        fixed: Numbers that are measured on training images, and not learned.
        within: Kind of the composite filter that the layer is a part of; `None` for others.
    """

    name: str
    kind: str
    output: tuple[int, int, int]
    units: int
    connections: int
    weights: int
    biases: int
    window: tuple[int, int]
    receptive_field: tuple[int, int]
    memory: int
    flops: int
    stage: str | None = None
    decoder: int = 0
    sharing: Sharing | None = None
    training: Footprint = NOTHING
    fixed: int = 0
    within: str | None = None

    @property
    def multiply_adds(self) -> int:
        """Products of an input and a weight for one image; an input beyond the border is none."""
        return self.connections if self.weights else 0

    @property
    def learned(self) -> int:
        """Numbers to learn, of the layer and of its decoder."""
        return self.weights + self.biases + self.decoder


class Totals(msgspec.Struct, frozen=True, kw_only=True):
    """Sums over all layers; `parameters` are weights and biases."""

    units: int
    connections: int
    weights: int
    biases: int
    parameters: int
    memory: int
    flops: int
    multiply_adds: int


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """The layers of a recipe in order, and their sums.

    Attributes:
        input: Maps, height and width of an image.
        prepared: The same of what the first stage is given.
        preprocess: What is done to an image before that, step by step.
        layers: Bottom first.
        totals: Sums over the layers.
        batch: Images in the batch that `training` counts.
        training: Bytes in training, if all the layers learn at once.
    """

    input: tuple[int, int, int]
    prepared: tuple[int, int, int]
    preprocess: tuple[str, ...]
    layers: tuple[Layer, ...]
    totals: Totals
    batch: int
    training: Footprint


class Counts(NamedTuple):
    """What is counted of a layer.

    Attributes:
        connections: Pairs of a unit and an input.
        weights: To learn; if any, every connection is a product too.
        biases: To learn.
        extra: Operations beyond one for each connection, products and biases.
        fixed: Numbers that are measured, not learned.
    """

    connections: int
    weights: int = 0
    biases: int = 0
    extra: int = 0
    fixed: int = 0


def make_layer(
    name: str,
    kind: str,
    shape: MapShape,
    counts: Counts,
    *,
    window: tuple[int, int],
    receptive_field: tuple[int, int],
) -> Layer:
    """Fill in what follows from the counts.

    Args:
        name: Of the layer.
        kind: In words.
        shape: Of its output.
        counts: What was counted.
        window: Height and width of what a unit sees of a map below.
        receptive_field: Height and width of what a unit sees, in pixels.
    """
    connections, weights, biases, extra, fixed = counts
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
        window=window,
        receptive_field=receptive_field,
        memory=FLOAT_BYTES * (weights + biases + fixed + shape.units),
        flops=connections + products + additions + extra,
        fixed=fixed,
    )


def sum_layers(layers: Sequence[Layer]) -> Totals:
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
        multiply_adds=sum(layer.multiply_adds for layer in layers),
    )


def condensed(layers: Sequence[Layer]) -> list[Layer]:
    """Make one layer of all that a composite filter consists of, for those who want an overview.

    It has the sums of what is counted, and the shape and the field of what comes out.
    """
    found: list[Layer] = []
    groups = itertools.groupby(layers, key=lambda row: (row.stage, row.within))
    for (stage, within), group in groups:
        rows = list(group)
        found += rows if within is None else [_one(rows, stage or "", within)]
    return found


def _one(rows: Sequence[Layer], stage: str, kind: str) -> Layer:
    """Sum up the layers of one composite filter."""
    numbers = ("units", "connections", "weights", "biases", "memory", "flops", "fixed")
    sums = {name: sum(getattr(row, name) for row in rows) for name in numbers}
    training = sum_of(row.training for row in rows)
    last = rows[-1]
    return msgspec.structs.replace(
        last, name=stage, kind=f"{kind} filter", window=(1, 1), training=training, **sums
    )
