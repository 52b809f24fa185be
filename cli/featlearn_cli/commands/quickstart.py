"""`featlearn quickstart`."""

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from featlearn_cli.options import Computing, computing_options, example
from featlearn_cli.params import PathParam

if TYPE_CHECKING:
    from rich.console import RenderableType

    from featlearn.workflows.quickstart import QuickstartResult


@click.command("quickstart", epilog=example("featlearn quickstart --out first"))
@click.option(
    "--out",
    type=PathParam(path_type=Path, file_okay=False),
    help="Folder to make. [default: a new one here each time]",
)
@click.option(
    "--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Of the two runs."
)
@computing_options
def command(out: Path | None, seed: int, options: Computing) -> None:
    """Learn from both bundled image sets, and end with a report.

    Photographs give edge filters; hand-written digits show what learning without
    labels is worth when few labels are given, in paired draws. Nothing is
    downloaded. Takes about a minute.
    """
    from featlearn.workflows.quickstart import quickstart

    result = quickstart(out=out, seed=seed, **options.working())
    options.show(result, _summary)
    options.next_step(f"open {result.report} in a browser")


def _summary(result: "QuickstartResult") -> "Iterable[RenderableType]":
    from featlearn.wording import duration, percent, plural
    from featlearn_cli.text import facts

    low, high = result.difference_interval
    pairs: list[tuple[str, object]] = [
        (f"accuracy, {name}", percent(value)) for name, value in result.accuracy.items()
    ]
    yield facts(
        [
            ("labels", result.labels),
            ("draws of labels", result.draws),
            *pairs,
            ("difference", f"{100 * low:+.2f} to {100 * high:+.2f} points (95 % interval)"),
            ("judged on", f"{plural(result.test_images, 'test image')} of digits"),
            ("time", duration(result.seconds)),
            ("report", result.report),
        ]
    )
