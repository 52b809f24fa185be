"""The layers of a recipe, counted without building them: no torch, no data."""

from collections.abc import Iterable, Mapping
from typing import assert_never

import msgspec

from featlearn.config.banks import BankSpec, ConvSpec, DenseSpec, LocalSpec, TiledSpec, WindowedSpec
from featlearn.config.data import (
    ChannelsSpec,
    ContrastSpec,
    PCASpec,
    StandardizeSpec,
    ZCASpec,
    check_channels,
)
from featlearn.config.footprint import footprint, sum_of
from featlearn.config.heads import ClassificationSpec, HeadSpec
from featlearn.config.inputs import WhitenSpec, check_whitening
from featlearn.config.layers import Counts, Layer, Plan, sum_layers
from featlearn.config.objectives import ObjectiveSpec
from featlearn.config.parts import CompositeSpec
from featlearn.config.pieces import (
    AnyPoolSpec,
    BatchNormSpec,
    LCNSpec,
    LRNSpec,
    NormSpec,
    RootPoolSpec,
    pooled_maps,
)
from featlearn.config.plan_parts import activation_counts, composite_layers, layer_at, norm_counts
from featlearn.config.recipe import Recipe
from featlearn.config.sharing import LEAST_TILE, Bank, Cost
from featlearn.config.stages import StageSpec, check_groups, check_learnable
from featlearn.config.standing import Sight, Standing, slide
from featlearn.errors import RecipeError
from featlearn.geometry import MapShape


def plan(
    recipe: Recipe,
    input_shape: MapShape,
    classes: int | None = None,
    *,
    batch: int | None = None,
    answers: Mapping[str, int] | None = None,
) -> Plan:
    """Count the units, connections, weights and costs of every layer.

    Args:
        recipe: What to count.
        input_shape: Shape of one image.
        classes: Classes of the head; without it, and without
            `finetune.head.classes`, the last layer of the head is left out.
        batch: Images in a batch, for the memory of training; `pretrain.batch` if absent.
        answers: By the name of a task, what its head answers: classes, labels or numbers. In a
            recipe with tasks these take the place of `classes`.

    Raises:
        RecipeError: If the stages do not fit the image; the sentence names the
            stage and the key.
    """
    batch = recipe.pretrain.batch if batch is None else batch
    prepared = standing = _prepared(recipe, input_shape)
    layers: list[Layer] = []
    for spec in recipe.stages:
        rows, standing = _stage(spec, standing)
        layers += rows
    layers += _heads(recipe, standing, classes, answers or {})
    layers = _in_training(layers, recipe, batch)
    return Plan(
        input=input_shape,
        prepared=prepared.shape,
        preprocess=tuple(str(spec.__struct_config__.tag) for spec in recipe.preprocess),
        layers=tuple(layers),
        totals=sum_layers(layers),
        batch=batch,
        training=sum_of(layer.training for layer in layers),
    )


def _in_training(layers: Iterable[Layer], recipe: Recipe, batch: int) -> list[Layer]:
    """Count what training takes: stages learn by [pretrain], the head by [finetune]."""
    rows: list[Layer] = []
    own = {stage.name: recipe.optimizer_of(stage) for stage in recipe.stages}
    for layer in layers:
        optimizer = recipe.finetune.optimizer if layer.stage is None else own[layer.stage]
        taken = footprint(layer.learned, layer.units, optimizer=optimizer, batch=batch)
        rows.append(msgspec.structs.replace(layer, training=taken))
    return rows


def _prepared(recipe: Recipe, image: MapShape) -> Standing:
    """Walk through the preprocessing."""
    pixel = Sight(1, 1)
    standing = Standing(image, pixel, pixel, image)
    for place, spec in enumerate(recipe.preprocess):
        match spec:
            case ContrastSpec() | StandardizeSpec():
                pass
            case ChannelsSpec():
                check_channels(spec, standing.shape.maps)
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


def _stage(spec: StageSpec, below: Standing) -> tuple[list[Layer], Standing]:
    """Count the parts of one stage."""
    rows: list[Layer] = []
    if isinstance(spec.input, WhitenSpec):
        row, below = _whitening(spec.name, spec.input, below)
        rows.append(row)
    if isinstance(spec.filter, CompositeSpec):
        found, standing = composite_layers(spec.name, spec.filter, below)
    else:
        found, standing = _filter(spec, spec.filter, below)
    rows += found
    if spec.pool is not None:
        name = spec.pool.name or f"{spec.name}.pool"
        row, standing = _pool(name, spec.name, spec.pool, standing)
        rows.append(row)
    if spec.norm is not None:
        name = spec.norm.name or f"{spec.name}.norm"
        row, standing = _norm(name, spec.name, spec.norm, standing)
        rows.append(row)
    return [msgspec.structs.replace(row, stage=spec.name) for row in rows], standing


def _whitening(stage: str, spec: WhitenSpec, below: Standing) -> tuple[Layer, Standing]:
    """Count the principal components of a stage's input, each of all, or a window, below."""
    check_whitening(stage, spec, below.shape)
    shape, together = spec.above(below.shape), spec.together(below.shape)
    window = (together.height, together.width)
    whole = spec.size is None
    above = below.seeing_all(shape) if whole else below.at(shape, window=window)
    inputs = together.units
    pairs, windows = inputs * spec.keep, shape.height * shape.width
    # A product and a sum for each pair, and the mean taken off; there, back, and the mean.
    counts = Counts(windows * pairs, extra=windows * (pairs + inputs), fixed=2 * pairs + inputs)
    return layer_at(f"{stage}.input", "whitening", above, counts, window=window), above


