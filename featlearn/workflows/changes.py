"""Whose fault it is that a recipe does not fit its images: the file's, or a `--set`'s."""

from collections.abc import Sequence
from pathlib import Path

from featlearn.config.augmentation import check_augment
from featlearn.config.changes import Overrides, override_texts
from featlearn.config.load import load_recipe
from featlearn.config.needs import pretraining_footprint
from featlearn.config.recipe import Recipe
from featlearn.datasets.entries import told_shape
from featlearn.errors import FeatlearnError, RecipeError, UsageError
from featlearn.geometry import MapShape


def check_changes(
    source: str | Path, changed: Recipe, overrides: Overrides, image: MapShape | None = None
) -> None:
    """Refuse changes without which a recipe fits its images, and with which it does not.

    Args:
        source: The recipe, as `load_recipe` takes it.
        changed: The same with `overrides`.
        overrides: The changes, values by key or `key=value` texts.
        image: Shape of one image; without one it is what recipe and catalogue tell, and
            where they do not tell it nothing is refused here.

    Raises:
        UsageError: If the changes are to blame.
    """
    try:
        check_fit(changed, image or told_shape(changed.data))
    except RecipeError as error:
        to_blame = _to_blame(source, override_texts(overrides), image)
        if to_blame:
            raise UsageError(f"{', '.join(to_blame)}: {error}") from None
        # The recipe's own fault: who goes on with it refuses it.


def _to_blame(
    source: str | Path, overrides: Sequence[str], image: MapShape | None
) -> Sequence[str]:
    """Leave out, one after the other, the changes without which it still does not fit."""
    needed = list(overrides)
    for text in overrides:
        rest = [other for other in needed if other != text]
        try:
            recipe = load_recipe(source, overrides=rest)
        except FeatlearnError:  # another change needs this one
            continue
        try:
            check_fit(recipe, image or told_shape(recipe.data))
        except RecipeError:
            needed = rest
    return needed


def check_fit(recipe: Recipe, image: MapShape | None) -> None:
    """Refuse a recipe that does not fit its images.

    Raises:
        RecipeError: If a stage or the augmentation does not.
    """
    if image is not None:
        pretraining_footprint(recipe, image)  # which counts the layers, if the data need not
        check_augment(recipe.pretrain.augment, image, table="pretrain")
        check_augment(recipe.finetune.augment, image, table="finetune")
