"""Fine-tuning of a run whose recipe has several tasks."""

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from featlearn_cli.options import Training

if TYPE_CHECKING:
    from rich.console import RenderableType

    from featlearn.workflows.tasks import TasksResult


def has_tasks(run: Path) -> bool:
    """Tell whether a run's recipe has several tasks; what is no run is for others to refuse."""
    from featlearn.config.load import load_recipe
    from featlearn.errors import FeatlearnError

    try:
        return bool(load_recipe(run).tasks)
    except (FeatlearnError, OSError):
        return False


def train_tasks(
    run: Path,
    *,
    alone: str | None,
    label_seed: int | None,
    freeze: int | None,
    refused: dict[str, bool],
    options: Training,
) -> None:
    """Train them together, or one of them alone.

    Args:
        run: The run.
        alone: Which one alone.
        label_seed: Seed of the draws of labels.
        freeze: Stages to leave as they are.
        refused: Options that belong to a single head, and whether they were given.
        options: Shared options.
    """
    wrong = next((name for name, given in refused.items() if given), None)
    if wrong is not None:
        raise click.UsageError(
            f"{wrong} is for a recipe with one head, and this one has [[tasks]]; set what a task "
            "needs by --set, as in --set tasks.0.labels=100"
        )
    from featlearn.workflows.tasks import finetune_tasks

    result = finetune_tasks(
        run,
        root=options.root,
        alone=alone,
        label_seed=label_seed or 0,
        freeze=freeze,
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
    first = result.heads[0].head
    options.next_step(f"`featlearn evaluate {run} --head {first}`, then `featlearn report {run}`")


def _summary(result: "TasksResult") -> "Iterable[RenderableType]":
    from featlearn.wording import duration, percent
    from featlearn_cli.text import facts, table

    yield facts([("run", result.run), ("trained", result.name), ("time", duration(result.seconds))])
    yield ""
    rows = [
        (
            head.head,
            head.kind,
            head.labelled,
            f"{weight:.3g}",
            None if head.train_error is None else percent(head.train_error),
        )
        for head, weight in zip(result.heads, result.weights.values(), strict=True)
    ]
    yield table(["head", "kind", "labels", "weight", "error on them"], rows)
