"""Decoding one recording, and giving it a length."""

import struct
import warnings
from io import BytesIO
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from featlearn.config.audio import SpectralSpec
from featlearn.errors import DataError, MissingExtraError
from featlearn.wording import human_bytes

WAV = frozenset({".wav", ".wave"})
"""What is read without any extra."""

SUFFIXES = WAV | frozenset({".flac", ".ogg", ".aif", ".aiff"})
"""Files that are taken for recordings, in lower case."""

MAX_FILE_BYTES = 2**27
"""Bytes of one file."""

MAX_SAMPLES = 2**27
"""Decoded numbers of one recording, of all channels: over four hours at 8 kHz."""

_BROKEN = (
    *(OSError, EOFError, struct.error, RuntimeError, MemoryError),
    # SciPy takes what a header says for what it ought to be: a rate of 0, a depth of 7 bits, …
    *(ValueError, TypeError, AttributeError, LookupError, ArithmeticError, NameError, Warning),
)
"""What the readers raise on a broken recording."""

Wave = NDArray[np.float32]


class Sound(NamedTuple):
    """A decoded recording.

    Attributes:
        wave: `(samples,)`, the mean of its channels, in [-1, 1] unless its file holds floats.
        rate: Samples a second.
    """

    wave: Wave
    rate: int


def read_audio(path: Path) -> Sound:
    """Decode one recording; WAV by SciPy, everything else by soundfile.

    Raises:
        DataError: If it is broken, empty, too large, or holds numbers that are not finite.
        MissingExtraError: If it is no WAV, and the extra `audio` is not installed.
    """
    try:
        size = path.stat().st_size
        if size > MAX_FILE_BYTES:
            raise DataError(
                f"{path} has {human_bytes(size)}; the limit for one recording is "
                f"{human_bytes(MAX_FILE_BYTES)}"
            )
        data = path.read_bytes()
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror or error}") from error
    decode = _wav if path.suffix.lower() in WAV else _other
    samples, rate = decode(data, path)
    if samples.ndim == 2:
        samples = samples.mean(1)
    if not len(samples) or rate < 1:
        raise DataError(f"{path} is a recording without any sound: {len(samples)} samples")
    if not np.isfinite(samples).all():
        raise DataError(f"{path} has samples that are NaN or infinite")
    return Sound(np.ascontiguousarray(samples, np.float32), rate)


def fixed_wave(path: Path, spec: SpectralSpec) -> Wave:
    """Decode a recording and give it the rate and the length that a recipe asks for.

    Raises:
        DataError: If it cannot be read, or has another rate and is not to be resampled.
        MissingExtraError: As `read_audio` does.
    """
    wave, rate = read_audio(path)
    if rate != spec.rate:
        if not spec.resample:
            raise DataError(
                f"{path} has {rate} samples a second, but `data.audio.rate` is {spec.rate}: set "
                "that, or `data.audio.resample = true` to convert it"
            )
        wave = _resampled(wave, rate, spec.rate)
    return centred(wave, spec.samples)


def centred(wave: Wave, samples: int) -> Wave:
    """Cut a window out of a recording, or put silence around it, by where its energy is.

    The window's middle is the centre of the energy, Σ t x² / Σ x², but no silence is added
    while there is sound left, and no sound is cut off while there is silence left.

    Args:
        wave: `(n,)`.
        samples: Length of the window.

    Returns:
        `(samples,)`.
    """
    energy = np.square(wave, dtype=np.float64)
    total = float(energy.sum())
    middle = float(energy @ np.arange(len(wave))) / total if total > 0 else (len(wave) - 1) / 2
    spare = len(wave) - samples
    start = min(max(round(middle - (samples - 1) / 2), min(0, spare)), max(0, spare))
    result = np.zeros(samples, np.float32)
    inside = wave[max(start, 0) : start + samples]
    result[max(-start, 0) : max(-start, 0) + len(inside)] = inside
    return result


def _wav(data: bytes, path: Path) -> tuple[NDArray[Any], int]:
    """Decode a WAV file of integers or floats."""
    from scipy.io import wavfile

    with warnings.catch_warnings():
        # An end before its time is only warned of; chunks that are no sound do not matter.
        warnings.simplefilter("error", wavfile.WavFileWarning)
        warnings.filterwarnings("ignore", message="Chunk .*not understood")
        try:
            rate, samples = wavfile.read(BytesIO(data))
        except _BROKEN as error:
            raise _unreadable(path, error) from error
    return _in_floats(np.asarray(samples)), int(rate)


def _other(data: bytes, path: Path) -> tuple[NDArray[Any], int]:
    """Decode FLAC and what else libsndfile knows."""
    try:
        import soundfile
    except (ImportError, OSError) as error:  # the library below it may be missing, too
        raise MissingExtraError("soundfile", extra="audio") from error
    try:
        with soundfile.SoundFile(BytesIO(data)) as file:
            _check_samples(file.frames * file.channels, path)
            return file.read(dtype="float32"), int(file.samplerate)
    except _BROKEN as error:
        raise _unreadable(path, error) from error


def _check_samples(count: int, path: Path) -> None:
    """Refuse a recording that would not fit, by what its header says."""
    if not 0 <= count <= MAX_SAMPLES:
        raise DataError(
            f"{path} would decode to {count} samples; the limit for one recording is {MAX_SAMPLES}"
        )


def _in_floats(samples: NDArray[Any]) -> NDArray[Any]:
    """Bring integers to [-1, 1]; in 8 bits silence is 128."""
    if samples.dtype == np.uint8:
        return (samples.astype(np.float32) - 128) / 128
    if samples.dtype.kind == "i":
        return (samples / 2.0 ** (8 * samples.dtype.itemsize - 1)).astype(np.float32)
    return samples


def _resampled(wave: Wave, old: int, new: int) -> Wave:
    """Convert a recording to another rate, through a filter that keeps what both can hold."""
    from math import gcd

    from scipy.signal import resample_poly

    common = gcd(old, new)
    _check_samples(len(wave) * new // old, Path("a recording"))
    return np.asarray(resample_poly(wave, new // common, old // common), np.float32)


def _unreadable(path: Path, error: BaseException) -> DataError:
    """Say that a file is no recording that can be read."""
    return DataError(f"{path} is not a recording that can be read ({error})")
