"""Held-out images are apart from those learned from, and whole pictures are held out."""

import numpy as np
import pytest

from featlearn.config.banks import DenseSpec
from featlearn.config.data import DataSpec
from featlearn.config.recipe import Recipe
from featlearn.config.stages import StageSpec
from featlearn.datasets.held_out import split_training
from featlearn.datasets.imageset import ImageSet


def numbered(count: int) -> ImageSet:
    images = np.arange(count, dtype=np.float32).reshape(count, 1, 1, 1)
    return ImageSet(images, None, (), None, "numbers")


def recipe(*, hold_out: float, crops: int | None = None, seed: int = 0) -> Recipe:
    data = DataSpec(
        source="x",
        hold_out=hold_out,
        crops=crops,
        size=(1, 1) if crops else None,
        fit="crop" if crops else "exact",
    )
    stages = (StageSpec(name="a", filter=DenseSpec(maps=1)),)
    return Recipe(title="t", data=data, stages=stages, seed=seed)


def values(images: ImageSet) -> list[int]:
    return images.images.reshape(-1).astype(int).tolist()


@pytest.mark.parametrize(("hold_out", "kept"), [(0.0, 0), (0.1, 5), (0.5, 25)])
def test_every_image_is_on_one_side(hold_out: float, kept: int) -> None:
    learned, held_out = split_training(recipe(hold_out=hold_out), numbered(50))
    assert len(held_out) == kept
    assert sorted(values(learned) + values(held_out)) == list(range(50))


def test_the_seed_decides() -> None:
    sides = [
        values(split_training(recipe(hold_out=0.2, seed=seed), numbered(50))[1])
        for seed in (0, 0, 1)
    ]
    assert sides[0] == sides[1] != sides[2]


def test_crops_of_a_picture_stay_together() -> None:
    learned, held_out = split_training(recipe(hold_out=0.25, crops=5), numbered(40))
    assert len(held_out) == 10
    pictures = [{value // 5 for value in values(side)} for side in (learned, held_out)]
    assert not pictures[0] & pictures[1]
    assert pictures[0] | pictures[1] == set(range(8))
