"""What decides a head of a run: recipe, options, and the images that the run learned from."""

from collections.abc import Generator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec

from featlearn.config.load import load_recipe
from featlearn.config.modalities import MultimodalRecipe
from featlearn.config.overrides import says
from featlearn.config.recipe import Recipe
from featlearn.config.tables import as_tables
from featlearn.datasets.imageset import Splits
from featlearn.errors import CheckpointError, UsageError
from featlearn.files import sha256
from featlearn.seeds import whole_seed
from featlearn.training.locks import writing_in
from featlearn.training.rundir import HeadFolder, RunDirectory
from featlearn.workflows.changes import check_changes
from featlearn.workflows.pretrain import read_result, settings


class Options(msgspec.Struct, frozen=True, kw_only=True):
    """What decides a head beside the recipe.

    Attributes:
        labels: How many labels to use, class-balanced; all if absent.
        label_seed: Seed of the draw of labels, apart from every other seed.
        freeze: Stages to leave as they are, from the bottom.
        from_scratch: Start from random weights instead (the paired control).
        seed: Seed of weights, order and noise.
    """

    labels: int | None
    label_seed: int
    freeze: int
    from_scratch: bool
    seed: int

    def words(self) -> list[str]:
        """Repeat the options of the command."""
        words: list[str] = []
        if self.labels is not None:
            words += ["--labels", str(self.labels), "--label-seed", str(self.label_seed)]
        if self.from_scratch:
            words.append("--from-scratch")
        return [*words, "--freeze", str(self.freeze), "--seed", str(self.seed)]


def head_recipe(run: RunDirectory, overrides: Sequence[str], *, freeze: int | None) -> Recipe:
    """Read the run's recipe, with its `[finetune]` changed as asked."""
    result = read_result(run)  # a run of another version says so, before its recipe is misread
    own = load_recipe(run.recipe_file)
    recipe = load_recipe(run.recipe_file, overrides=overrides)
    if settings(recipe) != settings(own):
        raise UsageError(
            f"only finetune.*{' and tasks.*' if own.tasks else ''} can be set here; the rest is "
            f"how the run was trained: got {', '.join(overrides)}"
        )
    check_changes(run.recipe_file, recipe, overrides, result.input_shape)
    if freeze is None:
        return recipe
    spec = msgspec.structs.replace(recipe.finetune, freeze=freeze)
    try:
        return msgspec.structs.replace(recipe, finetune=spec)
    except ValueError as error:  # the recipe checks itself
        raise UsageError(f"--freeze {freeze}: {error}") from None


def plan_head(
    run: RunDirectory,
    overrides: Sequence[str],
    *,
    labels: int | None,
    label_seed: int,
    freeze: int | None,
    from_scratch: bool,
    seed: int | None,
) -> tuple[Recipe, Options]:
    """Put in order what decides a head of a run: the recipe as it is fine-tuned by, and the rest.

    Args:
        run: The run.
        overrides: Changes of its recipe, as `KEY=VALUE` texts.
        labels: How many labels to use; all if absent.
        label_seed: Seed of their draw.
        freeze: Stages to leave as they are; the recipe's if absent.
        from_scratch: Whether it is the control from random weights.
        seed: Seed of weights, order and noise; the recipe's if absent.

    Raises:
        FeatlearnError: If the run or one of these stands in the way.
    """
    recipe = head_recipe(run, overrides, freeze=freeze)
    if from_scratch:
        recipe = _control_recipe(recipe, overrides)
    return recipe, Options(
        labels=labels,
        label_seed=whole_seed(label_seed, name="label_seed"),
        freeze=recipe.finetune.freeze,
        from_scratch=from_scratch,
        seed=chosen_seed(recipe, seed),
    )


@contextmanager
def head_place(
    run: RunDirectory, name: str, words: Sequence[str], overrides: Sequence[str]
) -> Generator[tuple[HeadFolder, list[str]]]:
    """Keep every other training out of the folder of a head.

    Args:
        run: The run.
        name: Of the head.
        words: Words of the command's options that decide it.
        overrides: What was set.

    Returns:
        The folder, and the command that resumes a training there.

    Raises:
        UsageError: If the name cannot be the name of a folder and an option.
        CheckpointError: If another training writes into the folder.
    """
    folder = run.head(name)
    with writing_in(folder.path):
        yield folder, resume_command(run.path, folder.path.name, words, overrides)


def semi_overrides(run: Path | str, kind: str | None) -> list[str]:
    """Write a way of learning without labels as a change to a run's recipe.

    Args:
        run: The run.
        kind: What the way is called in a recipe, or `none`; no change if absent.

    Returns:
        No change where the recipe has the way already, whose numbers then stay.
    """
    if kind is None:
        return []
    own = load_recipe(RunDirectory.open(run).recipe_file).finetune.semi
    if own is not None and own.__struct_config__.tag == kind:
        return []
    return ["finetune.semi=none" if kind == "none" else f'finetune.semi={{ kind = "{kind}" }}']


def scratch_stack_lr(recipe: Recipe, overrides: Sequence[str]) -> float:
    """Give the share of the rate that stages from random weights take.

    All of it, as they know nothing yet, unless a share was asked for.
    """
    return recipe.finetune.stack_lr if says(overrides, "finetune.stack_lr") else 1.0


def _control_recipe(recipe: Recipe, overrides: Sequence[str]) -> Recipe:
    """Give a recipe as a control from random weights is fine-tuned by it."""
    share = scratch_stack_lr(recipe, overrides)
    spec = msgspec.structs.replace(recipe.finetune, stack_lr=share)
    return msgspec.structs.replace(recipe, finetune=spec)


def check_same_images(run: RunDirectory, recipe: Recipe, splits: Splits) -> None:
    """Refuse data that are no longer those of the run: test images may have been learned from.

    Raises:
        CheckpointError: If they have other images than when the run was trained.
    """
    known = read_result(run).data.fingerprints
    for split, found in splits.fingerprints().items():
        if known.get(split, found) != found:
            raise CheckpointError(
                f"{recipe.data.source} has other {split} images than when {run.path} was trained; "
                "put the data back as they were, or pre-train again"
            )


def head_settings(run: RunDirectory, recipe: Recipe, options: Options) -> dict[str, Any]:
    """Name everything that decides a head's bytes, as nested tables."""
    return settings_on(run, recipe, msgspec.to_builtins(options))


def settings_on(
    run: RunDirectory, recipe: Recipe | MultimodalRecipe, options: dict[str, Any]
) -> dict[str, Any]:
    """Name everything that decides what is made of a run's model, as nested tables."""
    return {**as_tables(recipe), "options": options, "model": sha256(run.model_file)}


def chosen_seed(recipe: Recipe | MultimodalRecipe, seed: int | None) -> int:
    """Give the seed that was asked for, or the recipe's."""
    return recipe.seed if seed is None else whole_seed(seed, name="seed")


def resume_command(
    run: Path, name: str | None, options: Sequence[str], overrides: Sequence[str]
) -> list[str]:
    """Spell the command that resumes a head or a sweep of this name.

    Args:
        run: The run.
        name: Of what is resumed, if it has one.
        options: Words of its own options.
        overrides: What was set.
    """
    named = [] if name is None else ["--name", name]
    command = ["featlearn", "finetune", str(run), *named, "--resume", *options]
    return command + [word for text in overrides for word in ("--set", text)]
