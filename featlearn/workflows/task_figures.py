"""What heads of several tasks come to, each beside the net that learned its task alone."""

from pathlib import Path

import msgspec

from featlearn.config.load import load_recipe
from featlearn.report.evaluations import (
    AnyEvaluation,
    EvaluationRecord,
    LabelsRecord,
    NumbersRecord,
    read_evaluation,
)
from featlearn.training.rundir import RunDirectory

ALONE = "-alone"
"""What the name of a head that learned a task by itself ends with."""


class TaskFigures(msgspec.Struct, frozen=True, kw_only=True):
    """The figures of a task on its test images, as far as `evaluate` has kept them.

    Attributes:
        task: Its name, and that of the head that learned it with the others.
        measure: `error`, of a classification, `R²` of a regression, `mAP` of a multi-label head.
        together: Of that head; `None` where it was not judged.
        alone: Of the head that learned the task by itself; `None` where it was not judged, or
            not on the same images in the same way.
    """

    task: str
    measure: str
    together: float | None
    alone: float | None


def task_figures(path: Path | str) -> list[TaskFigures]:
    """Set the figures of a run's tasks beside those of its single-task heads.

    Args:
        path: The run.

    Returns:
        One for each task, in the recipe's order; none where the run has no tasks.

    Raises:
        CheckpointError: If figures that were kept are damaged.
    """
    run = RunDirectory(Path(path))
    return [_of_task(run, task.name) for task in load_recipe(run.recipe_file).tasks]


def _of_task(run: RunDirectory, task: str) -> TaskFigures:
    """Look up what was kept of a task."""
    together, alone = (_kept(run, name) for name in (task, f"{task}{ALONE}"))
    if together is not None and alone is not None and _judged(together) != _judged(alone):
        alone = None
    measure = _figure(together or alone)[0]
    return TaskFigures(
        task=task, measure=measure, together=_figure(together)[1], alone=_figure(alone)[1]
    )


def _kept(run: RunDirectory, head: str) -> AnyEvaluation | None:
    """Read what `evaluate` kept of a head, if it did."""
    folder = run.head(head)
    return read_evaluation(folder) if folder.evaluation_file.exists() else None


def _judged(record: AnyEvaluation) -> tuple[type[AnyEvaluation], str, str, int, int]:
    """Say on what and how a head was judged."""
    return type(record), record.source, record.split, record.images, record.tta


def _figure(record: AnyEvaluation | None) -> tuple[str, float | None]:
    """Give the one figure that sums a head up, and what it is called."""
    match record:
        case None:
            return "", None
        case EvaluationRecord():
            return "error", record.error
        case NumbersRecord():
            return "R²", record.r2
        case LabelsRecord():
            return "mAP", record.map
