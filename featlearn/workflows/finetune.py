"""`finetune`: train a classifier on top of a pre-trained stack."""

from collections.abc import Sequence
from pathlib import Path
from typing import Unpack

import msgspec
import torch

from featlearn.config.changes import Overrides, override_texts
from featlearn.config.load import dump_recipe
from featlearn.config.overrides import says
from featlearn.config.recipe import Recipe
from featlearn.datasets.labels import whole_labels
from featlearn.heads.finetuning import Finetuning, start_finetuning, untrained_stack
from featlearn.networks.store import load_stack
from featlearn.seeds import derive
from featlearn.training.loop import Loop
from featlearn.training.pictures import Pictures
from featlearn.training.progress import Progress
from featlearn.training.rundir import DEFAULT_HEAD, HeadFolder, RunDirectory
from featlearn.training.settling import fitting_sample
from featlearn.wording import plural
from featlearn.workflows.head_plan import (
    Options,
    check_same_images,
    head_place,
    head_settings,
    plan_head,
)
from featlearn.workflows.head_results import FinetuneResult, read_head_result
from featlearn.workflows.head_writing import LabelsUsed, keep_head
from featlearn.workflows.labelled import Labelled, draw_labelled
from featlearn.workflows.run_options import RunOptions
from featlearn.workflows.running import Training, reading_run


def finetune(
    path: Path | str,
    *,
    name: str | None = None,
    labels: int | None = None,
    label_seed: int = 0,
    freeze: int | None = None,
    from_scratch: bool = False,
    seed: int | None = None,
    overrides: Overrides = (),
    **how: Unpack[RunOptions],
) -> FinetuneResult:
    """Train a head of a run, in `RUN/heads/NAME`.

    Args:
        path: The run; its own files are not changed.
        name: Name of the head; `default`, or `scratch` for a control.
        labels: How many labels to use, class-balanced; all if absent.
        label_seed: Seed of the draw of labels.
        freeze: Stages to leave as they are; the recipe's if absent.
        from_scratch: Start from random weights (the paired control); its stages take the full
            learning rate, unless the overrides say another `stack_lr`.
        seed: Seed of weights, order and noise; the recipe's if absent.
        overrides: Values by key, as `{"finetune.freeze": 1}`, or `finetune.KEY=VALUE` texts.
        **how: `root` of the data sets, `device`, `threads`, `progress`, `resume`, `overwrite`,
            `save_seconds` and `track`: see `RunOptions` in `featlearn.workflows.run_options`.

    Raises:
        FeatlearnError: If the run, the data or the options stand in the way.
        Interrupted: If a signal asked for a stop, after a checkpoint.
    """
    labels, overrides = whole_labels(labels), override_texts(overrides)
    running = Training.prepare(**how)
    with reading_run(path) as run:
        recipe, options = plan_head(
            run,
            overrides,
            labels=labels,
            label_seed=label_seed,
            freeze=freeze,
            from_scratch=from_scratch,
            seed=seed,
        )
        usual = "scratch" if from_scratch else DEFAULT_HEAD
        chosen = usual if name is None else name
        with head_place(run, chosen, options.words(), overrides) as (folder, command):
            return _finetune(
                run, folder, recipe, options, running, command=command, overrides=overrides
            )


def _finetune(
    run: RunDirectory,
    folder: HeadFolder,
    recipe: Recipe,
    options: Options,
    running: Training,
    *,
    command: Sequence[str],
    overrides: Sequence[str],
) -> FinetuneResult:
    """Train a head in a folder that no other training writes into."""
    identity = running.identity(head_settings(run, recipe, options))
    if not running.ready(folder, identity):
        return read_head_result(folder)
    data = draw_labelled(
        recipe, labels=options.labels, label_seed=options.label_seed, root=running.root
    )
    check_same_images(run, recipe, data.splits)
    identity = running.with_data(folder, identity, data.splits, unlabelled=data.others)
    work = start_head(run, recipe, options, data, running.device)
    _note_length(work.loop, recipe, overrides, running.progress)
    classifier = work.classifier
    with running.driving(
        folder, identity, dump_recipe(recipe), stack=classifier.stack, command=command
    ) as driver:
        running.take(work.loop, classifier, driver)
        driver.show(Pictures(data.train, running.device))
    result = keep_head(
        folder,
        classifier,
        recipe,
        options,
        _used(data, options),
        running=running,
        epochs=work.loop.state.epoch,
        seconds=running.whole_seconds(driver.standing.results),
    )
    semi = recipe.finetune.semi
    if semi is not None:
        kind = str(semi.__struct_config__.tag)
        result = msgspec.structs.replace(result, semi=kind, unlabelled=len(data.semi))
    driver.finish(msgspec.to_builtins(result))
    return result


def start_head(
    run: RunDirectory, recipe: Recipe, options: Options, data: Labelled, device: torch.device
) -> Finetuning:
    """Build the head, on the run's stack or on a random one, and set up its training."""
    stack = load_stack(run.path).stack.to(device)
    sample = fitting_sample(recipe, Pictures(data.unlabelled, device))
    if options.from_scratch:
        seed = derive(options.seed, "scratch")
        stack = untrained_stack(recipe, stack, sample, seed=seed)
    validation = None if data.validation is None else Pictures(data.validation, device)
    return start_finetuning(
        stack,
        recipe.finetune,
        Pictures(data.train, device),
        sample=sample,
        unlabelled=Pictures(data.semi, device),
        validation=validation,
        seed=options.seed,
    )


def _note_length(loop: Loop, recipe: Recipe, overrides: Sequence[str], told: Progress) -> None:
    """Say so where epochs, or their steps, were asked for here and the other makes them more."""
    epochs, steps = recipe.finetune.epochs, recipe.finetune.steps
    if says(overrides, "finetune.epochs") and loop.epochs > epochs:
        told.note(
            f"finetune.epochs={epochs} becomes {plural(loop.epochs, 'epoch')}, as finetune.steps "
            f"asks for at least {plural(steps, 'step')}; to have fewer, add "
            "--set finetune.steps=0"
        )
    elif says(overrides, "finetune.steps") and steps > 0 and loop.epochs == epochs:
        least = epochs * loop.steps_per_epoch
        if least > steps:
            told.note(
                f"finetune.steps={steps} is the least, and {plural(epochs, 'epoch')} make "
                f"{plural(least, 'step')}; to have fewer, add --set finetune.epochs=N"
            )


def _used(data: Labelled, options: Options) -> LabelsUsed:
    """Say which labels were drawn; where all are used, their places go without saying."""
    drawn = options.labels is not None
    return LabelsUsed(
        train=data.train,
        splits=data.splits,
        asked=options.labels,
        validation=len(data.validation_indices),
        indices=data.indices if drawn else None,
        validation_indices=data.validation_indices if drawn else None,
    )
