"""`featlearn describe`."""

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING

import click

from featlearn.geometry import MapShape
from featlearn_cli.options import DataOptions, data_options, example
from featlearn_cli.params import RecipeParam

if TYPE_CHECKING:
    from rich.console import RenderableType

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
        "featlearn describe mnist-local --set stages.strokes.filter.maps=32 --json",
        "featlearn describe mine.toml --input 3x200x200",
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
@data_options
def command(
    recipe: str, input_shape: MapShape | None, sets: tuple[str, ...], options: DataOptions
) -> None:
    """Print the layers of RECIPE with their sizes and costs.

    RECIPE is a shipped recipe's name, the path of a recipe, or the folder of a run; where
    a folder bears a shipped recipe's name, ./NAME is the folder.
    Weights are counted without biases, FLOPs for one image forward; a multiplication
    and an addition are two.
    """
    from featlearn.workflows.describe import describe_source

    options.show(
        describe_source(recipe, root=options.root, input_shape=input_shape, overrides=sets), _layers
    )


def _layers(result: "Description") -> "Iterable[RenderableType]":
    from featlearn.wording import human_bytes
    from featlearn_cli.text import table

    yield f"{result.title}: input {MapShape(*result.input)}"
    yield ""
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
        for row in result.layers
    ]
    totals = result.totals
    rows.append(
        (
            "total", "", "", totals.units, totals.weights, totals.biases, totals.connections,
            "", human_bytes(totals.memory), totals.flops,
        )
    )  # fmt: skip
    yield table([*headers, "memory", "flops"], rows)
