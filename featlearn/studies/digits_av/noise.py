"""Noisy images and recordings, and how loud the noise is."""

from pathlib import Path
from typing import Literal, NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from featlearn.config.audio import AudioSpec, LogMelSpec
from featlearn.config.modalities import PairsSpec
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
from featlearn.seeds import derive
from featlearn.studies.digits_av.material import (
    COMPONENTS,
    IMAGE,
    SOUND,
    Material,
    described_as_is,
)
from featlearn.training.described import Described
from featlearn.training.pictures import Pictures

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

_PROBED = 4000  # samples from which the choice of the noise learns


def constants() -> dict[str, object]:
    """Name what decides the figures on noisy pairs beside the recipe, as nested tables."""
    return {
        "wanted": [WANTED[IMAGE], WANTED[SOUND]],
        "image_levels": [*IMAGE_LEVELS],
        "sound_levels": [*SOUND_LEVELS],
        "images": IMAGES,
        "repeats": REPEATS,
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
            found = across(train, labels_of(sets[0]), train, fitted(judged))
            errors[f"{name} {level:g}"] = float(np.mean(found != labels_of(sets[1])))
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
    ids, labels, classes = clean.ids, labels_of(clean), clean.classes
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


def labels_of(samples: ImageSet) -> Indices:
    """Give the classes of samples that have some."""
    assert samples.labels is not None, "both modalities of the study have labels"
    return samples.labels


def groups_of_pairs(
    noisy: Noisy,
) -> dict[Literal["image", "recording"], NDArray[np.generic]]:
    """Tell the image and the recording of every pair, for intervals by either."""
    ids = noisy.sets[SOUND].ids
    assert ids is not None
    images, sounds = noisy.pairs[:, IMAGE], noisy.pairs[:, SOUND]
    return {"image": images, "recording": np.array(ids)[sounds]}
