"""Choosing on one half of people and pictures, scoring on the other, and the other way round."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from featlearn.datasets.scenes import Scenes
from featlearn.datasets.tensors import as_images
from featlearn.evaluate.candidates import Best, Candidates, Half, find_best
from featlearn.evaluate.probe import linear_probe
from featlearn.evaluate.thresholds import Choice

_CLASSES = 2
_FACE = 1


class Judged(NamedTuple):
    """Scenes to be judged by, in two halves that share no person and no picture.

    Attributes:
        images: `(n, 1, height, width)` in [0, 1].
        faces: `(n,)`, which hold a face.
        groups: `(n,)`, the person or the picture of each.
        half: `(n,)`, 0 or 1.
    """

    images: Tensor
    faces: Tensor
    groups: NDArray[np.str_]
    half: NDArray[np.int64]

    @classmethod
    def of(cls, scenes: Scenes, device: torch.device) -> "Judged":
        """Part scenes, person by person and picture by picture in turn."""
        groups = np.array([name.rpartition("/")[0] for name in scenes.ids])
        faces = torch.from_numpy(scenes.faces).to(device)
        return cls(as_images(scenes.images).to(device), faces, groups, halves(groups, scenes.faces))

    def rows(self, half: int) -> Tensor:
        """Give the places of one half."""
        return torch.from_numpy(np.flatnonzero(self.half == half)).to(self.images.device)

    def part(self, half: int) -> Half:
        """Take one half, as candidates are tried on it."""
        rows = self.rows(half)
        return Half(lambda some: self.images[rows[some.start : some.stop]], self.faces[rows].long())


class Crossed(NamedTuple):
    """What the best of some candidates came to.

    Attributes:
        right: `(n,)`, whether each scene was named right by what was chosen on the other half.
        best: What was chosen, half by half: the first was chosen on half 0.
    """

    right: NDArray[np.bool_]
    best: tuple[Best, ...]


def halves(groups: NDArray[np.str_], faces: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Put every second person, and every second picture, into the second half.

    Args:
        groups: `(n,)`, the person or the picture of each scene.
        faces: `(n,)`, which hold a face: those who have one are people.
    """
    people = set(groups[faces])
    places: dict[str, int] = {}
    for members in (sorted(people), sorted(set(groups) - people)):
        places |= {name: place % 2 for place, name in enumerate(members)}
    return np.array([places[name] for name in groups], np.int64)


def cross(candidates: Candidates, judged: Judged) -> dict[str, Crossed]:
    """Choose the best candidate on each half, and score it on the other.

    Returns:
        For each part of the candidates, and for all of them under an empty name.
    """
    found: list[dict[str, Best]] = []
    for chosen_on in (0, 1):
        outcome = find_best(
            candidates,
            judged.part(chosen_on),
            judged.part(1 - chosen_on),
            classes=_CLASSES,
            wanted=[_FACE],
        )
        parts = {name: some[0] for name, some in outcome.best_of.items()}
        found.append({"": outcome.best[0], **parts})
    names = [name for name in found[0] if name in found[1]]
    return {name: _crossed(judged, [half[name] for half in found]) for name in names}


def probe(features: Callable[[Tensor], Tensor], judged: Judged) -> NDArray[np.bool_]:
    """Train logistic regression on each half, and tell which scenes of the other it names right.

    Args:
        features: Gives `(n, features)` of images.
        judged: The scenes.
    """
    right = np.zeros(len(judged.half), np.bool_)
    rows = features(judged.images).double().cpu().numpy()
    labels = judged.faces.long().cpu().numpy()
    for learned in (0, 1):
        here, there = judged.half == learned, judged.half != learned
        score = linear_probe(rows[here], labels[here], rows[there], labels[there])
        right[there] = score.predictions == labels[there]
    return right


def majority(judged: Judged) -> NDArray[np.bool_]:
    """Tell which scenes are named right by the larger class every time."""
    faces = judged.faces.cpu().numpy()
    return faces if faces.mean() > 0.5 else ~faces


def _crossed(judged: Judged, best: Sequence[Best]) -> Crossed:
    """Put together what was scored on either half."""
    right = torch.zeros(len(judged.half), dtype=torch.bool)
    for chosen_on, one in enumerate(best):
        rows = judged.rows(1 - chosen_on)
        choice: Choice = one.choice
        right[rows.cpu()] = choice.right(one.responses, judged.faces[rows]).cpu()
    return Crossed(right.numpy(), tuple(best))
