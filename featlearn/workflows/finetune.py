"""`finetune`: train a classifier on top of a pre-trained stack."""

from collections.abc import Sequence
from pathlib import Path

import msgspec
import torch

from featlearn.config.changes import Overrides, override_texts
from featlearn.config.load import dump_recipe
from featlearn.config.overrides import says
from featlearn.config.recipe import Recipe
from featlearn.datasets.labels import whole_labels
from featlearn.files import sha256, write_json
from featlearn.heads.classifier import Classifier
from featlearn.heads.finetuning import Finetuning, start_finetuning, untrained_stack
from featlearn.heads.labels import output_names
from featlearn.heads.losses import build_head_loss
from featlearn.heads.problem import logits_of
from featlearn.heads.store import save_classifier
from featlearn.networks.formats import FORMAT
from featlearn.networks.store import load_stack, load_state
from featlearn.seeds import derive, whole_seed
from featlearn.training.driver import Driver, PhaseResult
from featlearn.training.locks import reading_from, writing_in
from featlearn.training.pictures import Pictures
from featlearn.training.progress import Progress
from featlearn.training.rundir import DEFAULT_HEAD, HeadFolder, RunDirectory
from featlearn.training.settling import fitting_sample
from featlearn.wording import plural
from featlearn.workflows.head_plan import (
    Options,
    check_same_images,
    chosen_seed,
    control_recipe,
    head_recipe,
    head_settings,
    resume_command,
)
from featlearn.workflows.head_results import FinetuneResult, head_kind, read_head_result
from featlearn.workflows.labelled import Labelled, draw_labelled
from featlearn.workflows.running import SAVE_SECONDS, Running


def finetune(
    path: Path | str,
    *,
    root: Path | None = None,
    name: str | None = None,
    labels: int | None = None,
    label_seed: int = 0,
    freeze: int | None = None,
    from_scratch: bool = False,
    seed: int | None = None,
    overrides: Overrides = (),
    resume: bool = False,
    overwrite: bool = False,
    device: str = "auto",
    threads: int | None = None,
    progress: Progress | None = None,
    save_seconds: float = SAVE_SECONDS,
    track: bool = False,
) -> FinetuneResult:
    """Train a head of a run, in `RUN/heads/NAME`.

    Args:
        path: The run; its own files are not changed.
        root: Where data sets are; `$FEATLEARN_DATA` or the user's cache if absent.
        name: Name of the head; `default`, or `scratch` for a control.
        labels: How many labels to use, class-balanced; all if absent.
        label_seed: Seed of the draw of labels.
        freeze: Stages to leave as they are; the recipe's if absent.
        from_scratch: Start from random weights (the paired control); its stages take the full
            learning rate, unless the overrides say another `stack_lr`.
        seed: Seed of weights, order and noise; the recipe's if absent.
        overrides: Values by key, as `{"finetune.freeze": 1}`, or `finetune.KEY=VALUE` texts.
        resume: Go on from the newest checkpoint that verifies.
        overwrite: Replace a head that is there.
        device: `auto`, `cpu` or `cuda`.
        threads: Threads of CPU operations; PyTorch's own choice if absent.
        progress: Told of every step.
        save_seconds: Time between checkpoints, in seconds.
        track: Write TensorBoard's files too (needs the extra `track`).

    Raises:
        FeatlearnError: If the run, the data or the options stand in the way.
        Interrupted: If a signal asked for a stop, after a checkpoint.
    """
    labels, overrides = whole_labels(labels), override_texts(overrides)
    running = Running.prepare(
        device=device,
        threads=threads,
        root=root,
        progress=progress,
        resume=resume,
        overwrite=overwrite,
        save_seconds=save_seconds,
        track=track,
    )
    with reading_from(Path(path)):
        run = RunDirectory.open(path)
        recipe = head_recipe(run, overrides, freeze=freeze)
        if from_scratch:
            recipe = control_recipe(recipe, overrides)
        options = Options(
            labels=labels,
            label_seed=whole_seed(label_seed, name="label_seed"),
            freeze=recipe.finetune.freeze,
            from_scratch=from_scratch,
            seed=chosen_seed(recipe, seed),
        )
        usual = "scratch" if from_scratch else DEFAULT_HEAD
        folder = run.head(usual if name is None else name)
        command = resume_command(run.path, folder.path.name, options.words(), overrides)
        with writing_in(folder.path):
            return _finetune(
                run,
                folder,
                recipe,
                options,
                running,
                root=root,
                command=command,
                overrides=overrides,
            )


