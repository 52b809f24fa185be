"""`featlearn finetune`."""

from pathlib import Path
from typing import Any

import click

from featlearn.config.semi import SEMI_KINDS
from featlearn_cli.finetune_modes import Asked, finetune_one
from featlearn_cli.given import given
from featlearn_cli.modalities import finetune_several, has_modalities
from featlearn_cli.options import Training, example, training_options
from featlearn_cli.params import LabelsParam, PathParam, RunParam
from featlearn_cli.tasks import has_tasks, train_tasks

_OF_ONE_HEAD = ("--control", "--tune", "--semi", "--from-scratch", "--find-lr", "--out")
"""What neither a head over several modalities nor several heads take."""


@click.command(
    "finetune",
    epilog=example(
        "featlearn finetune runs/local --labels 1000",
        "featlearn finetune runs/local --labels 1000 --from-scratch",
        "featlearn finetune runs/local --labels 1000 --find-lr --out pictures",
        "featlearn finetune runs/local --labels 100 --semi fixmatch --name fixmatch",
        "featlearn finetune runs/local --name slow --set finetune.optimizer.lr=1e-4",
        "featlearn finetune runs/local --labels 100,300,1000 --label-seeds 10 --control scratch",
    ),
)
@click.argument("run", type=RunParam())
@click.option(
    "--name",
    help="Of the head, or of the sweep. [default: default, or scratch with --from-scratch; "
    "labels for a sweep]",
)
@click.option(
    "--labels",
    type=LabelsParam(),
    metavar="N[,N...]",
    help="How many labels, or `all`; several make a sweep. [default: all]",
)
@click.option(
    "--label-seed",
    type=click.IntRange(min=0),
    help="Of the draw of the labelled images. [default: 0]",
)
@click.option(
    "--label-seeds",
    type=click.IntRange(min=2, max=1000),
    metavar="N",
    help="Sweep over the draws 0 to N-1 of each number of labels. [default: 10, with several "
    "--labels]",
)
@click.option(
    "--control",
    "controls",
    type=click.Choice(["scratch", "pixels"]),
    multiple=True,
    help="In a sweep, compare with the same network from random weights, or with a linear "
    "classifier on the plain images, on the same draws; may be repeated.",
)
@click.option(
    "--tune",
    is_flag=True,
    help="In a sweep, choose the learning rates of each method, from the same ones, on other "
    "draws and training images.",
)
@click.option(
    "--freeze", type=click.IntRange(min=0), help="Keep so many stages as they were learned."
)
@click.option(
    "--semi",
    type=click.Choice([*SEMI_KINDS, "none"]),
    metavar="KIND",
    help=f"Learn from unlabelled images too: {', '.join(SEMI_KINDS)}; or none, where the recipe "
    "does. Its numbers are set by --set finetune.semi.KEY=VALUE.",
)
@click.option("--from-scratch", is_flag=True, help="Begin with random weights: the control.")
@click.option(
    "--find-lr",
    is_flag=True,
    help="Train nothing: try rates on these labels, and suggest one for finetune.optimizer.lr.",
)
@click.option(
    "--out",
    type=PathParam(path_type=Path, file_okay=False),
    help="With --find-lr: folder for a plot of the rates tried, rates.png and rates.svg. The "
    "curve is written in a line, too.",
)
@click.option(
    "--alone",
    metavar="TASK",
    help="Of a recipe with [[tasks]]: train this one by itself, as TASK-alone, to compare.",
)
@training_options("finetune.optimizer.lr=1e-4")
def command(*, run: Path, options: Training, **own: Any) -> None:
    """Train a head on the features of RUN, in RUN/heads/NAME.

    The labelled images are drawn class by class, the same for every head that has
    the same --label-seed. The pre-trained model itself is never changed.

    A recipe with [[tasks]] trains the heads of all of them together on the shared stages, each
    kept in RUN/heads/TASK.

    Several --labels, or --label-seeds, make a sweep instead, in RUN/sweeps/NAME: a
    classifier for each number of labels and draw of them, judged on the test images,
    with 95 % intervals and a figure. It makes --threads classifiers at once, each on one
    thread, and keeps none of them. Draw K has the label seed K, and K is added to the
    seed of the weights, so that the intervals speak of both.
    """
    asked = Asked(**own)
    if has_modalities(run):
        several = ["several --labels"] if len(asked.counts) > 1 else []
        finetune_several(
            run,
            name=asked.name,
            labels=asked.count,
            label_seed=asked.label_seed or 0,
            refused=[*several, *given("--label-seeds", *_OF_ONE_HEAD, "--freeze", "--alone")],
            options=options,
        )
    elif has_tasks(run):
        train_tasks(
            run,
            alone=asked.alone,
            label_seed=asked.label_seed or 0,
            freeze=asked.freeze,
            refused=given("--labels", "--label-seeds", "--name", *_OF_ONE_HEAD),
            options=options,
        )
    else:
        finetune_one(run, asked, options)
