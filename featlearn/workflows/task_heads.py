"""The heads that a training of several tasks makes, each kept as any head of a run is."""

import hashlib
from collections.abc import Sequence
from typing import NamedTuple

import msgspec

from featlearn.config.load import dump_recipe
from featlearn.errors import CheckpointError
from featlearn.files import canonical_json, write_json
from featlearn.heads.classifier import Classifier
from featlearn.training.identity import Identity, differences
from featlearn.training.rundir import HeadFolder, RunDirectory, TasksFolder
from featlearn.workflows.head_plan import Options, head_settings
from featlearn.workflows.head_results import FinetuneResult
from featlearn.workflows.head_writing import LabelsUsed, keep_head
from featlearn.workflows.running import Running
from featlearn.workflows.task_data import TaskImages


class TaskHead(NamedTuple):
    """The head of one task, to be written when the training of all has ended.

    Attributes:
        task: What it learns.
        folder: Where it is kept.
        identity: What decides it: its own settings, and the training that it is part of.
    """

    task: TaskImages
    folder: HeadFolder
    identity: Identity


def plan_heads(
    run: RunDirectory,
    folders: Sequence[HeadFolder],
    tasks: Sequence[TaskImages],
    options: Options,
    running: Running,
    *,
    folder: TasksFolder,
    training: Identity,
) -> list[TaskHead]:
    """Say which heads a training makes, and name them apart from those of every other one.

    Args:
        run: The run.
        folders: Where the heads are kept, in the order of the tasks.
        tasks: What they learn.
        options: What decides them beside their recipes.
        running: How the training is carried out.
        folder: Of the training.
        training: What it was begun with.
    """
    decided = hashlib.sha256(canonical_json(training.settings).encode()).hexdigest()
    part = {"training": {"name": folder.path.name, "settings": decided}}
    return [
        TaskHead(
            task, place, running.identity({**head_settings(run, task.recipe, options), **part})
        )
        for task, place in zip(tasks, folders, strict=True)
    ]


def check_places(folder: TasksFolder, folders: Sequence[HeadFolder], running: Running) -> None:
    """Refuse, before images are read, to train where that would lose something.

    Args:
        folder: Of the training.
        folders: Of its heads.
        running: How the training is carried out.

    Raises:
        CheckpointError: If a training or a head is there and neither `resume` nor `overwrite` was
            asked for, or there is nothing to resume.
    """
    folder.check(resume=running.resume, overwrite=running.overwrite)
    for place in folders:
        place.check(resume=False, overwrite=running.overwrite or running.resume)


def check_heads(heads: Sequence[TaskHead], running: Running, *, folder: TasksFolder) -> None:
    """Refuse, before anything is trained, to replace a head that is not to be replaced.

    Raises:
        CheckpointError: If a head is there and `overwrite` was not asked for; a training that is
            resumed may replace what it began itself.
    """
    for _, place, identity in heads:
        place.check(resume=False, overwrite=running.overwrite or running.resume)
        if running.overwrite or not place.started:
            continue
        if differences(Identity.load(place.identity_file).settings, identity.settings):
            raise CheckpointError(
                f"{place.path} holds a head that {folder.path} did not make; move it away, or "
                "start anew with --overwrite, which replaces it"
            )


def claim_heads(heads: Sequence[TaskHead]) -> None:
    """Make the folders ready, after `check_heads`, so that they are known as the training's."""
    for task, place, identity in heads:
        place.begin(dump_recipe(task.recipe), identity, resume=False)


def write_task_head(
    head: TaskHead,
    classifier: Classifier,
    options: Options,
    running: Running,
    *,
    epochs: int,
    seconds: float,
) -> FinetuneResult:
    """Write a head with the shared stack into its folder, and sum it up."""
    result = keep_head(
        head.folder,
        classifier,
        head.task.recipe,
        options,
        _used(head.task),
        running=running,
        epochs=epochs,
        seconds=seconds,
    )
    write_json(head.folder.results_file, msgspec.to_builtins(result))
    return result


def _used(task: TaskImages) -> LabelsUsed:
    """Say which labels a head learned from, and which of them were only measured."""
    # Where not all images carry the label of a task, "all" does not say which ones do.
    some = task.spec.labels is not None or len(task.indices) < len(task.splits.train)
    validation = task.validation_indices.tolist()
    return LabelsUsed(
        train=task.train,
        splits=task.splits,
        asked=task.spec.labels,
        validation=len(validation),
        indices=task.indices.tolist() if some else None,
        validation_indices=validation if some or validation else None,
    )
