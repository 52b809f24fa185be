"""Folders of recordings, and the known set of spoken digits."""

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

from featlearn.config.audio import AudioSpec, CepstralSpec, audio_shape
from featlearn.datasets.audio import SUFFIXES, fixed_wave
from featlearn.datasets.imageset import Images, Indices
from featlearn.datasets.layout import Group, arrange
from featlearn.datasets.limits import check_set_bytes
from featlearn.datasets.pictures import walk
from featlearn.datasets.raw import EncodedSounds, RawSet, RawSplits
from featlearn.errors import DataError, RecipeError, ShapeError
from featlearn.ops.mel import cosine_transform, log_mel, mel_filterbank

SPOKEN = "fsdd"
"""The known set of spoken digits."""

TEST_INDICES = range(5)
"""Recordings of each digit and speaker that are for test, as the set's authors say."""

VALIDATION_INDICES = range(5, 10)
"""Those that are neither learned from nor tested on, for choices."""

_AT_ONCE = 256
_SPOKEN_NAME = re.compile(r"(?P<digit>\d)_(?P<speaker>[a-z]+)_(?P<index>\d{1,3})\.wav")


class Recordings(EncodedSounds):
    """Recordings in files, which become maps one batch at a time."""

    def __init__(self, folder: Path, paths: tuple[str, ...]) -> None:
        """Take the folder, and the files' paths in it."""
        self._folder = folder
        self._paths = paths

    def waves(self, places: Indices, spec: AudioSpec) -> Images:
        """Decode recordings to one length, `(n, samples)` in float32.

        Raises:
            DataError: If one cannot be read, or all would not fit.
            MissingExtraError: If one needs the extra `audio`, which is not installed.
        """
        check_set_bytes(4 * len(places) * spec.samples, name=str(self._folder))
        waves = np.empty((len(places), spec.samples), np.float32)
        for row, place in enumerate(places):
            waves[row] = fixed_wave(self._folder / self._paths[int(place)], spec)
        return waves

    def maps(self, places: Indices, spec: AudioSpec) -> Images:
        """Describe recordings as a recipe asks, `(n, 1, rows, frames)` in float32.

        Raises:
            DataError: As `waves` does.
            RecipeError: If the bands are too narrow for the window.
        """
        if not len(places):
            raise DataError(f"{self._folder} holds no recordings")
        check_set_bytes(4 * len(places) * audio_shape(spec).units, name=str(self._folder))
        parts = np.array_split(places, -(-len(places) // _AT_ONCE))
        return np.concatenate([described(self.waves(part, spec), spec) for part in parts])


def described(waves: Images, spec: AudioSpec) -> Images:
    """Describe recordings of one length, `(n, samples)`, as `(n, 1, rows, frames)`.

    Raises:
        RecipeError: If the bands are too narrow for the window.
    """
    try:
        bank = mel_filterbank(
            bands=spec.bands, window=spec.window, rate=spec.rate, low=spec.low, high=spec.top
        )
    except ShapeError as error:
        raise RecipeError(f"data.audio: {error}") from None
    maps = log_mel(torch.tensor(waves), bank, window=spec.window, hop=spec.hop, depth=spec.depth)
    if isinstance(spec, CepstralSpec):
        maps = cosine_transform(maps, count=spec.coefficients)
    return maps[:, None].numpy()


def is_recording(path: Path) -> bool:
    """Tell recordings by their suffix."""
    return path.suffix.lower() in SUFFIXES


def open_recordings(folder: Path) -> RawSplits | None:
    """Find the recordings of a folder and of its subfolders, as images are found.

    Returns:
        `None` where there are none.

    Raises:
        DataError: If their places contradict each other.
    """
    paths = walk(folder, suffixes=SUFFIXES)
    if not any(map(is_recording, map(Path, paths))):
        return None
    train, test = arrange(paths, source=str(folder), suffixes=SUFFIXES, what="recordings")
    if test is None:
        return RawSplits(_raw(folder, train, str(folder)))
    return RawSplits(_raw(folder, train, f"{folder}: train"), _raw(folder, test, f"{folder}: test"))


def open_recording(path: Path) -> RawSplits:
    """Take one recording for a set of one."""
    images = Recordings(path.parent, (path.name,))
    return RawSplits(RawSet(str(path), images, 1, ids=(path.name,)), divisible=False)


def open_spoken(folder: Path, classes: tuple[str, ...]) -> RawSplits:
    """Open the spoken digits: recordings 10 and up to learn from, 0 to 4 to test.

    Raises:
        DataError: If the folder holds none of them.
    """
    validation = {*TEST_INDICES, *VALIDATION_INDICES}
    train = spoken_part(folder, lambda index: index not in validation, "train", classes)
    test = spoken_part(folder, lambda index: index in TEST_INDICES, "test", classes)
    return RawSplits(train, test)


def spoken_part(
    folder: Path, chosen: Callable[[int], bool], name: str, classes: tuple[str, ...]
) -> RawSet:
    """Take the spoken digits whose index is chosen, by digit, speaker and index.

    Args:
        folder: Where the recordings are, `{digit}_{speaker}_{index}.wav`.
        chosen: Which indices.
        name: What they are called in messages.
        classes: Names of the digits.

    Raises:
        DataError: If there is none.
    """
    names = [(path.name, _SPOKEN_NAME.fullmatch(path.name)) for path in folder.glob("*.wav")]
    found = sorted(
        (int(match["digit"]), match["speaker"], int(match["index"]), name)
        for name, match in names
        if match is not None and chosen(int(match["index"]))
    )
    if not found:
        raise DataError(
            f"{folder} holds no recordings for {name}, called as 7_jackson_32.wav: "
            "digit, speaker and index"
        )
    files = tuple(name for *_, name in found)
    labels = np.array([digit for digit, *_ in found], np.int64)
    images = Recordings(folder, files)
    return RawSet(f"{SPOKEN}: {name}", images, len(files), labels, classes, files)


def speakers_of(ids: tuple[str, ...]) -> tuple[str, ...]:
    """Name the speaker of each of the spoken digits."""
    return tuple(name.split("_")[1] for name in ids)


def _raw(folder: Path, group: Group, name: str) -> RawSet:
    """Make a split of recordings."""
    recordings = Recordings(folder, group.paths)
    return RawSet(name, recordings, len(group.paths), group.labels, group.classes, group.paths)
