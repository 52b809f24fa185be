"""`featlearn report`."""

from pathlib import Path

import click

from featlearn_cli.options import Computing, computing_options, example
from featlearn_cli.params import PathParam, RunParam


@click.command(
    "report",
    epilog=example("featlearn report runs/local", "featlearn report runs/a runs/b --out compare"),
)
@click.argument("runs", metavar="RUN...", type=RunParam(), nargs=-1, required=True)
@click.option(
    "--out",
    type=PathParam(path_type=Path, file_okay=False),
    help="Folder for the page; needed for several runs. [default: RUN/report]",
)
@computing_options
def command(runs: tuple[Path, ...], out: Path | None, options: Computing) -> None:
    """Make one page, to be opened in a browser, that shows what each RUN learned.

    A folder that `featlearn quickstart` made stands for its runs and their comparison.
    """
    from featlearn.workflows.report import report

    result = report(runs, out=out, **options.computing())
    options.show(result)
    options.next_step(f"open {result.report} in a browser")
