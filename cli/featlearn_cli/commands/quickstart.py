"""`featlearn quickstart`."""

from pathlib import Path

import click

from featlearn_cli.options import Computing, computing_options, example


@click.command("quickstart", epilog=example("featlearn quickstart --out first"))
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder to make. [default: a new one here each time]",
)
@computing_options
def command(out: Path | None, options: Computing) -> None:
    """Learn from both bundled image sets, and end with a report.

    Photographs give edge filters; hand-written digits show what learning without
    labels is worth when few labels are given, in paired draws. Nothing is
    downloaded. Takes about a minute.
    """
    options.refuse_sets("quickstart's two recipes are fixed; use `featlearn pretrain`")
    from featlearn.workflows.quickstart import quickstart

    result = quickstart(
        out=out,
        root=options.root,
        device=options.device,
        threads=options.threads,
        seed=options.seed or 0,
        progress=options.progress(),
    )
    options.show(result)
    options.next_step(f"open {result.report} in a browser")
