"""(a) Fusion where both modalities are noisy, and (b) what it costs if one of them is missing."""

import copy
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import msgspec
import numpy as np
import torch
from numpy.typing import NDArray

from featlearn.config.audio import AudioSpec, LogMelSpec
from featlearn.config.modalities import (
    EarlyFusionSpec,
    FusionHeadSpec,
    GatedFusionSpec,
    LateFusionSpec,
    PairsSpec,
    SharedFusionSpec,
)
from featlearn.datasets.imageset import ImageSet, Indices
from featlearn.datasets.labels import limited
from featlearn.datasets.pairing import pair_samples
from featlearn.datasets.recordings import (
    SPOKEN,
    VALIDATION_INDICES,
    Recordings,
    described,
    spoken_part,
)
from featlearn.evaluate.transfer import across, principal
from featlearn.heads.fusion import FusionClassifier
from featlearn.heads.fusion_problem import FusionProblem, fused_logits
from featlearn.seeds import derive
from featlearn.studies.digits_av.material import (
    COMPONENTS,
    IMAGE,
    SOUND,
    Material,
    described_as_is,
)
from featlearn.training.described import Described
from featlearn.training.loop import Loop
from featlearn.training.pictures import Pictures
from featlearn.training.progress import Progress
from featlearn.training.unrecorded import Unrecorded

WANTED = {IMAGE: 0.2, SOUND: 0.11}
"""Validation error of a linear classifier at which the nets of a modality err 10 to 20 % there."""

IMAGE_LEVELS = (0.4, 0.6, 0.8, 1.0, 1.3)
"""Standard deviations of normal noise on pixels in [0, 1], which are clipped afterwards."""

SOUND_LEVELS = (10.0, 5.0, 0.0, -5.0, -10.0)
"""Decibels by which a recording is louder than the white noise added to it."""

IMAGES = 20_000
"""Training images, the same for every net."""

REPEATS = 5
"""Noisy copies of each recording; there are few recordings."""

HEADS: dict[str, FusionHeadSpec] = {
    "late": LateFusionSpec(),
    "early": EarlyFusionSpec(hidden=(128,)),
    "gated": GatedFusionSpec(),
    "shared": SharedFusionSpec(),
}
"""The heads that are compared."""

_PROBED = 4000  # samples from which the choice of the noise learns


def constants() -> dict[str, object]:
    """Name what decides the figures on noisy pairs beside the recipe, as nested tables."""
    return {
        "wanted": [WANTED[IMAGE], WANTED[SOUND]],
        "image_levels": [*IMAGE_LEVELS],
        "sound_levels": [*SOUND_LEVELS],
        "images": IMAGES,
        "repeats": REPEATS,
        "heads": {name: msgspec.to_builtins(head) for name, head in HEADS.items()},
        "probed": _PROBED,
    }


class Levels(msgspec.Struct, frozen=True):
    """The noise, as it was fixed on validation samples.

    Attributes:
        image: Standard deviation on pixels.
        sound: Decibels of sound over noise.
        errors: By level as text, the error of a linear classifier on validation samples.
    """

    image: float
    sound: float
    errors: dict[str, float]


class NoisyNet(msgspec.Struct, frozen=True):
    """What a net named wrong of the noisy test pairs.

    Attributes:
        validation: Its error on validation pairs, by what is there: `both`, `image`, `sound`.
        wrong: By what is there, the places of the test pairs that it named wrong.
    """

    validation: dict[str, float]
    wrong: dict[str, list[int]]


class Noisy(NamedTuple):
    """Noisy samples of both modalities of one split, and how they are paired.

    Attributes:
        sets: Images, and copies of recordings.
        pairs: `(pairs, 2)`.
        described: The samples as the stacks describe them, computed once.
    """

    sets: tuple[ImageSet, ImageSet]
    pairs: Indices
    described: list[Described]


