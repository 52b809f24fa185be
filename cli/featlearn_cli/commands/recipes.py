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
    epilog=example("featlearn recipes", "featlearn recipes mnist-local > mine.toml"),
)
@click.argument("name", type=RecipeParam(), required=False)
@showing_options
def command(name: str | None, options: Showing) -> None:
    """List the shipped recipes, or print the one called NAME to copy and change."""
    from featlearn.workflows.recipes import list_recipes, read_recipe

    if name is None:
        options.show(list_recipes(), _listing)
    else:
        options.show(read_recipe(name), _text)


def _listing(result: "RecipeList") -> "Iterable[RenderableType]":
    from featlearn_cli.text import table

    rows = [(row.name, row.minutes, row.source, row.title) for row in result.recipes]
    yield table(["recipe", "minutes", "data", "title"], rows)


def _text(result: "RecipeText") -> "Iterable[RenderableType]":
    yield result.toml.rstrip("\n")
