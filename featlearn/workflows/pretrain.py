"""`pretrain`: learn a stack of stages from images without labels."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Unpack

import msgspec
import numpy as np

from featlearn.autoencoders.objective import Objective
from featlearn.config.load import as_recipe, dump_recipe
from featlearn.config.recipe import Recipe
from featlearn.config.tables import as_tables
from featlearn.datasets.entries import told_shape
from featlearn.datasets.held_out import split_training
from featlearn.datasets.imageset import ImageSet, Splits
from featlearn.datasets.source import open_splits
from featlearn.errors import DataError, UsageError
from featlearn.evaluate.health import StageHealth
from featlearn.files import checksums, sha256
from featlearn.geometry import MapShape
from featlearn.networks.formats import FORMAT, read_figures
from featlearn.networks.loading import check_stages
from featlearn.networks.stack import parameter_count
from featlearn.networks.store import save_stack
from featlearn.training.driver import PhaseResult
from featlearn.training.identity import Environment
from featlearn.training.locks import writing_in
from featlearn.training.pictures import Pictures
from featlearn.training.pretraining import Pretraining
from featlearn.training.progress import Progress
from featlearn.training.rundir import RunDirectory
from featlearn.wording import count, images_or_patches, plural
from featlearn.workflows.cards import write_run_card
from featlearn.workflows.examining import Examination, warn_of_faults
from featlearn.workflows.making import tell_what_is_made
from featlearn.workflows.memory import check_memory
from featlearn.workflows.run_options import RunOptions
from featlearn.workflows.running import Training

_FEW_STEPS = 50
_ADDRESS = re.compile(r" at 0x[0-9a-fA-F]+")


class TrainedOn(msgspec.Struct, frozen=True):
    """Which images a run learned from.

    Attributes:
        source: The recipe's source.
        train: Images learned from, or patches of them.
        held_out: Training images that were only measured.
        fingerprints: Of all training images under `train`, and of the test split, if
            there is one, under `test`.
        pictures: How many pictures the patches are cut out of; `None` for whole images.
    """

    source: str
    train: int
    held_out: int
    fingerprints: dict[str, str] = {}
    pictures: int | None = None


class PretrainResult(msgspec.Struct, frozen=True, kw_only=True):
    """What pre-training came to, as `results.json` holds it.

    `own_objectives` names the objectives of the caller's own, by their stage; `health` has the
    figures of every stage that learned, on images that were held out or else learned from.
    """

    format: int = FORMAT
    command: str = "pretrain"
    run: str
    title: str
    seconds: float
    parameters: int
    phases: list[PhaseResult]
    input_shape: MapShape
    data: TrainedOn
    environment: Environment
    files: dict[str, str]
    own_objectives: dict[str, str] = {}
    health: list[StageHealth] = []


def pretrain(
    recipe: Recipe | str | Path,
    *,
    out: Path | str,
    objectives: Mapping[str, Objective] | None = None,
    weights: Path | str | None = None,
    **how: Unpack[RunOptions],
) -> PretrainResult:
    """Train the stages of a recipe and write a run directory.

    Args:
        recipe: Everything about the run, the seed too; or its name or path.
        out: The run directory to make.
        objectives: Objectives of your own by the name of their stage, instead of the
            recipe's. A run is resumed with equal ones: those that write themselves alike,
            as a dataclass does with its numbers.
        weights: A safetensors file to begin with: weights of the recipe's network, in
            torchvision's or timm's names, or as `load_network(…).state_dict()` and a run of the
            same network write them. Stages without an objective keep them.
        **how: `root` of the data sets, `device`, `threads`, `progress`, `resume`, `overwrite`,
            `save_seconds` and `track`: see `RunOptions` in `featlearn.workflows.run_options`.

    Returns:
        What `results.json` holds.

    Raises:
        FeatlearnError: If the recipe, the data or the folder stand in the way.
        Interrupted: If a signal asked for a stop, after a checkpoint.
    """
    recipe = as_recipe(recipe)
    running = Training.prepare(**how)
    run = RunDirectory(out)
    with writing_in(run.path):
        begin = None if weights is None else Path(weights)
        return _pretrain(recipe, run, running, own=objectives or {}, weights=begin)


def _pretrain(
    recipe: Recipe,
    run: RunDirectory,
    running: Training,
    *,
    own: Mapping[str, Objective],
    weights: Path | None,
) -> PretrainResult:
    """Train in a folder that no other training writes into."""
    named = {stage: _written(objective) for stage, objective in own.items()}
    begun = {} if weights is None else {"weights": _sum_of(weights)}
    identity = running.identity({**_settings_with(recipe, named), **begun})
    if not running.ready(run, identity):
        return read_result(run)
    splits = _images(recipe, running, own, weights)
    identity = running.with_data(run, identity, splits)
    learned, kept = split_training(recipe, splits.train)
    _check_contrast(learned)
    training = Pretraining(
        recipe,
        Pictures(learned, running.device),
        held_out=Pictures(kept, running.device) if len(kept) else None,
        objectives=own,
        weights=weights,
    )
    words = [] if weights is None else ["--weights", str(weights.absolute())]
    again = None if own else [*run.resume_words, *words]
    with running.driving(
        run, identity, dump_recipe(recipe), stack=training.stack, command=again
    ) as driver:
        examination = Examination(training)
        driver.examine = examination if training.objectives else None
        training.run(driver, running.begun_at(driver))
        health = examination.result()
        driver.show(Pictures(learned, running.device))
    save_stack(run.model_file, training.stack, recipe, title=recipe.title)
    data = _trained_on(recipe, len(learned), len(kept), splits)
    material = images_or_patches(data.train, pictures=data.pictures)
    write_run_card(run, recipe, training.stack, material, own=named)
    _warn_of_few_steps(driver.standing.results, recipe, running.progress)
    warn_of_faults(recipe, health, running.progress)
    _note_what_learned(recipe, running.progress, named, weights)
    result = _result(run, running, training, driver.standing.results, data)
    result = msgspec.structs.replace(result, own_objectives=named, health=health)
    driver.finish(msgspec.to_builtins(result))
    return result


def _images(
    recipe: Recipe, running: Training, own: Mapping[str, Objective], weights: Path | None
) -> Splits:
    """Read the images, if weights fit and there is enough memory to learn from them."""
    device, told = running.device, running.progress
    shape = told_shape(recipe.data)
    if weights is not None:
        check_stages(recipe, weights, shape)
    if shape is not None:  # before images are read, which may take a while
        check_memory(recipe, shape, device, told, own=own)
    tell_what_is_made([recipe.data.source], told)
    splits = open_splits(recipe.data, root=running.root, seed=recipe.seed)
    if shape is None:
        train = splits.train
        check_memory(recipe, train.shape, device, told, own=own, images=len(train))
    return splits


def _sum_of(weights: Path) -> str:
    """Give the checksum of a file of weights, which a resumed run must have begun with, too.

    Raises:
        UsageError: If there is none.
    """
    if not weights.is_file():
        raise UsageError(f"there is no file of weights {weights}")
    return sha256(weights)


def _trained_on(recipe: Recipe, train: int, held_out: int, splits: Splits) -> TrainedOn:
    """Say which images a run learned from, and how many pictures they are cut out of."""
    data = recipe.data
    pictures = None if data.crops is None else train // data.crops
    return TrainedOn(data.source, train, held_out, splits.fingerprints(), pictures)


def _check_contrast(images: ImageSet) -> None:
    """Refuse images of which each is the same everywhere.

    Raises:
        DataError: If all are.
    """
    flat = images.images.reshape(len(images), -1)
    if all(
        bool((rows == rows[:, :1]).all()) for rows in np.array_split(flat, len(flat) // 256 + 1)
    ):
        raise DataError(
            f"all {count(len(images))} images of {images.name} are constant, each of one value "
            "everywhere: there is nothing to learn from them"
        )


def _warn_of_few_steps(results: Sequence[PhaseResult], recipe: Recipe, told: Progress) -> None:
    """Say so where training was over before it had properly begun."""
    for phase in results:
        if 0 < phase.steps < _FEW_STEPS:
            told.note(
                f"{phase.name} learned for {plural(phase.steps, 'step')} only, and is hardly more "
                f"than its random start: raise pretrain.epochs (now {recipe.pretrain.epochs}), "
                f"or lower pretrain.batch (now {recipe.pretrain.batch})"
            )


def _note_what_learned(
    recipe: Recipe, told: Progress, own: Mapping[str, str], weights: Path | None
) -> None:
    """Say so where no stage learned anything without labels."""
    if own or any(stage.objective is not None for stage in recipe.stages):
        return
    what = "their random weights" if weights is None else f"the weights of {weights.name}"
    told.note(
        f"no stage has an `objective`, so there was nothing to learn without labels: the run holds "
        f"stages with {what}, for `featlearn finetune`"
    )


def _result(
    run: RunDirectory,
    running: Training,
    training: Pretraining,
    phases: list[PhaseResult],
    data: TrainedOn,
) -> PretrainResult:
    """Sum up a run that is trained and written."""
    return PretrainResult(
        run=str(run.path),
        title=training.recipe.title,
        seconds=running.whole_seconds(phases),
        parameters=parameter_count(training.stack),
        phases=phases,
        input_shape=training.stack.input_shape,
        data=data,
        environment=running.environment,
        files=checksums(run.model_file, run.recipe_file),
    )


def settings(recipe: Recipe) -> dict[str, Any]:
    """Give the parts of a recipe that decide what is learned, as nested tables."""
    parts = as_tables(recipe)
    said = ("title", "shows", "expect", "minutes", "finetune", "tasks")
    return {key: value for key, value in parts.items() if key not in said}


def _settings_with(recipe: Recipe, own: dict[str, str]) -> dict[str, Any]:
    """Name the whole recipe, which the model's file holds, and the caller's own objectives."""
    return {**as_tables(recipe), **({"objectives": own} if own else {})}


def _written(objective: Objective) -> str:
    """Write an objective as it writes itself, without addresses, or else name its class."""
    kind = type(objective)
    plain = kind.__repr__ is object.__repr__
    return kind.__qualname__ if plain else _ADDRESS.sub("", repr(objective))


def read_result(run: RunDirectory) -> PretrainResult:
    """Read what a finished run came to.

    Raises:
        CheckpointError: If `results.json` is not what `pretrain` writes.
    """
    return read_figures(run.results_file, PretrainResult)
