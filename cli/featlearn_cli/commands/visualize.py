"""`featlearn visualize`."""

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from featlearn_cli.modalities import has_modalities
from featlearn_cli.options import Computing, computing_options, example
from featlearn_cli.params import PathParam, RunParam

if TYPE_CHECKING:
    from rich.console import RenderableType

    from featlearn.workflows.drawing.asked import VisualizeResult

KINDS = (
    "filters",
    "projections",
    "reconstructions",
    "curves",
    "confusion",
    "top-images",
    "examples",
    "stimulus",
    "invariance",
    "map",
    "neighbours",
    "saliency",
    "confused",
    "reliability",
    "gabor",
)


@click.command(
    "visualize",
    epilog=example(
        "featlearn visualize runs/local --out pictures",
        "featlearn visualize runs/local --what map --what neighbours --out pictures",
        "featlearn visualize runs/local --what examples --stage parts --unit 3 --unit 7,2,2 \\",
        "    --format pdf --out pictures",
    ),
)
@click.argument("run", type=RunParam())
@click.option(
    "--what",
    multiple=True,
    type=click.Choice(KINDS),
    metavar="KIND",
    help="What to draw; may be repeated. [default: the first five, as far as there are any]",
)
@click.option(
    "--out",
    required=True,
    type=PathParam(path_type=Path, file_okay=False),
    help="Folder for the pictures.",
)
@click.option(
    "--stage",
    help="A stage's name, or its number from 1. [default: all, or the last]",
)
@click.option(
    "--unit",
    "units",
    multiple=True,
    metavar="MAP[,ROW,COLUMN]",
    help="A unit of the stage, counted from 0; may be repeated. [default: some that answer most]",
)
@click.option(
    "--head",
    help="Whose curves, mistakes and saliency. [default: the run's curves, else the only head]",
)
@click.option(
    "--images",
    type=click.IntRange(min=1),
    help="Training images to look at, at most. [default: 5000 for units, 700 for the map, "
    "2000 for neighbours]",
)
@click.option(
    "--format",
    "form",
    type=click.Choice(["png", "svg", "pdf"]),
    default="png",
    show_default=True,
    help="Of the files; in svg and pdf, words and lines are not pixels.",
)
@computing_options
def command(
    *,
    run: Path,
    what: tuple[str, ...],
    out: Path,
    stage: str | None,
    units: tuple[str, ...],
    head: str | None,
    images: int | None,
    form: str,
    options: Computing,
) -> None:
    """Draw what RUN learned, as files.

    \b
    KIND is one of
      filters          the weights
      projections      what units add to the image, by the decoders below
      reconstructions  what each stage rebuilds
      curves           losses and held-out errors
      confusion        which classes a head takes for which
      top-images       the images that excite units most
      examples         what in them the units answer to, and what codes still hold
      stimulus         the inputs that units answer most to
      invariance       how much change units bear
      map              images laid out by a stage, by PCA and by t-SNE
      neighbours       the nearest images, in pixels and in each stage
      saliency         which pixels a head's answers depend on
      confused         the images behind a head's mistakes
      reliability      how often a head is right, by how sure it is
      gabor            filters beside the Gabor functions nearest to them, and their tuning
    """  # noqa: D301 - click reads the \b
    if has_modalities(run):
        from featlearn.workflows.multimodal.visualize import visualize_modalities as draw
    else:
        from featlearn.workflows.visualize import visualize as draw
    result = draw(
        run,
        what=what,
        out=out,
        stage=stage,
        units=units,
        head=head,
        images=images,
        form=form,
        **options.working(),
    )
    options.show(result, _files)
    if result.beyond:
        options.next_step(f"name more to draw with --what: {', '.join(result.beyond)}")


def _files(result: "VisualizeResult") -> "Iterable[RenderableType]":
    yield from result.files
    for kind, why in result.left_out.items():
        yield f"! no {kind}: {why}"
