"""`featlearn baselines`."""

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from featlearn_cli.options import DataOptions, data_options, example
from featlearn_cli.params import PathParam, SourceParam

if TYPE_CHECKING:
    from rich.console import RenderableType

    from featlearn.workflows.baseline_results import BaselineRow, BaselinesResult


@click.command(
    "baselines",
    epilog=example(
        "featlearn baselines mnist --out table",
        "featlearn baselines mnist --labels 1000 --skip haar-stumps,haar-products --out few",
        "featlearn baselines my-images/ --size 32 32 --only linear,svm --json",
        "featlearn baselines mnist --budget 60 --out quick",
    ),
)
@click.argument("source", type=SourceParam())
@click.option("--only", metavar="ROW,…", default="", help="Make these rows. [default: all]")
@click.option("--skip", metavar="ROW,…", default="", help="Leave these rows out.")
@click.option(
    "--labels",
    type=click.IntRange(min=1),
    help="How many labels to learn from, class-balanced. [default: all]",
)
@click.option(
    "--label-seed",
    type=click.IntRange(min=0),
    help="Of the draw of these labels. [default: 0]",
)
@click.option(
    "--budget",
    type=click.FloatRange(min=0, min_open=True),
    metavar="SECONDS",
    help="Time for each row to be chosen and fitted; what does not fit is cut. [default: no end]",
)
@click.option(
    "--rounds",
    type=click.IntRange(min=1),
    help="Rounds of boosting, trees or epochs of the rows that have any. [default: each row's own]",
)
@click.option(
    "--out",
    type=PathParam(path_type=Path, file_okay=False),
    help="Folder of the rows, the table and a plot; rows that are there already are kept.",
)
@click.option(
    "--size",
    type=(click.IntRange(min=1), click.IntRange(min=1)),
    metavar="HEIGHT WIDTH",
    help="Resize the images. [default: as they are]",
)
@click.option("--grey", is_flag=True, help="Leave colours out.")
@click.option(
    "--seed",
    type=click.IntRange(min=0),
    default=0,
    show_default=True,
    help="Of every draw but that of labels.",
)
@click.option(
    "--threads", type=click.IntRange(min=1), help="Threads on the CPU. [default: PyTorch's choice]"
)
@data_options
def command(
    *,
    source: str,
    only: str,
    skip: str,
    labels: int | None,
    label_seed: int | None,
    budget: float | None,
    rounds: int | None,
    out: Path | None,
    size: tuple[int, int] | None,
    grey: bool,
    seed: int,
    threads: int | None,
    options: DataOptions,
) -> None:
    """Fit the classical classifiers to SOURCE, and judge each once on its test images.

    The rows: linear, boosted-stumps, boosted-products (of three stumps), boosted-trees,
    forest, haar-stumps and haar-products (on differences between rectangles), neighbours,
    svm (Gaussian kernel), two-layer (800 hidden units). Of a SOURCE without splits a fifth
    of each class is the test.

    Settings are chosen on a fifth of at most 10 000 training images. With --budget a row
    that would take longer learns from fewer images, or for fewer rounds, and the table says
    from how many. A table that was stopped goes on with the same command, boosting from
    its last saved rounds.
    """
    if label_seed is not None and labels is None:
        raise click.UsageError("--label-seed belongs to --labels; all labels are no draw")
    from featlearn.workflows.baselines import Looked, baselines

    result = baselines(
        source,
        only=_words(only),
        skip=_words(skip),
        labels=labels,
        label_seed=label_seed or 0,
        budget=budget,
        out=out,
        seed=seed,
        rounds=rounds,
        looked=Looked(size, grey),
        root=options.root,
        threads=threads,
        progress=options.progress(),
    )
    options.show(result, _shown)


def _words(text: str) -> list[str]:
    """Take names apart at their commas."""
    return [word.strip() for word in text.split(",") if word.strip()]


def _shown(result: "BaselinesResult") -> "Iterable[RenderableType]":
    from featlearn.wording import caution, count, percent, plural
    from featlearn_cli.text import table

    some = "" if result.labelled == result.available else f"{count(result.labelled)} of "
    yield (
        f"Learned from {some}{plural(result.available, 'labelled image')} of {result.source}, "
        f"judged on {plural(result.images, 'test image')}"
    )
    yield ""
    headers = ["", "error", "95 %", "to fit", "to judge", "settings", "cut to"]
    rows = [_cells(row) for row in result.rows]
    yield table(headers, [*rows, ["the largest class", percent(result.guess), *[None] * 5]])
    yield ""
    yield "The 95 % are Wilson's, of the test images; times include the choice of settings."
    coarse = caution(result.images)
    if coarse is not None:
        yield f"! {coarse}"
    yield from result.figures


def _cells(row: "BaselineRow") -> list[object]:
    """Write a row of the table."""
    from featlearn.wording import duration, percent

    low, high = (percent(end) for end in row.interval)
    chosen = "" if row.choice is None else f", of {row.choice.tried}"
    return [
        row.words,
        percent(row.error),
        f"{low.removesuffix(' %')}–{high}",
        duration(row.fit_seconds),
        duration(row.predict_seconds),
        ", ".join(
            f"{name} {value:g}" if isinstance(value, float) else f"{name} {value}"
            for name, value in row.settings.items()
        )
        + chosen,
        row.cut,
    ]
