"""The layers of a recipe, counted without building them: no torch, no data."""

import math
from typing import NamedTuple, assert_never

from featlearn.config.data import ContrastSpec, PCASpec, StandardizeSpec, ZCASpec
from featlearn.config.layers import Counts, Layer, Plan, make_layer, make_plan
from featlearn.config.recipe import Recipe
from featlearn.config.stages import (
    AnyPoolSpec,
    BatchNormSpec,
    ConvSpec,
    DenseSpec,
    FilterSpec,
    LCNSpec,
    LocalSpec,
    LRNSpec,
    NormSpec,
    StageSpec,
    TiledSpec,
    WindowedSpec,
    check_groups,
)
from featlearn.config.training import ClassificationSpec
from featlearn.errors import RecipeError, ShapeError
from featlearn.geometry import MapShape, Padding, output_size, pads, window_output


class _Sight(NamedTuple):
    """What a unit sees of the image, along one axis: pixels, and pixels between neighbours."""

    field: int
    jump: int

    def through(self, *, window: int, stride: int) -> "_Sight":
        """Look through a window over the units."""
        return _Sight(self.field + (window - 1) * self.jump, self.jump * stride)


class _Standing(NamedTuple):
    """Where the walk up the layers stands."""

    shape: MapShape
    height: _Sight
    width: _Sight
    image: MapShape

    def at(self, shape: MapShape, *, window: tuple[int, int], stride: int = 1) -> "_Standing":
        """Step through a window to maps of another shape."""
        return _Standing(
            shape,
            self.height.through(window=window[0], stride=stride),
            self.width.through(window=window[1], stride=stride),
            self.image,
        )

    def seeing_all(self, shape: MapShape) -> "_Standing":
        """Step to maps of which every unit sees the whole image."""
        whole = self.image
        return _Standing(shape, _Sight(whole.height, 1), _Sight(whole.width, 1), whole)


def plan(recipe: Recipe, input_shape: MapShape, classes: int | None = None) -> Plan:
    """Count the units, connections, weights and costs of every layer.

    Args:
        recipe: What to count.
        input_shape: Shape of one image.
        classes: Classes of the head; without it, and without
            `finetune.head.classes`, the last layer of the head is left out.

    Raises:
        RecipeError: If the stages do not fit the image; the sentence names the
            stage and the key.
    """
    standing = _prepared(recipe, input_shape)
    layers: list[Layer] = []
    for spec in recipe.stages:
        rows, standing = _stage(spec, standing)
        layers += rows
    layers += _head(recipe.finetune.head, standing, classes)
    return make_plan(input_shape, layers)


def _prepared(recipe: Recipe, image: MapShape) -> _Standing:
    """Walk through the preprocessing."""
    pixel = _Sight(1, 1)
    standing = _Standing(image, pixel, pixel, image)
    for place, spec in enumerate(recipe.preprocess):
        match spec:
            case ContrastSpec() | StandardizeSpec():
                pass
            case ZCASpec():
                standing = standing.seeing_all(standing.shape)
            case PCASpec():
                count = _components(spec, standing.shape, place)
                standing = standing.seeing_all(MapShape(count, 1, 1))
            case _:
                assert_never(spec)
    return standing


def _components(spec: PCASpec, shape: MapShape, place: int) -> int:
    """Count the principal components, if that can be done without data."""
    key = f"preprocess.{place}.keep"
    if isinstance(spec.keep, float):
        raise RecipeError(
            f"{key} is a share of variance ({spec.keep}), so that the number of components, and "
            "with it the size of the stages, depends on the data; give a whole number, or "
            "describe a run"
        )
    if spec.keep > shape.units:
        raise RecipeError(f"{key} must be at most {shape.units}, for {shape}; got {spec.keep}")
    return spec.keep


def _stage(spec: StageSpec, below: _Standing) -> tuple[list[Layer], _Standing]:
    """Count the parts of one stage."""
    rows: list[Layer] = []
    row, standing = _filter(spec, below)
    rows.append(row)
    if spec.pool is not None:
        name = spec.pool.name or f"{spec.name}.pool"
        row, standing = _pool(name, spec.name, spec.pool, standing)
        rows.append(row)
    if spec.norm is not None:
        name = spec.norm.name or f"{spec.name}.norm"
        row, standing = _norm(name, spec.name, spec.norm, standing)
        rows.append(row)
    return rows, standing


