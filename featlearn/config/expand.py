"""What composite filters consist of: named layers in chains and forks, with their shapes.

A composite is opened step by step, from the maps that come in, into parts that are one layer
each. Counting and building both go by it, so that they cannot disagree.
"""

from collections.abc import Callable, Iterable
from typing import Literal, NamedTuple, TypeVar, assert_never

from msgspec.structs import replace

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
    is_linear,
)
from featlearn.config.pieces import AvgPoolSpec, BatchNormSpec, L2PoolSpec, LRNSpec, MaxPoolSpec
from featlearn.errors import ShapeError
from featlearn.geometry import MapShape, window_output

Join = Literal["concat", "add"]
T = TypeVar("T")


class Step(NamedTuple):
    """A part of a chain, by its name."""

    name: str
    part: "LeafSpec | CompositeSpec | Chain | Fork"


class Chain(NamedTuple):
    """Parts one after the other."""

    steps: "tuple[Step, ...]"


class Fork(NamedTuple):
    """Chains side by side, and how their results are joined; `branches` gives them by name."""

    branches: tuple[tuple[str, Chain], ...]
    join: Join


Part = LeafSpec | CompositeSpec | Chain | Fork


def opened(spec: CompositeSpec, below: MapShape) -> Chain | Fork:
    """Say what a composite consists of, one level down.

    Args:
        spec: What to open.
        below: Shape of the maps that it is given.
    """
    match spec:
        case ChainSpec():
            return _numbered(spec.parts)
        case BranchesSpec():
            chains = tuple((str(i), _numbered(parts)) for i, parts in enumerate(spec.branches))
            return Fork(chains, spec.join)
        case ResidualSpec():
            return _residual(spec, below)
        case DenseBlockSpec():
            return Chain(
                tuple(Step(f"layer{i + 1}", _dense_layer(spec)) for i in range(spec.layers))
            )
        case _:
            assert_never(spec)


def leaf_output(spec: LeafSpec, below: MapShape) -> MapShape:
    """Give the shape of what one layer makes of maps of shape `below`.

    Raises:
        ShapeError: If a window does not fit, or groups do not divide the maps.
    """
    match spec:
        case ConvPartSpec():
            if below.maps % spec.groups:
                raise ShapeError(f"{spec.groups} groups must divide the {below.maps} maps below")
            return window_output(
                below, size=spec.sides, stride=spec.stride, padding=spec.padding, maps=spec.maps
            )
        case MaxPoolSpec() | AvgPoolSpec() | L2PoolSpec():
            return window_output(below, size=spec.size, stride=spec.stride, padding=spec.padding)
        case GlobalAvgSpec():
            return MapShape(below.maps, 1, 1)
        case BatchNormSpec() | LRNSpec() | ActivationPartSpec():
            return below
        case _:
            assert_never(spec)


def joined(shapes: Iterable[MapShape], join: Join) -> MapShape:
    """Give the shape of what a fork's branches are joined into.

    Raises:
        ShapeError: If they do not go together.
    """
    first, *others = every = list(shapes)
    same = (lambda shape: shape) if join == "add" else (lambda shape: shape[1:])
    for other in others:
        if same(other) != same(first):
            how = "added" if join == "add" else "laid behind one another"
            raise ShapeError(f"branches that give {first} and {other} cannot be {how}")
    return first if join == "add" else first._replace(maps=sum(shape.maps for shape in every))


def at_path(path: str, compute: Callable[[], T]) -> T:
    """Compute something, and name the part that it is about where it does not fit.

    Raises:
        ShapeError: If it does not.
    """
    try:
        return compute()
    except ShapeError as error:
        raise ShapeError(f"{path}: {error}" if path else str(error)) from None


def _numbered(parts: "Iterable[LeafSpec | CompositeSpec]") -> Chain:
    """Name the parts of a recipe's list by their places."""
    return Chain(tuple(Step(str(place), part) for place, part in enumerate(parts)))