def _filter(stage: StageSpec, spec: BankSpec, below: Standing) -> tuple[list[Layer], Standing]:
    """Count a filter bank, and the norm of its responses if there is one."""
    shape = below.shape
    check_groups(stage, shape.maps)
    check_learnable(stage, shape)
    window = (shape.height, shape.width) if spec.size is None else (spec.size, spec.size)
    if spec.size is None:
        output, seen = MapShape(spec.maps, 1, 1), shape.height * shape.width
    else:
        output, seen = slide(
            stage.name,
            "filter.size",
            shape,
            spec.maps,
            size=spec.size,
            stride=spec.stride,
            padding=spec.padding,
        )
    above = below.at(output, window=window, stride=spec.stride)
    groups = spec.groups if isinstance(spec, WindowedSpec) else 1
    bank = Bank(shape, output, window, groups=groups, bias=spec.bias)
    cost = _cost(spec, bank)
    connections = seen * shape.maps // groups * spec.maps
    numbers, extra = activation_counts(stage.activation, spec.maps, connections)
    counts = Counts(connections, cost.weights, cost.parameters - cost.weights + numbers, extra)
    row = msgspec.structs.replace(
        layer_at(stage.name, f"{_kind(spec)} filter", above, counts, window=window),
        decoder=_decoder(stage.objective, spec, shape, cost.weights),
        sharing=bank.sharing(tile=spec.tile if isinstance(spec, TiledSpec) else LEAST_TILE),
    )
    if spec.norm is None:
        return [row], above
    kind, counts = norm_counts(spec.norm, output)
    return [row, layer_at(f"{stage.name}.filter.norm", kind, above, counts)], above


def _cost(spec: BankSpec, bank: Bank) -> Cost:
    """Count the weights of a filter bank, as they are shared."""
    match spec:
        case DenseSpec() | ConvSpec():
            return bank.tiled(1)
        case LocalSpec():
            return bank.untied()
        case TiledSpec():
            return bank.tiled(spec.tile)
        case _:
            assert_never(spec)


def _decoder(objective: ObjectiveSpec | None, spec: BankSpec, shape: MapShape, weights: int) -> int:
    """Count what a decoder learns: a bias, and weights of its own unless they are tied."""
    if objective is None or objective.tied is None:
        return 0
    moved = isinstance(spec, ConvSpec) or (isinstance(spec, DenseSpec) and spec.size is not None)
    bias = shape.maps if moved else shape.units
    return (bias if objective.offset else 0) + (0 if objective.tied else weights)


def _pool(name: str, stage: str, spec: AnyPoolSpec, below: Standing) -> tuple[Layer, Standing]:
    """Count a pooling."""
    shape = below.shape
    size, stride, padding = spec.window
    maps, taken = pooled_maps(spec, shape.maps)
    output, seen = slide(stage, "pool.size", shape, maps, size=size, stride=stride, padding=padding)
    window = (size, size)
    above = below.at(output, window=window, stride=stride)
    connections = seen * maps * taken
    squares = connections if isinstance(spec, RootPoolSpec) else 0
    counts = Counts(connections, extra=squares)
    return layer_at(name, f"{_kind(spec)} pooling", above, counts, window=window), above


def _norm(name: str, stage: str, spec: NormSpec, below: Standing) -> tuple[Layer, Standing]:
    """Count a normalisation."""
    shape = below.shape
    match spec:
        case BatchNormSpec() | LRNSpec():
            kind, counts = norm_counts(spec, shape)
            return layer_at(name, kind, below, counts), below
        case LCNSpec():
            output, seen = slide(
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
            window = (spec.size, spec.size)
            return layer_at(name, "lcn", above, counts, window=window), above
        case _:
            assert_never(spec)


def _heads(
    recipe: Recipe, below: Standing, classes: int | None, answers: Mapping[str, int]
) -> list[Layer]:
    """Count the layers of the head, or of one for each task."""
    if not recipe.tasks:
        return _head(recipe.finetune.head, below, classes)
    return [
        msgspec.structs.replace(layer, name=f"{task.name}.{layer.name}")
        for task in recipe.tasks
        for layer in _head(task.head, below, answers.get(task.name))
    ]


def _head(spec: HeadSpec, below: Standing, classes: int | None) -> list[Layer]:
    """Count the layers of a head on the last stage's output."""
    own = spec.classes if isinstance(spec, ClassificationSpec) else None
    known = own if classes is None else classes
    names = [f"{spec.name}.hidden{number}" for number in range(1, len(spec.hidden) + 1)]
    widths = list(spec.hidden)
    if known is not None:
        names, widths = [*names, spec.name], [*widths, known]
    layers: list[Layer] = []
    standing = below
    if spec.pool != "none":
        shape = below.shape
        window = (shape.height, shape.width)
        standing = below.at(MapShape(shape.maps, 1, 1), window=window)
        name, kind = f"{spec.name}.pool", f"{spec.pool} pooling"
        layers.append(layer_at(name, kind, standing, Counts(shape.units), window=window))
    for name, width in zip(names, widths, strict=True):
        shape, window = standing.shape, (standing.shape.height, standing.shape.width)
        standing = standing.at(MapShape(width, 1, 1), window=window)
        pairs = shape.units * width
        row = layer_at(name, "linear", standing, Counts(pairs, pairs, width), window=window)
        sharing = Bank(shape, standing.shape, window).sharing()
        layers.append(msgspec.structs.replace(row, sharing=sharing))
    return layers


def _kind(spec: BankSpec | AnyPoolSpec) -> str:
    """Give the word that tells the spec's kind in a recipe."""
    return str(spec.__struct_config__.tag)
