"""Samples keep together what belongs together by name."""

from pathlib import Path

import msgspec
import numpy as np
from PIL import Image

from featlearn.config.data import DataSpec
from featlearn.geometry import MapShape
from featlearn.report.samples import Sample, sample_images
from tests.report.conftest import RECIPE


def sample(folder: Path, people: int) -> Sample:
    draw = np.random.default_rng(0)
    for place in range(people):
        where = folder / "set" / "ab"[place % 2] / f"person{place}"
        where.mkdir(parents=True)
        for shot in range(3):
            pixels = draw.integers(0, 256, (8, 8), np.uint8)
            pixels[0, 0] = place
            Image.fromarray(pixels).save(where / f"{shot}.png")
    data = DataSpec(source=str(folder / "set"), hold_out=0.25)
    recipe = msgspec.structs.replace(RECIPE, data=data)
    found = sample_images(recipe, MapShape(1, 8, 8), root=folder)
    assert found is not None
    return found


def test_images_of_a_person_are_a_group(tmp_path: Path) -> None:
    found = sample(tmp_path, people=12)
    assert found.held_out
    assert found.groups is not None
    assert found.labels is not None
    people = (found.images[:, 0, 0, 0] * 255).round().int().tolist()
    pairs = {*zip(people, found.groups.tolist(), strict=True)}
    assert len(pairs) == len({*people}) == len({*found.groups.tolist()}) >= 10
    assert found.labels.tolist() == [person % 2 for person in people]


def test_images_of_few_folders_stand_by_themselves(tmp_path: Path) -> None:
    assert sample(tmp_path, people=4).groups is None