def _residual(spec: ResidualSpec, below: MapShape) -> Chain:
    """Make the blocks of a residual stage."""
    steps: list[Step] = []
    maps = below.maps
    for place in range(spec.repeats):
        stride = spec.stride if place == 0 else 1
        fits = maps == spec.maps and stride == 1
        block = _preactivated(spec, stride, fits=fits)
        if not spec.preactivation:
            block = _activated(spec, stride, fits=fits, last=place == spec.repeats - 1)
        steps.append(Step(str(place), block))
        maps = spec.maps
    return Chain(tuple(steps))


def _activated(spec: ResidualSpec, stride: int, *, fits: bool, last: bool) -> Chain:
    """Make a block whose norms and activations follow the convolutions."""
    convs = [replace(conv, norm=spec.norm) for conv in _convolutions(spec, stride)]
    convs[-1] = replace(convs[-1], activation="identity")
    shortcut = () if fits else (Step("conv", _projection(spec, stride, norm=spec.norm)),)
    total = Fork((("main", Chain(_in_order(convs))), ("shortcut", Chain(shortcut))), "add")
    steps = [Step("sum", total)]
    if not last and not is_linear(spec.activation):
        steps.append(Step("act", ActivationPartSpec(activation=spec.activation)))
    return Chain(tuple(steps))


def _preactivated(spec: ResidualSpec, stride: int, *, fits: bool) -> Chain:
    """Make a block whose norms and activations come before the convolutions.

    Where maps are brought into another shape, that happens after the first activation.
    """
    before = (Step("norm", spec.norm), Step("act", ActivationPartSpec(activation=spec.activation)))
    convs = [replace(conv, norm=spec.norm) for conv in _convolutions(spec, stride)]
    convs[-1] = replace(convs[-1], norm=None, activation="identity")
    main = _in_order(convs)
    if fits:
        branches = (("main", Chain(before + main)), ("shortcut", Chain(())))
        return Chain((Step("sum", Fork(branches, "add")),))
    shortcut = (Step("conv", _projection(spec, stride, norm=None)),)
    total = Fork((("main", Chain(main)), ("shortcut", Chain(shortcut))), "add")
    return Chain((*before, Step("sum", total)))


def _convolutions(spec: ResidualSpec, stride: int) -> list[ConvPartSpec]:
    """List the convolutions of a block; none has a bias, which a norm would take off again."""
    inner = ConvPartSpec(maps=spec.inner, size=1, bias=False, activation=spec.activation)
    middle = replace(inner, size=3, stride=stride, padding=1, groups=spec.groups)
    if spec.block == "basic":
        return [middle, replace(inner, size=3, padding=1, maps=spec.maps)]
    return [inner, middle, replace(inner, maps=spec.maps)]


def _in_order(convs: Iterable[ConvPartSpec]) -> tuple[Step, ...]:
    """Name convolutions, `conv1` first."""
    return tuple(Step(f"conv{place}", conv) for place, conv in enumerate(convs, start=1))


def _projection(spec: ResidualSpec, stride: int, *, norm: BatchNormSpec | None) -> ConvPartSpec:
    """Make the 1x1 filters that bring what a block is given into the shape of what it gives."""
    return ConvPartSpec(
        maps=spec.maps, size=1, stride=stride, bias=False, norm=norm, activation="identity"
    )


def _dense_layer(spec: DenseBlockSpec) -> Fork:
    """Make a layer whose maps are laid behind those that it is given."""
    steps = [Step("norm", spec.norm), Step("act", ActivationPartSpec(activation=spec.activation))]
    if spec.bottleneck:
        inner = ConvPartSpec(
            maps=spec.bottleneck * spec.growth,
            size=1,
            bias=False,
            norm=spec.norm,
            activation=spec.activation,
        )
        steps.append(Step("conv1", inner))
    last = ConvPartSpec(maps=spec.growth, size=3, padding=1, bias=False, activation="identity")
    steps.append(Step("conv2", last))
    return Fork((("given", Chain(())), ("added", Chain(tuple(steps)))), "concat")
