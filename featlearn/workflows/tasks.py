"""`finetune` of a recipe with tasks: several heads learn together on one stack."""

from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Unpack

import msgspec
import torch

from featlearn.config.changes import Overrides, override_texts
from featlearn.config.load import dump_recipe
from featlearn.config.recipe import Recipe
from featlearn.datasets.held_out import split_training
from featlearn.datasets.source import open_splits
from featlearn.errors import UsageError
from featlearn.heads.tasks import MultiTask, TaskData, start_tasks
from featlearn.networks.formats import FORMAT, read_figures
from featlearn.networks.store import load_stack
from featlearn.training.locks import writing_in
from featlearn.training.pictures import Pictures
from featlearn.training.rundir import HeadFolder, RunDirectory, TasksFolder
from featlearn.training.settling import fitting_sample
from featlearn.workflows.head_plan import (
    Options,
    check_same_images,
    head_settings,
    plan_head,
    resume_command,
)
from featlearn.workflows.head_results import FinetuneResult
from featlearn.workflows.making import tell_what_is_made
from featlearn.workflows.run_options import RunOptions
from featlearn.workflows.running import Training, reading_run
from featlearn.workflows.task_data import TaskImages, open_tasks, task_recipe
from featlearn.workflows.task_heads import (
    check_heads,
    check_places,
    claim_heads,
    plan_heads,
    write_task_head,
)

TOGETHER = "together"
"""Name of the training of all tasks; a task alone has its own name with `-alone`."""


class TasksResult(msgspec.Struct, frozen=True, kw_only=True):
    """What learning several tasks came to.

    Attributes:
        run: The run.
        name: Of the training, in `RUN/tasks`.
        heads: What each head came to, in the order of the tasks; each is kept in `RUN/heads`.
        weights: What the loss of each task was multiplied by at the end.
        seconds: How long it took.
    """

    format: int = FORMAT
    command: str = "finetune"
    run: str
    name: str
    heads: list[FinetuneResult]
    weights: dict[str, float]
    seconds: float


def finetune_tasks(
    path: Path | str,
    *,
    alone: str | None = None,
    label_seed: int = 0,
    freeze: int | None = None,
    seed: int | None = None,
    overrides: Overrides = (),
    **how: Unpack[RunOptions],
) -> TasksResult:
    """Train the heads of a run's tasks together, each in `RUN/heads/TASK` in the end.

    Args:
        path: The run, of a recipe with tasks; its own files are not changed.
        alone: Train this task by itself instead, as `TASK-alone`: its single-task control.
        label_seed: Seed of the draws of labels.
        freeze: Stages to leave as they are; the recipe's if absent.
        seed: Seed of weights, order and noise; the recipe's if absent.
        overrides: Values of `finetune` and `tasks` by key, or `KEY=VALUE` texts.
        **how: `root` of the data sets, `device`, `threads`, `progress`, `resume`, `overwrite`,
            `save_seconds` and `track`: see `RunOptions` in `featlearn.workflows.run_options`.

    Raises:
        FeatlearnError: If the run, the data or the options stand in the way.
        Interrupted: If a signal asked for a stop, after a checkpoint.
    """
    overrides = override_texts(overrides)
    running = Training.prepare(**how)
    with reading_run(path) as run, ExitStack() as locks:
        recipe, options = plan_head(
            run,
            overrides,
            labels=None,
            label_seed=label_seed,
            freeze=freeze,
            from_scratch=False,
            seed=seed,
        )
        whole, recipe = recipe, _only(recipe, alone)
        words = [*options.words(), "--label-seed", str(options.label_seed)]
        words += [] if alone is None else ["--alone", alone]
        command = resume_command(run.path, None, words, overrides)
        folder = run.tasks(TOGETHER if alone is None else f"{alone}-alone")
        suffix = "" if alone is None else "-alone"
        heads = [run.head(task.name + suffix) for task in recipe.tasks]
        for each in (folder, *heads):
            locks.enter_context(writing_in(each.path))
        return _finetune(run, folder, heads, recipe, options, running, whole=whole, command=command)


