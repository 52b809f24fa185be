"""`featlearn recipes`."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

import click

from featlearn_cli.options import Showing, example, showing_options
from featlearn_cli.params import RecipeParam

if TYPE_CHECKING:
    from rich.console import RenderableType

    from featlearn.workflows.recipes import RecipeList, RecipeText


@click.command(
    "recipes",
    epilog=example(
        "featlearn recipes",
        "featlearn recipes mnist-local > mine.toml",
        "featlearn recipes resnet18",
    ),
)
@click.argument("name", type=RecipeParam(), required=False)
@showing_options
def command(name: str | None, options: Showing) -> None:
    """List the shipped recipes, or print the one called NAME to copy and change.

    Below the recipes stand the networks that one may name: `network = "resnet18"` instead of
    [[stages]]. The name of a network prints its stages.
    """
    from featlearn.workflows.recipes import list_recipes, read_recipe

    if name is None:
        options.show(list_recipes(), _listing)
    else:
        options.show(read_recipe(name), _text)


def _listing(result: "RecipeList") -> "Iterable[RenderableType]":
    from featlearn_cli.text import table

    rows = [(row.name, row.minutes, row.source, row.title) for row in result.recipes]
    yield table(["recipe", "minutes", "data", "title"], rows)
    networks = [
        (row.name, row.parameters, "x".join(map(str, row.input)), row.classes, row.source)
        for row in result.networks
    ]
    yield ""
    yield table(["network", "parameters", "image", "classes", "source"], networks)


def _text(result: "RecipeText") -> "Iterable[RenderableType]":
    yield result.toml.rstrip("\n")