def _finetune(
    run: RunDirectory,
    folder: HeadFolder,
    recipe: Recipe,
    options: Options,
    running: Running,
    *,
    root: Path | None,
    command: Sequence[str],
    overrides: Sequence[str],
) -> FinetuneResult:
    """Train a head in a folder that no other training writes into."""
    identity = running.identity(head_settings(run, recipe, options))
    if not running.ready(folder, identity):
        return read_head_result(folder)
    data = draw_labelled(recipe, labels=options.labels, label_seed=options.label_seed, root=root)
    check_same_images(run, recipe, data.splits)
    identity = running.with_data(folder, identity, data.splits, unlabelled=data.others)
    work = start_head(run, recipe, options, data, running.device)
    _note_more_epochs(work.loop.epochs, recipe, overrides, running.progress)
    folder.begin(dump_recipe(recipe), identity, resume=running.resume)
    with running.driving(folder, identity, stack=work.classifier.stack, command=command) as driver:
        _train(work, driver, resume=running.resume)
        driver.show(Pictures(data.train, running.device))
    _write_head(folder, work.classifier, recipe, options, data)
    result = _result(folder, running, work, driver.standing.results, options, recipe, data)
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


def _note_more_epochs(
    epochs: int, recipe: Recipe, overrides: Sequence[str], told: Progress
) -> None:
    """Say so where the least number of steps makes more epochs than were asked for here."""
    asked = recipe.finetune.epochs
    if says(overrides, "finetune.epochs") and epochs > asked:
        told.note(
            f"finetune.epochs={asked} becomes {plural(epochs, 'epoch')}, as finetune.steps asks "
            f"for at least {plural(recipe.finetune.steps, 'step')}; to have fewer, add "
            "--set finetune.steps=0"
        )


def _train(work: Finetuning, driver: Driver, *, resume: bool) -> None:
    """Take the loop to its end, from the newest checkpoint if asked."""
    checkpoint = driver.resume() if resume else None
    if checkpoint is not None:
        load_state(driver.folder.checkpoints, work.classifier, checkpoint.model)
        if driver.standing.loop is not None:
            work.loop.restore(checkpoint.training, driver.standing.loop)
    driver.run(work.loop, work.classifier)


def _write_head(
    folder: HeadFolder, classifier: Classifier, recipe: Recipe, options: Options, data: Labelled
) -> None:
    """Write the model and which labels it learned from."""
    classes = output_names(recipe.finetune.head, data.train)
    save_classifier(
        folder.model_file, classifier, recipe, classes, options=msgspec.to_builtins(options)
    )
    drawn = options.labels is not None
    labels = {
        "format": FORMAT,
        "kind": head_kind(recipe.finetune.head),
        "classes": list(classes),
        "labels": options.labels if drawn else "all",
        "label_seed": options.label_seed,
        "indices": data.indices if drawn else None,
        "validation": data.validation_indices if drawn else None,
    }
    write_json(folder.labels_file, labels)


def _result(
    folder: HeadFolder,
    running: Running,
    work: Finetuning,
    phases: Sequence[PhaseResult],
    options: Options,
    recipe: Recipe,
    data: Labelled,
) -> FinetuneResult:
    """Sum up a head that is trained and written."""
    train = Pictures(data.train, running.device)
    loss = build_head_loss(recipe.finetune.head, work.classifier, train)
    figures = loss.measured(logits_of(work.classifier, train), loss.aims(train))
    semi = recipe.finetune.semi
    return FinetuneResult(
        run=str(folder.run),
        head=folder.path.name,
        labels="all" if options.labels is None else options.labels,
        label_seed=options.label_seed,
        labelled=len(data.train),
        validation=len(data.validation_indices),
        freeze=options.freeze,
        from_scratch=options.from_scratch,
        seed=options.seed,
        epochs=work.loop.state.epoch,
        seconds=running.whole_seconds(phases),
        kind=head_kind(recipe.finetune.head),
        semi=None if semi is None else str(semi.__struct_config__.tag),
        unlabelled=None if semi is None else len(data.semi),
        train_error=figures.get("error"),
        train_loss=figures["loss"],
        classes=list(output_names(recipe.finetune.head, data.train)),
        fingerprints=data.splits.fingerprints(),
        environment=running.environment,
        files={
            file.name: sha256(file)
            for file in (folder.model_file, folder.labels_file, folder.recipe_file)
        },
    )