def choose_levels(material: Material, root: Path) -> Levels:
    """Fix the noise: of each modality the level whose validation error is nearest to `WANTED`.

    The error is that of logistic regression on the principal components of the stack's output; no
    test sample is looked at.
    """
    errors: dict[str, float] = {}
    chosen: list[float] = []
    for place, levels in ((IMAGE, IMAGE_LEVELS), (SOUND, SOUND_LEVELS)):
        name = material.recipe.names[place]
        for level in levels:
            sets = [
                _noisy(material, root, place, split, level, most=_PROBED, repeats=1)
                for split in ("train", "kept")
            ]
            x, judged = (described_as_is(material.net, place, each).cpu().numpy() for each in sets)
            fitted = principal(x, count=COMPONENTS, seed=0)
            train = fitted(x)
            found = across(train, _of(sets[0]), train, fitted(judged))
            errors[f"{name} {level:g}"] = float(np.mean(found != _of(sets[1])))
        distances = {level: abs(errors[f"{name} {level:g}"] - WANTED[place]) for level in levels}
        near = min(distances, key=lambda level: distances[level])
        chosen.append(near)
    return Levels(chosen[0], chosen[1], errors)


def noisy_splits(material: Material, root: Path, levels: Levels) -> dict[str, Noisy]:
    """Make the noisy training, validation and test samples, and pair them by class."""
    found: dict[str, Noisy] = {}
    for split in ("train", "kept", "test"):
        images = _noisy(material, root, IMAGE, split, levels.image)
        sounds = _noisy(material, root, SOUND, split, levels.sound)
        names, spec = material.recipe.names, PairsSpec(by="class")
        pairs = pair_samples(names, [images, sounds], spec, seed=0)
        made = [
            Described(material.net, place, Pictures(each, material.device))
            for place, each in enumerate((images, sounds))
        ]
        found[split] = Noisy((images, sounds), pairs, made)
    return found


def learn_noisy(
    material: Material,
    splits: dict[str, Noisy],
    head: FusionHeadSpec,
    *,
    only: int | None,
    seed: int,
    progress: Progress,
) -> NoisyNet:
    """Train a net on noisy pairs, and judge it with both modalities and with one missing.

    Args:
        material: The net to begin with, which is not changed.
        splits: Noisy samples.
        head: How it fuses.
        only: The one modality that it learns from, or both.
        seed: Of weights, order and noise.
        progress: Told of every step.
    """
    net = copy.deepcopy(material.net)
    train = splits["train"]
    classes = len(train.sets[IMAGE].classes)
    classifier = FusionClassifier(net, head, classes=classes, seed=seed).to(material.device)
    spec = msgspec.structs.replace(material.recipe.finetune, head=head)
    labels = [_of(each) for each in train.sets]
    kind = FusionProblem if only is None else _Single
    problem = kind(classifier, spec, train.described, labels=labels, pairs=train.pairs)
    if isinstance(problem, _Single):
        problem.only = only or 0
    loop = Loop(problem, spec, epochs=spec.epochs, seed=seed)
    Unrecorded(progress).run(loop, classifier)
    there = {"both": (IMAGE, SOUND), "image": (IMAGE,), "sound": (SOUND,)}
    if only is not None:
        name = ("image", "sound")[only]
        there = {name: there[name]}
    judged = {split: _wrong(classifier, splits[split], there) for split in ("kept", "test")}
    count = len(splits["kept"].pairs)
    validation = {way: len(places) / count for way, places in judged["kept"].items()}
    return NoisyNet(validation, judged["test"])


class _Single(FusionProblem):
    """The cross-entropy of one modality by itself, over as many samples as both see."""

    only = 0

    def terms(self, rows: torch.Tensor, draw: torch.Generator) -> dict[str, torch.Tensor]:
        """Compute it on samples of the pairs, and, as fusion does, on samples drawn beside."""
        place, each = self.only, self.described[self.only]
        chosen = self.pairs[rows][:, place]
        own = torch.randint(len(each), (len(rows),), generator=draw, device=draw.device)
        losses = [
            self._loss({place: each.at(some, draw)}, self.labels[place][some])
            for some in (chosen, own)
        ]
        return {"paired": losses[0], "alone": self.spec.alone * losses[1]}


