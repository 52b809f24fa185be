"""`featlearn predict`."""

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from featlearn_cli.options import Computing, computing_options, example
from featlearn_cli.params import PathParam, RunParam, SourceParam

if TYPE_CHECKING:
    from rich.console import RenderableType

    from featlearn.workflows.predict import PredictResult


@click.command(
    "predict",
    epilog=example(
        "featlearn predict runs/local my-images/ --out classes.csv",
        "featlearn predict runs/local mnist:test --head control --json",
    ),
)
@click.argument("run", type=RunParam())
@click.argument("source", type=SourceParam())
@click.option(
    "--out",
    type=PathParam(path_type=Path, dir_okay=False),
    help="CSV file to write. [default: to standard output]",
)
@click.option("--head", help="Name of the head. [default: `default`, or the only one]")
@click.option("--overwrite", is_flag=True, help="Replace the file, if it is there already.")
@computing_options
def command(
    *,
    run: Path,
    source: str,
    out: Path | None,
    head: str | None,
    overwrite: bool,
    options: Computing,
) -> None:
    """Name the class of every image of SOURCE, by a head of RUN.

    The result is a CSV table: image, class, and the probability of every class.
    SOURCE is a known set, a folder or zip of images, or an IDX, NPY or NPZ file.
    """
    from featlearn.workflows.predict import predict

    result = predict(
        run,
        source,
        root=options.root,
        out=out,
        head=head,
        device=options.device,
        threads=options.threads,
        overwrite=overwrite,
    )
    options.show(result, _predictions)


def _predictions(result: "PredictResult") -> "Iterable[RenderableType]":
    from featlearn_cli.text import facts, table

    if result.csv is not None:
        yield result.csv.rstrip("\n")
        return
    yield facts([("images", result.images), ("head", result.head), ("written", result.out)])
    yield ""
    yield table(["class", "images"], list(result.counts.items()))
