"""`featlearn visualize`."""

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from featlearn_cli.options import Computing, computing_options, example
from featlearn_cli.params import PathParam, RunParam

if TYPE_CHECKING:
    from rich.console import RenderableType

    from featlearn.workflows.visualize import VisualizeResult

KINDS = ("filters", "projections", "reconstructions", "curves", "confusion")


@click.command(
    "visualize",
    epilog=example(
        "featlearn visualize runs/local --out pictures",
        "featlearn visualize runs/local --what filters --what projections --out pictures",
    ),
)
@click.argument("run", type=RunParam())
@click.option(
    "--what",
    multiple=True,
    type=click.Choice(KINDS),
    help="What to draw; may be repeated. [default: all there is]",
)
@click.option(
    "--out",
    required=True,
    type=PathParam(path_type=Path, file_okay=False),
    help="Folder for the pictures.",
)
@click.option(
    "--head",
    help="Whose curves and confusion. [default: the run's curves, the only head's confusion]",
)
@computing_options
def command(
    *, run: Path, what: tuple[str, ...], out: Path, head: str | None, options: Computing
) -> None:
    """Draw what RUN learned, as PNG files.

    Filters, projections into image space, reconstructions, curves of the losses, and
    the confusion matrix of a head that was evaluated.
    """
    from featlearn.workflows.visualize import visualize

    result = visualize(
        run,
        what=what,
        out=out,
        root=options.root,
        head=head,
        device=options.device,
        threads=options.threads,
    )
    options.show(result, _files)


def _files(result: "VisualizeResult") -> "Iterable[RenderableType]":
    yield from result.files
    for kind, why in result.left_out.items():
        yield f"! no {kind}: {why}"
