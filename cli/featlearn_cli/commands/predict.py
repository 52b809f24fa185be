"""`featlearn predict`."""

from pathlib import Path
from typing import Literal

import click

from featlearn_cli.modalities import has_modalities, predict_several
from featlearn_cli.options import Computing, computing_options, example
from featlearn_cli.params import ModalityParam, PathParam, RunParam, SourceParam


@click.command(
    "predict",
    epilog=example(
        "featlearn predict runs/local my-images/ --out classes.csv",
        "featlearn predict runs/local mnist:test --head control --json",
        "featlearn predict runs/av pictures/ --modality image --with sound=recordings/",
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
@click.option(
    "--modality",
    help="Of a run of several: which one SOURCE is; others are missing, unless --with has them.",
)
@click.option(
    "--with",
    "others",
    multiple=True,
    type=ModalityParam(),
    metavar="NAME=SOURCE",
    help="Further modalities of the same samples; may be repeated.",
)
@click.option(
    "--pair-by",
    type=click.Choice(["key", "order"]),
    help="Put samples of several sources together by the names of their files, up to the ending, "
    "or by order. [default: as the run; by key if that was by class]",
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
    modality: str | None,
    others: tuple[tuple[str, str], ...],
    pair_by: Literal["key", "order"] | None,
    overwrite: bool,
    options: Computing,
) -> None:
    """Name the class of every image of SOURCE, by a head of RUN.

    The result is a CSV table: image, class, and the probability of every class. A regression
    gives its numbers, a multi-label head the probability of each label.
    SOURCE is a known set, a folder or zip of images, or an IDX, NPY or NPZ file.

    Of a run of several modalities, a sample is named from what is there of it: with --with, by
    default, files of one name up to its ending are one sample.
    """
    if has_modalities(run):
        if tta is not None:
            raise click.UsageError(f"{run} has several modalities, which --tta is not for")
        predict_several(
            run,
            [(modality, source), *others],
            pair_by=pair_by,
            out=out,
            head=head,
            overwrite=overwrite,
            options=options,
        )
        return
    for option, given in (("--modality", modality), ("--with", others), ("--pair-by", pair_by)):
        if given:
            raise click.UsageError(f"{option} is for a run of several modalities; {run} has one")
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