def _only(recipe: Recipe, alone: str | None) -> Recipe:
    """Keep all tasks, or one."""
    if not recipe.tasks:
        raise UsageError("the run's recipe has no [[tasks]]; `finetune` trains its one head")
    names = [task.name for task in recipe.tasks]
    if alone is None:
        return recipe
    if alone not in names:
        raise UsageError(f"there is no task {alone!r}; the recipe has {', '.join(names)}")
    kept = tuple(task for task in recipe.tasks if task.name == alone)
    return msgspec.structs.replace(recipe, tasks=kept)


def _sample(recipe: Recipe, tasks: Sequence[TaskImages], running: Training) -> Pictures:
    """Draw what features are scaled by from what the run learned from, whatever the tasks are.

    So the head of a task begins alike alone and in company.
    """
    own = recipe.data.source
    train = next(
        (task.splits.train for task in tasks if task_recipe(recipe, task.spec).data.source == own),
        None,
    )
    if train is None:
        train = open_splits(recipe.data, root=running.root, seed=recipe.seed).train
    return fitting_sample(recipe, Pictures(split_training(recipe, train)[0], running.device))


def _finetune(
    run: RunDirectory,
    folder: TasksFolder,
    folders: Sequence[HeadFolder],
    recipe: Recipe,
    options: Options,
    running: Training,
    *,
    whole: Recipe,
    command: Sequence[str],
) -> TasksResult:
    """Train in folders, its own and those of the heads, that no other training writes into."""
    check_places(folder, folders, running)
    stack = load_stack(run.path).stack.to(running.device)
    told = {task_recipe(recipe, task).data.source for task in recipe.tasks} | {recipe.data.source}
    tell_what_is_made(sorted(told), running.progress)
    tasks = open_tasks(
        recipe,
        root=running.root,
        shape=stack.input_shape,
        label_seed=options.label_seed,
        whole=whole,
    )
    identity = running.identity(_settings(run, recipe, options, tasks))
    if not running.ready(folder, identity):
        return read_figures(folder.results_file, TasksResult)
    heads = plan_heads(run, folders, tasks, options, running, folder=folder, training=identity)
    check_heads(heads, running, folder=folder)
    sample = _sample(recipe, tasks, running)
    data = [task_data(task, running.device) for task in tasks]
    module, loop = start_tasks(stack, recipe, data, sample=sample, seed=options.seed)
    with running.driving(
        folder, identity, dump_recipe(recipe), stack=stack, command=command
    ) as driver:
        claim_heads(heads)
        running.take(loop, module, driver)
    seconds = running.whole_seconds(driver.standing.results)
    result = TasksResult(
        run=str(run.path),
        name=folder.path.name,
        heads=[
            write_task_head(
                head,
                module.classifiers[head.task.spec.name],
                options,
                running,
                epochs=loop.state.epoch,
                seconds=seconds,
            )
            for head in heads
        ],
        weights=_weights(module, recipe),
        seconds=seconds,
    )
    driver.finish(msgspec.to_builtins(result))
    return result


def _settings(
    run: RunDirectory, recipe: Recipe, options: Options, tasks: Sequence[TaskImages]
) -> dict[str, Any]:
    """Name everything that decides the heads, the images too, which must be those of the run."""
    for task in tasks:
        if task.recipe.data == recipe.data:
            check_same_images(run, recipe, task.splits)
    images = {task.spec.name: task.splits.fingerprints() for task in tasks}
    return {**head_settings(run, recipe, options), "images": images}


def task_data(task: TaskImages, device: torch.device) -> TaskData:
    """Put the images of a task on the way to a device."""
    validation = None if task.validation is None else Pictures(task.validation, device)
    return TaskData(task.spec, Pictures(task.train, device), validation)


def _weights(module: MultiTask, recipe: Recipe) -> dict[str, float]:
    """Say what the losses were multiplied by in the end, a squared error's half left out."""
    learned = torch.exp(-module.log_variances.detach()).tolist()
    fixed = recipe.finetune.weighting == "fixed"
    return {
        task.name: task.weight if fixed else weight
        for task, weight in zip(recipe.tasks, learned, strict=True)
    }
