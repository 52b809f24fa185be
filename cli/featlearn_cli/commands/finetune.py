"""`featlearn finetune`."""

from pathlib import Path

import click

from featlearn_cli.options import Computing, RunParam, computing_options, example, exclusive


@click.command(
    "finetune",
    epilog=example(
        "featlearn finetune runs/local --labels 1000",
        "featlearn finetune runs/local --name control --labels 1000 --from-scratch",
    ),
)
@click.argument("run", type=RunParam())
@click.option("--name", default="default", show_default=True, help="Of the head.")
@click.option("--labels", type=click.IntRange(min=1), help="How many labels. [default: all]")
@click.option(
    "--label-seed",
    type=click.IntRange(min=0),
    default=0,
    show_default=True,
    help="Of the draw of the labelled images.",
)
@click.option(
    "--freeze", type=click.IntRange(min=0), help="Keep so many stages as they were learned."
)
@click.option("--from-scratch", is_flag=True, help="Begin with random weights: the control.")
@click.option("--resume", is_flag=True, help="Go on from the head's checkpoint.")
@click.option("--overwrite", is_flag=True, help="Replace the head of this name.")
@computing_options
def command(
    *,
    run: Path,
    name: str,
    labels: int | None,
    label_seed: int,
    freeze: int | None,
    from_scratch: bool,
    resume: bool,
    overwrite: bool,
    options: Computing,
) -> None:
    """Train a classifier on the features of RUN, in RUN/heads/NAME.

    The labelled images are drawn class by class, the same for every head that has
    the same --label-seed. The pre-trained model itself is never changed.
    """
    exclusive(resume=resume, overwrite=overwrite)
    from featlearn.workflows.finetune import finetune

    result = finetune(
        run,
        root=options.root,
        name=name,
        labels=labels,
        label_seed=label_seed,
        freeze=freeze,
        from_scratch=from_scratch,
        seed=options.seed,
        overrides=options.sets,
        resume=resume,
        overwrite=overwrite,
        device=options.device,
        threads=options.threads,
        progress=options.progress(),
    )
    options.show(result)
    options.next_step(f"`featlearn evaluate {run} --head {name}`, then `featlearn report {run}`")
