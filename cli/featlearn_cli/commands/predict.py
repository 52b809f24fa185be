"""`featlearn predict`."""

from pathlib import Path

import click

from featlearn_cli.modalities import refuse_modalities
from featlearn_cli.options import Computing, computing_options, example
from featlearn_cli.params import PathParam, RunParam, SourceParam


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
@click.option(
    "--tta",
    type=click.IntRange(min=1, max=1000),
    metavar="N",
    help="Average the head's answers over each image and N copies, changed as in training.",
)
@click.option("--overwrite", is_flag=True, help="Replace the file, if it is there already.")
@computing_options
def command(
    *,
    run: Path,
    source: str,
    out: Path | None,
    head: str | None,
    tta: int | None,
    overwrite: bool,
    options: Computing,
) -> None:
    """Name the class of every image of SOURCE, by a head of RUN.

    The result is a CSV table: image, class, and the probability of every class. A regression
    gives its numbers, a multi-label head the probability of each label.
    SOURCE is a known set, a folder or zip of images, or an IDX, NPY or NPZ file.
    """
    refuse_modalities([run], "predict")
    from featlearn.workflows.predict import predict
    from featlearn_cli.heads import predictions

    result = predict(
        run,
        source,
        out=out,
        head=head,
        tta=tta or 0,
        overwrite=overwrite,
        **options.computing(),
    )
    options.show(result, predictions)
