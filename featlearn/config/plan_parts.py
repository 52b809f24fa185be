"""The layers of composite filters, counted without building them."""

from typing import NamedTuple, assert_never

import msgspec

from featlearn.config.expand import Chain, Fork, Part, at_path, joined, leaf_output, opened
from featlearn.config.layers import Counts, Layer, make_layer
from featlearn.config.parts import (
    ActivationPartSpec,
    BranchesSpec,
    ChainSpec,
    CompositeSpec,
    ConvPartSpec,
    DenseBlockSpec,
    GlobalAvgSpec,
    LeafSpec,
    ResidualSpec,
)
from featlearn.config.pieces import (
    AvgPoolSpec,
    BatchNormSpec,
    InferenceSpec,
    L2PoolSpec,
    LRNSpec,
    MaxPoolSpec,
    ScaledTanhSpec,
    ShrinkageSpec,
    StageActivation,
)
from featlearn.config.standing import Standing, covered, inputs_seen
from featlearn.errors import RecipeError, ShapeError
from featlearn.geometry import MapShape


class Counted(NamedTuple):
    """The layers of a part, and where they lead."""

    layers: list[Layer]
    standing: Standing


def composite_layers(stage: str, spec: CompositeSpec, below: Standing) -> Counted:
    """Count the layers of a composite filter; its name is the stage's, its parts' are paths.

    Args:
        stage: Name of the stage.
        spec: Its filter.
        below: Where the walk stands.

    Raises:
        RecipeError: If a part does not fit; the sentence names the stage and the part.
    """
    try:
        layers, standing = _part(spec, below, "")
    except ShapeError as error:
        raise RecipeError(f"stage {stage!r}: filter: {error}") from None
    kind = str(spec.__struct_config__.tag)
    named = [
        msgspec.structs.replace(row, name=f"{stage}.{row.name}".strip("."), within=kind)
        for row in layers
    ]
    return Counted(named, standing)


def norm_counts(spec: BatchNormSpec | LRNSpec, shape: MapShape) -> tuple[str, Counts]:
    """Count a normalisation that sees one position of the maps: its kind, and its numbers."""
    if isinstance(spec, BatchNormSpec):
        return "batch normalisation", Counts(shape.units, shape.maps, shape.maps)
    maps, size = shape.maps, spec.size
    seen = covered(maps, window=size, stride=1, before=size // 2, count=maps)
    connections = seen * shape.height * shape.width
    return "lrn", Counts(connections, extra=connections)


def layer_at(
    name: str, kind: str, standing: Standing, counts: Counts, *, window: tuple[int, int] = (1, 1)
) -> Layer:
    """Fill in what follows from where the walk stands."""
    image = standing.image
    sees = (min(standing.height.field, image.height), min(standing.width.field, image.width))
    return make_layer(name, kind, standing.shape, counts, window=window, receptive_field=sees)


def _part(part: Part, below: Standing, path: str) -> Counted:
    """Count a part, and all that it is made of."""
    match part:
        case Chain():
            layers: list[Layer] = []
            for step in part.steps:
                rows, below = _part(step.part, below, f"{path}.{step.name}".strip("."))
                layers += rows
            return Counted(layers, below)
        case Fork():
            return _fork(part, below, path)
        case ChainSpec() | BranchesSpec() | ResidualSpec() | DenseBlockSpec():
            return _part(opened(part, below.shape), below, path)
        case _:
            above = at_path(path, lambda: leaf_output(part, below.shape))
            return _leaf(part, below, above, path)


def _fork(fork: Fork, below: Standing, path: str) -> Counted:
    """Count branches, and the sum of them; laid behind one another they are counted already."""
    counted = [_part(chain, below, f"{path}.{name}".strip(".")) for name, chain in fork.branches]
    first, *others = [standing for _, standing in counted]
    shape = at_path(path, lambda: joined([standing.shape for _, standing in counted], fork.join))
    standing = first.beside(others, shape)
    if fork.join == "add":
        row = layer_at(path, "addition", standing, Counts(len(counted) * shape.units))
    else:
        row = layer_at(path, "concatenation", standing, Counts(0))
        row = msgspec.structs.replace(row, units=0, memory=0)
    return Counted([*(row for rows, _ in counted for row in rows), row], standing)


def _leaf(spec: LeafSpec, below: Standing, above: MapShape, path: str) -> Counted:
    """Count a part that is one layer; an activation is counted with what it follows."""
    match spec:
        case ConvPartSpec():
            return _convolution(spec, below, above, path)
        case BatchNormSpec() | LRNSpec():
            kind, counts = norm_counts(spec, above)
            return Counted([layer_at(path, kind, below, counts)], below)
        case ActivationPartSpec():
            return Counted([], below)
        case MaxPoolSpec() | AvgPoolSpec() | L2PoolSpec():
            window = (spec.size, spec.size)
            standing = below.at(above, window=window, stride=spec.stride)
            seen = inputs_seen(below.shape, size=window, stride=spec.stride, padding=spec.padding)
            connections = seen * above.maps
            kind = str(spec.__struct_config__.tag)
            counts = Counts(connections, extra=connections if kind == "l2" else 0)
            row = layer_at(path, f"{kind} pooling", standing, counts, window=window)
            return Counted([row], standing)
        case GlobalAvgSpec():
            window = (below.shape.height, below.shape.width)
            standing = below.at(above, window=window)
            row = layer_at(path, "avg pooling", standing, Counts(below.shape.units), window=window)
            return Counted([row], standing)
        case _:
            assert_never(spec)


def _convolution(spec: ConvPartSpec, below: Standing, above: MapShape, path: str) -> Counted:
    """Count a convolution, and its norm if there is one."""
    maps = below.shape.maps // spec.groups
    seen = inputs_seen(below.shape, size=spec.sides, stride=spec.stride, padding=spec.padding)
    height, width = spec.sides
    weights = height * width * maps * spec.maps
    counts = Counts(seen * maps * spec.maps, weights, spec.maps if spec.bias else 0)
    standing = below.at(above, window=spec.sides, stride=spec.stride)
    rows = [layer_at(path, "conv filter", standing, counts, window=spec.sides)]
    if spec.norm is not None:
        kind, counts = norm_counts(spec.norm, above)
        rows.append(layer_at(f"{path}.norm", kind, standing, counts))
    return Counted(rows, standing)


def activation_counts(spec: StageActivation, maps: int, connections: int) -> tuple[int, int]:
    """Count what an activation learns, beside the biases, and the operations of inference.

    Args:
        spec: The activation of a stage.
        maps: Of its filter.
        connections: Pairs of a unit and an input.

    Returns:
        Numbers to learn, and operations beyond those of the filter.
    """
    match spec:
        case ScaledTanhSpec():
            return maps, 0
        case ShrinkageSpec():
            return 2 * maps, 0
        case InferenceSpec():
            # A step goes down through the filters and up again: a product and a sum each.
            return 0, 4 * connections * spec.steps
        case _:
            return 0, 0
