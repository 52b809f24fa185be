"""`featlearn finetune`."""

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from featlearn_cli.options import Training, example, training_options
from featlearn_cli.params import RunParam

if TYPE_CHECKING:
    from rich.console import RenderableType

    from featlearn.workflows.finetune import FinetuneResult


@click.command(
    "finetune",
    epilog=example(
        "featlearn finetune runs/local --labels 1000",
        "featlearn finetune runs/local --labels 1000 --from-scratch",
        "featlearn finetune runs/local --name slow --set finetune.optimizer.lr=1e-4",
    ),
)
@click.argument("run", type=RunParam())
@click.option("--name", help="Of the head. [default: default, or scratch with --from-scratch]")
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
@training_options("finetune.optimizer.lr=1e-4")
def command(
    *,
    run: Path,
    name: str | None,
    labels: int | None,
    label_seed: int,
    freeze: int | None,
    from_scratch: bool,
    options: Training,
) -> None:
    """Train a classifier on the features of RUN, in RUN/heads/NAME.

    The labelled images are drawn class by class, the same for every head that has
    the same --label-seed. The pre-trained model itself is never changed.
    """
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
        resume=options.resume,
        overwrite=options.overwrite,
        device=options.device,
        threads=options.threads,
        progress=options.progress(),
        save_seconds=options.save_seconds,
        track=options.track,
    )
    options.show(result, _summary)
    options.next_step(
        f"`featlearn evaluate {run} --head {result.head}`, then `featlearn report {run}`"
    )


def _labels(result: "FinetuneResult") -> str:
    if result.labels == "all":
        return f"{result.labelled}, all there are"
    return f"{result.labelled}, drawn by seed {result.label_seed}"


def _summary(result: "FinetuneResult") -> "Iterable[RenderableType]":
    from featlearn.wording import duration, percent
    from featlearn_cli.text import facts

    yield facts(
        [
            ("run", result.run),
            ("head", result.head),
            ("begun from", "random weights" if result.from_scratch else "the pre-trained stages"),
            ("labels", _labels(result)),
            ("validation labels", result.validation or None),
            ("frozen stages", result.freeze),
            ("classes", len(result.classes)),
            ("error on the labelled images", percent(result.train_error)),
            ("time", duration(result.seconds)),
        ]
    )
