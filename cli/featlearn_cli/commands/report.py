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
@click.option(
    "--no-units",
    is_flag=True,
    help="Do not find the best single units first, where that was not done yet.",
)
@computing_options
def command(runs: tuple[Path, ...], out: Path | None, no_units: bool, options: Computing) -> None:
    """Make one page, to be opened in a browser, that shows what each RUN learned.

    A folder that `featlearn quickstart` made stands for its runs and their comparison.

    Where the data of a RUN have labels and its single units were not tested yet, that is done
    first, as `featlearn evaluate RUN --units` does it, and the figures are kept in
    RUN/units.json. A test of too many operations is left out; the page then says with which
    command it is made.
    """
    from featlearn.workflows.report import report

    result = report(runs, out=out, units=not no_units, **options.working())
    options.show(result)
    options.next_step(f"open {result.report} in a browser")