def _filter(stage: StageSpec, below: _Standing) -> tuple[Layer, _Standing]:
    """Count a filter bank."""
    spec, shape = stage.filter, below.shape
    check_groups(stage, shape.maps)
    window = (shape.height, shape.width) if spec.size is None else (spec.size, spec.size)
    if spec.size is None:
        output, seen = MapShape(spec.maps, 1, 1), shape.height * shape.width
    else:
        output, seen = _slid(
            stage.name,
            "filter.size",
            shape,
            spec.maps,
            size=spec.size,
            stride=spec.stride,
            padding=spec.padding,
        )
    above = below.at(output, window=window, stride=spec.stride)
    weights, biases = _filter_parameters(spec, shape, output, window)
    groups = spec.groups if isinstance(spec, WindowedSpec) else 1
    counts = Counts(seen * shape.maps // groups * spec.maps, weights, biases)
    return _layer(stage.name, f"{_kind(spec)} filter", above, counts), above


def _filter_parameters(
    spec: FilterSpec, shape: MapShape, output: MapShape, window: tuple[int, int]
) -> tuple[int, int]:
    """Count the weights and the biases of a filter bank."""
    groups = spec.groups if isinstance(spec, WindowedSpec) else 1
    one = window[0] * window[1] * shape.maps // groups * spec.maps
    match spec:
        case DenseSpec() | ConvSpec():
            weights, biases = one, spec.maps
        case LocalSpec():
            weights, biases = one * output.height * output.width, output.units
        case TiledSpec():
            banks = min(spec.tile, output.height) * min(spec.tile, output.width)
            weights, biases = one * banks, spec.maps * banks
        case _:
            assert_never(spec)
    return weights, biases if spec.bias else 0


def _pool(name: str, stage: str, spec: AnyPoolSpec, below: _Standing) -> tuple[Layer, _Standing]:
    """Count a pooling."""
    shape = below.shape
    output, seen = _slid(
        stage,
        "pool.size",
        shape,
        shape.maps,
        size=spec.size,
        stride=spec.stride,
        padding=spec.padding,
    )
    above = below.at(output, window=(spec.size, spec.size), stride=spec.stride)
    kind = _kind(spec)
    connections = seen * shape.maps
    counts = Counts(connections, extra=connections if kind == "l2" else 0)  # the squares
    return _layer(name, f"{kind} pooling", above, counts), above


def _norm(name: str, stage: str, spec: NormSpec, below: _Standing) -> tuple[Layer, _Standing]:
    """Count a normalisation."""
    shape = below.shape
    match spec:
        case BatchNormSpec():
            counts = Counts(shape.units, shape.maps, shape.maps)
            return _layer(name, "batch normalisation", below, counts), below
        case LRNSpec():
            seen = sum(
                len(range(*_neighbours(place, spec.size, shape.maps)))
                for place in range(shape.maps)
            )
            connections = seen * shape.height * shape.width
            return _layer(name, "lrn", below, Counts(connections, extra=connections)), below
        case LCNSpec():
            output, seen = _slid(
                stage,
                "norm.size",
                shape,
                shape.maps,
                size=spec.size,
                stride=1,
                padding=spec.padding,
            )
            # The deviation is taken over local deviations from local means: two windows.
            reach = 2 * spec.size - 1
            above = below.at(output, window=(reach, reach))
            connections = seen * shape.maps * (shape.maps if spec.across else 1)
            # A mean, and a mean of squares: 1 + 2 for each connection.
            counts = Counts(connections, extra=2 * connections)
            return _layer(name, "lcn", above, counts), above
        case _:
            assert_never(spec)


def _neighbours(place: int, size: int, maps: int) -> tuple[int, int]:
    """Give the first map, and the one after the last, that inhibit one map."""
    return max(place - size // 2, 0), min(place - size // 2 + size, maps)


def _head(spec: ClassificationSpec, below: _Standing, classes: int | None) -> list[Layer]:
    """Count the layers of a classifier on the last stage's output."""
    known = spec.classes if classes is None else classes
    names = [f"{spec.name}.hidden{number}" for number in range(1, len(spec.hidden) + 1)]
    widths = list(spec.hidden)
    if known is not None:
        names, widths = [*names, spec.name], [*widths, known]
    layers: list[Layer] = []
    standing = below
    for name, width in zip(names, widths, strict=True):
        shape = standing.shape
        pairs = shape.units * width
        standing = standing.at(MapShape(width, 1, 1), window=(shape.height, shape.width))
        layers.append(_layer(name, "linear", standing, Counts(pairs, pairs, width)))
    return layers


def _slid(
    stage: str,
    key: str,
    shape: MapShape,
    maps: int,
    *,
    size: int,
    stride: int,
    padding: Padding,
) -> tuple[MapShape, int]:
    """Slide a window: the shape of what comes out, and the inputs seen in one map.

    Raises:
        RecipeError: If the window does not fit; the sentence names stage and key.
    """
    try:
        output = window_output(shape, size=size, stride=stride, padding=padding, maps=maps)
    except ShapeError:
        raise RecipeError(
            f"stage {stage!r}: {key} {size} does not fit into {shape.height}x{shape.width}"
        ) from None
    seen = math.prod(
        _covered(length, window=size, stride=stride, padding=padding)
        for length in (shape.height, shape.width)
    )
    return output, seen


def _covered(length: int, *, window: int, stride: int, padding: Padding) -> int:
    """Count the inputs inside a window, summed over its positions along one axis."""
    before, _ = pads(length, window=window, stride=stride, padding=padding)
    count = output_size(length, window=window, stride=stride, padding=padding)
    starts = (position * stride - before for position in range(count))
    return sum(min(start + window, length) - max(start, 0) for start in starts)


def _layer(name: str, kind: str, standing: _Standing, counts: Counts) -> Layer:
    """Fill in what follows from where the walk stands."""
    image = standing.image
    sees = (min(standing.height.field, image.height), min(standing.width.field, image.width))
    return make_layer(name, kind, standing.shape, counts, receptive_field=sees)


def _kind(spec: FilterSpec | AnyPoolSpec) -> str:
    """Give the word that tells the spec's kind in a recipe."""
    return str(spec.__struct_config__.tag)
