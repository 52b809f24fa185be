"""`featlearn evaluate`."""

from pathlib import Path

import click

from featlearn_cli.options import Computing, RunParam, SourceParam, computing_options, example


@click.command(
    "evaluate",
    epilog=example(
        "featlearn evaluate runs/local",
        "featlearn evaluate runs/local --probe --json",
        "featlearn evaluate runs/local my-images/",
    ),
)
@click.argument("run", type=RunParam())
@click.argument("source", type=SourceParam(), required=False)
@click.option("--head", help="Name of the head. [default: the only one]")
@click.option("--probe", is_flag=True, help="Fit a linear classifier on the frozen features.")
@computing_options
def command(
    run: Path, source: str | None, head: str | None, probe: bool, options: Computing
) -> None:
    """Measure a head of RUN on the test images, or on labelled images of SOURCE.

    Prints accuracy and error (fractions in [0, 1]), and those of each class.
    """
    options.refuse_sets("the recipe of a finished run is fixed")
    from featlearn.workflows.evaluate import evaluate

    result = evaluate(
        run,
        root=options.root,
        source=source,
        head=head,
        probe=probe,
        device=options.device,
        threads=options.threads,
    )
    options.show(result)
