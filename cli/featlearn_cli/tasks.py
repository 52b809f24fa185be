"""Fine-tuning of a run whose recipe has several tasks."""

from collections.abc import Iterable, Sequence
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
    label_seed: int,
    freeze: int | None,
    refused: Sequence[str],
    options: Training,
) -> None:
    """Train them together, or one of them alone.

    Args:
        run: The run.
        alone: Which one alone.
        label_seed: Seed of the draws of labels.
        freeze: Stages to leave as they are.
        refused: Options that were given and belong to a single head.
        options: Shared options.
    """
    if refused:
        raise click.UsageError(
            f"{refused[0]} is for a recipe with one head, and this one has [[tasks]]; set what a "
            "task needs by --set, as in --set tasks.0.labels=100"
        )
    from featlearn.workflows.tasks import finetune_tasks

    result = finetune_tasks(
        run,
        alone=alone,
        label_seed=label_seed,
        freeze=freeze,
        seed=options.seed,
        overrides=options.sets,
        **options.training(),
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
