"""`featlearn check`."""

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from featlearn_cli.errors import FAILED
from featlearn_cli.options import ByRecipe, example, recipe_options
from featlearn_cli.params import PathParam, RecipeParam

if TYPE_CHECKING:
    from rich.console import RenderableType

    from featlearn.workflows.check import CheckResult


@click.command(
    "check",
    epilog=example(
        "featlearn check mnist-local",
        "featlearn check mine.toml --out pictures",
        "featlearn check digits --set finetune.optimizer.lr=1e-2 --json",
    ),
)
@click.argument("recipe", type=RecipeParam())
@click.option(
    "--out",
    type=PathParam(path_type=Path, file_okay=False),
    help="Folder for a plot of the rates tried, rates.png and rates.svg.",
)
@recipe_options("pretrain.optimizer.lr=1e-3")
@click.pass_context
def command(context: click.Context, recipe: str, out: Path | None, options: ByRecipe) -> None:
    """Find out in about a minute whether RECIPE can learn, before it is trained.

    On some 2000 training images: does a gradient reach every stage, do units stay
    alive, at which learning rates does the loss fall; and, with labels, does the head
    begin with the loss of a guess, and does it learn 20 images by heart. No run is
    written. The exit code is 1 if a check fails, and the table says which.
    """
    from featlearn.config.load import load_recipe
    from featlearn.workflows.changes import check_changes

    loaded = load_recipe(recipe, overrides=options.overrides)  # a mistake shows before torch loads
    check_changes(recipe, loaded, options.overrides)
    from featlearn.workflows.check import check

    result = check(
        loaded,
        out=out,
        **options.working(),
    )
    options.show(result, _findings)
    if not result.passed:
        context.exit(FAILED)


def _findings(result: "CheckResult") -> "Iterable[RenderableType]":
    from featlearn.wording import duration, plural
    from featlearn_cli.text import table

    yield f"{result.title}: {plural(result.images, 'image')}, {duration(result.seconds)}"
    yield ""
    rows = [(row.name, row.of, row.status, row.said) for row in result.checks]
    yield table(["check", "of", "", ""], rows)
    if result.ranges:
        yield ""
        rates = [
            (row.phase, *map(_rate, (row.own, row.suggested, row.diverges)))
            for row in result.ranges
        ]
        yield table(["learning rate of", "recipe", "suggested", "diverges from"], rates)
    if result.files:
        yield ""
        yield from result.files


def _rate(value: float | None) -> float | None:
    """Round to the two digits that a range test can tell."""
    return None if value is None else float(f"{value:.2g}")
