"""`featlearn encode`."""

from pathlib import Path
from typing import Literal

import click

from featlearn_cli.given import given
from featlearn_cli.modalities import encode_several, has_modalities
from featlearn_cli.options import Computing, computing_options, example
from featlearn_cli.params import PathParam, RunParam, SourceParam


@click.command(
    "encode",
    epilog=example(
        "featlearn encode runs/local my-images/ --out features.npy",
        "featlearn encode runs/local mnist:test --out codes.npy --stage strokes --what code",
        "featlearn encode runs/av fsdd:test --modality sound --out codes.npy",
    ),
)
@click.argument("run", type=RunParam())
@click.argument("source", type=SourceParam())
@click.option(
    "--out",
    required=True,
    type=PathParam(path_type=Path, dir_okay=False),
    help="File to write: .npy, or .parquet (extra `tables`); float32, a row for each image.",
)
@click.option("--stage", help="Name of the stage. [default: the last]")
@click.option(
    "--what",
    type=click.Choice(["output", "code", "pooled"]),
    default="output",
    show_default=True,
    help="Which values of the stage.",
)
@click.option("--head", help="Take the stages as this head's fine-tuning left them.")
@click.option(
    "--modality", help="Of a run of several: which one SOURCE is; its shared code is written."
)
@click.option("--overwrite", is_flag=True, help="Replace what is there already.")
@computing_options
def command(
    *,
    run: Path,
    source: str,
    out: Path,
    stage: str | None,
    what: Literal["output", "code", "pooled"],
    head: str | None,
    modality: str | None,
    overwrite: bool,
    options: Computing,
) -> None:
    """Write the features that RUN computes for the images of SOURCE.

    Rows keep the order of the source. Names and labels of the images are written beside
    NAME.npy to NAME.index.csv; a Parquet table has them as columns of its own.
    """
    if has_modalities(run):
        encode_several(
            run,
            source,
            modality=modality,
            out=out,
            overwrite=overwrite,
            refused=given("--stage", "--what", "--head"),
            options=options,
        )
        return
    if modality is not None:
        raise click.UsageError(f"--modality is for a run of several, and {run} has one")
    from featlearn.workflows.encode import encode

    result = encode(
        run,
        source,
        out=out,
        stage=stage,
        what=what,
        head=head,
        overwrite=overwrite,
        **options.computing(),
    )
    options.show(result)
