"""Crossed halves: nobody is in both, and every scene is judged by what was chosen elsewhere."""

import numpy as np
import pytest
import torch
from torch import Tensor

from featlearn.datasets.scenes import Scenes
from featlearn.evaluate.candidates import Candidates
from featlearn.studies.faces.crossed import Judged, cross, halves, majority, probe

CPU = torch.device("cpu")


def judged(people: int = 6, pictures: int = 8, each: int = 10) -> Judged:
    """Make scenes of which faces are brighter; the last people and pictures less clearly."""
    rng = np.random.default_rng(0)
    names = [f"person-{p}/{n}" for p in range(people) for n in range(each)]
    names += [f"picture-{p}/{n}" for p in range(pictures) for n in range(each)]
    faces = np.arange(len(names)) < people * each
    images = rng.integers(0, 120, (len(names), 1, 4, 4), np.uint8)
    images[faces] += np.uint8(100)
    return Judged.of(Scenes(images, faces, tuple(names)), CPU)


def brightness(images: Tensor) -> Tensor:
    noise = images[:, 0, 0, :2]
    return torch.cat([noise, images.mean((1, 2, 3))[:, None]], 1)


def test_halves_share_no_person_and_no_picture() -> None:
    some = judged()
    for kind in ("person", "picture"):
        pairs = [pair for pair in zip(some.groups, some.half, strict=True) if kind in pair[0]]
        ours = [{group for group, half in pairs if half == one} for one in (0, 1)]
        assert not ours[0] & ours[1]
        assert len(ours[0]) == len(ours[1])
    # What is pasted into negatives belongs to the person whose face was broken.
    groups = np.array(["b", "a", "a", "x", "y", "b"])
    assert halves(groups, np.array([1, 1, 1, 0, 0, 0], bool)).tolist() == [1, 0, 0, 0, 1, 1]


def test_every_scene_is_judged_by_the_choice_of_the_other_half() -> None:
    some = judged()
    asked: list[int] = []

    def answer(images: Tensor) -> Tensor:
        asked.append(len(images))
        return brightness(images)

    found = cross(Candidates(answer, (("noise", 2), ("mean", 1))), some)
    assert set(found) == {"", "noise", "mean"}
    assert found[""].right.mean() > 0.97
    assert [one.part for one in found[""].best] == ["mean", "mean"]
    assert 0.4 < found["noise"].right.mean() < 0.95
    for half in (0, 1):
        # The threshold was chosen without the scenes that it is used on.
        choice = found["mean"].best[half].choice
        rows = some.rows(1 - half)
        expected = (some.images[rows].mean((1, 2, 3)) > choice.threshold) == some.faces[rows]
        assert np.array_equal(found["mean"].right[rows.numpy()], expected.numpy())
    assert sum(asked) == 2 * 140  # each half once to choose on, once to be scored on


def test_a_classifier_is_crossed_too() -> None:
    some = judged()
    right = probe(lambda images: images.flatten(1), some)
    assert right.shape == (140,)
    assert right.mean() > 0.95
    assert probe(lambda images: torch.zeros(len(images), 1), some).mean() == pytest.approx(80 / 140)


def test_the_majority_is_right_as_often_as_it_is_large() -> None:
    assert majority(judged()).mean() == pytest.approx(80 / 140)
    assert majority(judged(people=10)).mean() == pytest.approx(100 / 180)
