"""`featlearn describe`."""

import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from featlearn.geometry import MapShape
from featlearn_cli.given import given
from featlearn_cli.modalities import describe_several
from featlearn_cli.options import DataOptions, data_options, example
from featlearn_cli.params import PathParam, RecipeParam

if TYPE_CHECKING:
    from rich.console import RenderableType

    from featlearn.config.layers import Layer, Totals
    from featlearn.config.needs import Needs
    from featlearn.workflows.describe import Description


class ShapeParam(click.ParamType):  # pyright: ignore[reportMissingTypeArgument]
    """The shape of an image: channels, height and width."""

    name = "shape"

    def convert(
        self,
        value: str | MapShape,
        param: click.Parameter | None,
        ctx: click.Context | None,
    ) -> MapShape:
        """Read `3x200x200`, or `28x28` for one channel."""
        if isinstance(value, MapShape):
            return value
        numbers = [int(part) for part in re.findall(r"\d+", value)]
        if not re.fullmatch(r"\d{1,9}(x\d{1,9}){1,2}", value) or min(numbers) < 1:
            self.fail(f"{value!r} is no shape; write CxHxW, such as 3x200x200", param, ctx)
        return MapShape(*numbers) if len(numbers) == 3 else MapShape(1, *numbers)


@click.command(
    "describe",
    epilog=example(
        "featlearn describe lenet5",
        "featlearn describe resnet50",
        "featlearn describe resnet50 --every-layer",
        "featlearn describe resnet50 --json",
        "featlearn describe mnist-local --set stages.strokes.filter.maps=32 --json",
        "featlearn describe mine.toml --input 3x200x200 --batch 100",
        "featlearn describe lenet5 --figure lenet5.svg",
    ),
)
@click.argument("recipe", type=RecipeParam())
@click.option(
    "--input",
    "input_shape",
    type=ShapeParam(),
    metavar="CxHxW",
    help="Shape of an image. [default: the data's]",
)
@click.option(
    "--set",
    "sets",
    multiple=True,
    metavar="KEY=VALUE",
    help="Change the recipe; may be repeated.",
)
@click.option(
    "--batch",
    type=click.IntRange(min=1),
    help="Images in a batch, for the memory of training. [default: pretrain.batch]",
)
@click.option(
    "--figure",
    type=PathParam(path_type=Path, dir_okay=False),
    help="File to draw the network into: .svg, .png or .pdf.",
)
@click.option(
    "--every-layer",
    is_flag=True,
    help="A row for each layer of a deep network, instead of one for each of its stages.",
)
@click.option("--overwrite", is_flag=True, help="Replace the file, if it is there already.")
@data_options
def command(
    *,
    recipe: str,
    input_shape: MapShape | None,
    sets: tuple[str, ...],
    batch: int | None,
    figure: Path | None,
    every_layer: bool,
    overwrite: bool,
    options: DataOptions,
) -> None:
    """Print the layers of RECIPE with their sizes and costs.

    RECIPE is the name of a shipped recipe or of a network (`featlearn recipes` lists both),
    the path of a recipe, or the folder of a run; where a folder bears such a name, ./NAME is
    the folder.
    Weights are counted without biases, FLOPs for one image forward; a multiplication
    and an addition are two, and what lies beyond the border is not counted. Beside each
    layer stands what it would weigh if its weights were shared otherwise, and what it takes
    of memory while all layers learn. The stages of a deep network have a row each;
    --every-layer and --json give its layers.
    """
    from featlearn.config.load import load_any_recipe
    from featlearn.config.modalities import MultimodalRecipe

    def tables(result: "Description") -> "Iterable[RenderableType]":
        return _tables(result, every=every_layer)

    several = load_any_recipe(recipe, overrides=sets)
    if isinstance(several, MultimodalRecipe):
        refused = given("--input", "--batch", "--figure")
        describe_several(several, refused=refused, tables=tables, options=options)
        return
    from featlearn.workflows.describe import describe_source

    found = describe_source(
        recipe,
        root=options.root,
        input_shape=input_shape,
        overrides=sets,
        batch=batch,
        figure=figure,
        overwrite=overwrite,
    )
    options.show(found, tables)


_MOST_ROWS = 40
"""Layers that are shown one by one; those of deeper networks are summed up by stages."""


