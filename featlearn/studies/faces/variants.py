"""The networks that are compared: whole, without a part, and without faces to learn from."""

from collections.abc import Callable
from functools import partial
from io import BytesIO
from pathlib import Path
from typing import NamedTuple

import msgspec
import numpy as np

from featlearn.config.load import load_recipe
from featlearn.config.recipe import Recipe
from featlearn.config.stages import StageSpec
from featlearn.datasets.entries import KNOWN
from featlearn.datasets.known import open_known
from featlearn.datasets.known_faces import learned_scenes
from featlearn.files import write_bytes

RECIPE = "faces"
"""The shipped recipe that the study trains."""

WHOLE = "faces"
WITHOUT_LCN = "without-lcn"
WITHOUT_POOLING = "without-pooling"
WITHOUT_FACES = "without-faces"


class Variant(NamedTuple):
    """A network of the study.

    Attributes:
        name: What its run directory is called.
        words: What it is, for the table.
        recipe: How it is trained.
    """

    name: str
    words: str
    recipe: Recipe


def variants(folder: Path, *, root: Path, seed: int, overrides: tuple[str, ...]) -> list[Variant]:
    """List the networks; the whole one first.

    Args:
        folder: Where scenes without faces are written, unless they are there.
        root: Where data sets are.
        seed: Of every training.
        overrides: Changes of the recipe, as texts.
    """
    recipe = load_recipe(RECIPE, overrides=(*overrides, f"seed={seed}"))
    lacking = (
        (WITHOUT_LCN, "without contrast normalisation", _changed(recipe, without_norm)),
        (WITHOUT_POOLING, "without pooling", _changed(recipe, without_pooling)),
        (WITHOUT_FACES, "without faces to learn from", _faceless(recipe, folder, root)),
    )
    controls = [Variant(name, words, _as_control(one, words)) for name, words, one in lacking]
    return [Variant(WHOLE, "the network", recipe), *controls]


def _as_control(recipe: Recipe, words: str) -> Recipe:
    """Let a network that lacks a part say so, in place of what the whole one shows."""
    shows = "A control of the study of a unit for faces."
    return msgspec.structs.replace(recipe, title=f"Scenes, {words}", shows=shows, expect="")


def _changed(recipe: Recipe, change: Callable[[StageSpec], StageSpec]) -> Recipe:
    """Change every stage."""
    return msgspec.structs.replace(recipe, stages=tuple(map(change, recipe.stages)))


def without_norm(stage: StageSpec) -> StageSpec:
    """Leave out the normalisation."""
    return msgspec.structs.replace(stage, norm=None)


def without_pooling(stage: StageSpec) -> StageSpec:
    """Let every window of the pooling hold one unit; the step between windows stays."""
    if stage.pool is None:
        return stage
    return msgspec.structs.replace(stage, pool=msgspec.structs.replace(stage.pool, size=1))


def _faceless(recipe: Recipe, folder: Path, root: Path) -> Recipe:
    """Learn from the same scenes, in none of which there is a face."""
    file = folder / "scenes-without-faces.npy"
    if not file.exists():
        opened = partial(open_known, root=root)
        count = KNOWN[recipe.data.source].train
        buffer = BytesIO()
        np.save(buffer, learned_scenes(opened, share=0.0, count=count).images)
        write_bytes(file, buffer.getvalue())
    data = msgspec.structs.replace(recipe.data, source=str(file.resolve()), test=0.0)
    return msgspec.structs.replace(recipe, data=data)