def _wrong(
    classifier: FusionClassifier, noisy: Noisy, there: dict[str, tuple[int, ...]]
) -> dict[str, list[int]]:
    """List the pairs that a net names wrong, by what is there."""
    scaled = [each.everything for each in noisy.described]
    truth = _of(noisy.sets[IMAGE])[noisy.pairs[:, IMAGE]]
    found: dict[str, list[int]] = {}
    for way, places in there.items():
        logits = fused_logits(classifier, scaled, noisy.pairs, places)
        found[way] = np.flatnonzero(logits.argmax(1).cpu().numpy() != truth).tolist()
    return found


def _noisy(
    material: Material,
    root: Path,
    place: int,
    split: str,
    level: float,
    *,
    most: int | None = None,
    repeats: int | None = None,
) -> ImageSet:
    """Make the noisy samples of one modality and split, the same each time.

    Args:
        material: The clean ones.
        root: Where data sets are.
        place: Which modality.
        split: `train`, `kept` for validation, or `test`.
        level: The noise.
        most: Images at most; `IMAGES` to learn from, and all others, if absent.
        repeats: Copies of each recording; `REPEATS` if absent.
    """
    rng = np.random.Generator(np.random.PCG64(derive(0, "noise", place, split)))
    if place == IMAGE:
        clean = {"train": material.learned, "kept": material.kept, "test": material.judged}[split]
        images = clean[IMAGE]
        if split == "train":
            most = most or IMAGES
            images = images.subset(limited(images.labels, len(images), most, seed=0))
        pixels = images.images.astype(np.float32) / 255
        pixels += rng.standard_normal(pixels.shape, np.float32) * np.float32(level)
        return _with(images, pixels.clip(0, 1))
    return _noisy_sound(material, root, split, level, rng, repeats=repeats or REPEATS)


def _noisy_sound(
    material: Material,
    root: Path,
    split: str,
    level: float,
    rng: np.random.Generator,
    *,
    repeats: int,
) -> ImageSet:
    """Add white noise to recordings, several times each, before they become maps."""
    folder = root / SPOKEN / "recordings"
    spec: AudioSpec = material.recipe.modalities[SOUND].data.audio or LogMelSpec()
    clean = material.learned[SOUND] if split == "train" else material.judged[SOUND]
    ids, labels, classes = clean.ids, _of(clean), clean.classes
    if split == "kept":
        raw = spoken_part(folder, VALIDATION_INDICES.__contains__, "validation", classes)
        assert raw.labels is not None
        ids, labels = raw.ids, raw.labels
    assert ids is not None
    waves = Recordings(folder, ids).waves(np.arange(len(ids)), spec)
    waves, labels, names = (np.repeat(x, repeats, 0) for x in (waves, labels, np.array(ids)))
    power = np.square(waves).sum(1, keepdims=True) / (waves != 0).sum(1, keepdims=True).clip(1)
    scale = np.sqrt(power * 10 ** (-level / 10)).astype(np.float32)
    waves = waves + scale * rng.standard_normal(waves.shape, np.float32)
    return ImageSet(described(waves, spec), labels, classes, tuple(names.tolist()), split)


def _with(images: ImageSet, pixels: NDArray[np.float32]) -> ImageSet:
    """Give a set other pixels."""
    return ImageSet(pixels, images.labels, images.classes, images.ids, images.name)


def _of(samples: ImageSet) -> Indices:
    assert samples.labels is not None, "both modalities of the study have labels"
    return samples.labels


def groups_of_pairs(noisy: Noisy) -> Sequence[NDArray[np.str_] | Indices]:
    """Tell the image and the recording of every pair, for intervals by either."""
    ids = noisy.sets[SOUND].ids
    assert ids is not None
    return noisy.pairs[:, IMAGE], np.array(ids)[noisy.pairs[:, SOUND]]