def _tables(result: "Description", *, every: bool) -> "Iterable[RenderableType]":
    layers = list(result.layers) if every else _overview(result.layers)
    yield f"{result.title}: input {MapShape(*result.input)}"
    yield _in_a_line(result.totals)
    yield ""
    yield from _layers(layers, result.totals)
    if len(layers) < len(result.layers):
        yield f"{len(result.layers)} layers by stages; --every-layer gives each a row"
    yield ""
    yield from _alternatives(result)
    yield ""
    yield from _memory(layers, result)
    if result.pretraining is not None:
        yield ""
        yield _at_once(result.pretraining)
    if result.figure is not None:
        yield ""
        yield f"figure: {result.figure}"


def _overview(layers: "Sequence[Layer]") -> "list[Layer]":
    """Give the layers, or stages instead where these are many, with how many layers each has."""
    from collections import Counter

    import msgspec

    from featlearn.config.layers import condensed
    from featlearn.wording import plural

    if len(layers) <= _MOST_ROWS:
        return list(layers)
    parts = Counter(layer.stage for layer in layers if layer.within is not None)
    return [
        layer
        if layer.within is None
        else msgspec.structs.replace(
            layer, kind=f"{layer.kind}, {plural(parts[layer.stage], 'layer')}"
        )
        for layer in condensed(layers)
    ]


def _in_a_line(totals: "Totals") -> str:
    """Say what the whole network costs."""
    from featlearn.config.footprint import FLOAT_BYTES
    from featlearn.wording import count, human_bytes

    weights, outputs = (human_bytes(FLOAT_BYTES * n) for n in (totals.parameters, totals.units))
    return (
        f"{count(totals.parameters)} parameters, {weights} in float32; "
        f"one image: {_large(totals.multiply_adds)} multiply-adds, {outputs} of outputs"
    )


def _large(number: int) -> str:
    """Write a number in millions or billions, where it is that large."""
    from featlearn.wording import count

    for size, word in ((10**9, "billion"), (10**6, "million")):
        if number >= size:
            return f"{number / size:.3g} {word}"
    return count(number)


def _layers(layers: "Sequence[Layer]", totals: "Totals") -> "Iterable[RenderableType]":
    from featlearn.wording import human_bytes
    from featlearn_cli.text import table

    headers = ["layer", "kind", "output", "units", "weights", "biases", "connections", "sees"]
    rows: list[tuple[object, ...]] = [
        (
            row.name,
            row.kind,
            "x".join(map(str, row.output)),
            row.units,
            row.weights,
            row.biases,
            row.connections,
            "x".join(map(str, row.receptive_field)),
            human_bytes(row.memory),
            row.flops,
        )
        for row in layers
    ]
    rows.append(
        (
            "total", "", "", totals.units, totals.weights, totals.biases, totals.connections,
            "", human_bytes(totals.memory), totals.flops,
        )
    )  # fmt: skip
    yield table([*headers, "memory", "flops"], rows)


_TITLE = "weights, if the same units were (with the layer's own tile, or 2)"


def _alternatives(result: "Description") -> "Iterable[RenderableType]":
    from featlearn_cli.text import table

    rows = [
        (layer.name, layer.kind, kinds.conv.weights, kinds.tiled.weights, kinds.local.weights,
         kinds.dense.weights)
        for layer in result.layers
        if (kinds := layer.sharing) is not None
    ]  # fmt: skip
    headers = ["layer", "kind", "conv (shared)", "tiled", "local (untied)", "dense (to all)"]
    yield table(headers, rows, title=_TITLE)


def _at_once(needs: "Needs") -> str:
    from featlearn.config.needs import total_bytes
    from featlearn.wording import human_bytes

    return f"memory that pre-training holds at once: {human_bytes(total_bytes(needs))} ({needs})"


def _memory(layers: "Sequence[Layer]", result: "Description") -> "Iterable[RenderableType]":
    import msgspec

    from featlearn.wording import human_bytes
    from featlearn_cli.text import table

    named = [*((layer.name, layer.training) for layer in layers), ("total", result.training)]
    rows = [
        (name, *(human_bytes(size) if size else None for size in msgspec.structs.astuple(row)))
        for name, row in named
    ]
    headers = ["layer", "weights", "gradients", "optimiser", "activations"]
    yield table(headers, rows, title=f"memory in training, at a batch of {result.batch}")
