import builtins
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray
from scipy.io import wavfile
from scipy.signal import resample_poly

from featlearn.config.audio import LogMelSpec
from featlearn.datasets import audio
from featlearn.datasets.audio import centred, fixed_wave, read_audio
from featlearn.errors import DataError, MissingExtraError


def tone(samples: int = 400, rate: int = 8000) -> NDArray[np.float64]:
    return 0.5 * np.sin(2 * np.pi * 440 * np.arange(samples) / rate)


def written(path: Path, samples: NDArray[Any], rate: int = 8000) -> Path:
    wavfile.write(path, rate, samples)
    return path


@pytest.mark.parametrize(
    ("dtype", "scale", "offset", "near"),
    [
        ("int16", 2**15, 0, 1e-4),
        ("int32", 2**31, 0, 1e-6),
        ("uint8", 2**7, 128, 1e-2),
        ("float32", 1, 0, 1e-6),
    ],
)
def test_every_depth_gives_the_same_sound(
    tmp_path: Path, dtype: str, scale: int, offset: int, near: float
) -> None:
    path = written(tmp_path / "a.wav", (tone() * scale + offset).astype(dtype), 11025)
    sound = read_audio(path)
    assert sound.rate == 11025
    assert sound.wave.dtype == np.float32
    np.testing.assert_allclose(sound.wave, tone(), atol=near)


def test_channels_are_averaged(tmp_path: Path) -> None:
    two = np.stack([tone(), np.zeros(400)], 1).astype(np.float32)
    np.testing.assert_allclose(
        read_audio(written(tmp_path / "a.wav", two)).wave, tone() / 2, atol=1e-6
    )


def test_flac_is_the_same_sound_as_wav(tmp_path: Path) -> None:
    samples = (tone() * 2**15).astype(np.int16)
    soundfile.write(tmp_path / "a.flac", samples, 8000)
    wav = read_audio(written(tmp_path / "a.wav", samples))
    flac = read_audio(tmp_path / "a.flac")
    assert flac.rate == wav.rate
    np.testing.assert_array_equal(flac.wave, wav.wave)


def test_without_the_extra_flac_says_how_to_install_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = builtins.__import__

    def without(name: str, *args: Any, **kwargs: Any) -> Any:
        if name == "soundfile":
            raise ImportError(name)
        return real(name, *args, **kwargs)

    (tmp_path / "a.flac").write_bytes(b"fLaC")
    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(MissingExtraError, match=r"soundfile .*pip install 'featlearn\[audio\]'"):
        read_audio(tmp_path / "a.flac")


@pytest.mark.parametrize("name", ["a.wav", "a.flac"])
@pytest.mark.parametrize("data", [b"", b"RIFF\0\0\0\0WAVE", b"no sound at all" * 9])
def test_what_is_no_recording_is_named(tmp_path: Path, name: str, data: bytes) -> None:
    (tmp_path / name).write_bytes(data)
    with pytest.raises(DataError, match=rf"{name} is not a recording that can be read \("):
        read_audio(tmp_path / name)


def test_an_end_before_its_time_is_named(tmp_path: Path) -> None:
    path = written(tmp_path / "a.wav", (tone() * 9999).astype(np.int16))
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(DataError, match=r"a\.wav is not a recording that can be read"):
        read_audio(path)


def test_no_samples_and_no_numbers_are_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="without any sound: 0 samples"):
        read_audio(written(tmp_path / "a.wav", np.zeros(0, np.int16)))
    bad = tone().astype(np.float32)
    bad[3] = np.nan
    with pytest.raises(DataError, match="NaN or infinite"):
        read_audio(written(tmp_path / "b.wav", bad))
    with pytest.raises(DataError, match="cannot be read: No such file"):
        read_audio(tmp_path / "c.wav")


def test_too_large_a_recording_is_refused_before_it_is_decoded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = written(tmp_path / "a.wav", tone().astype(np.float32))
    soundfile.write(tmp_path / "a.flac", tone(), 8000)
    monkeypatch.setattr(audio, "MAX_FILE_BYTES", 1000)
    with pytest.raises(DataError, match=r"a\.wav has .*; the limit for one recording is 1"):
        read_audio(path)
    monkeypatch.setattr(audio, "MAX_FILE_BYTES", 2**20)
    monkeypatch.setattr(audio, "MAX_SAMPLES", 399)
    with pytest.raises(DataError, match="would decode to 400 samples; the limit"):
        read_audio(tmp_path / "a.flac")


def test_another_rate_is_refused_or_converted(tmp_path: Path) -> None:
    path = written(tmp_path / "a.wav", tone(12000, 16000).astype(np.float32), 16000)
    spec = LogMelSpec(frames=10)
    with pytest.raises(DataError, match=r"16000 samples a second, but `data.audio.rate` is 8000"):
        fixed_wave(path, spec)
    found = fixed_wave(path, LogMelSpec(frames=10, resample=True))
    expected = resample_poly(tone(12000, 16000), 1, 2)
    np.testing.assert_allclose(found, centred(expected.astype(np.float32), spec.samples), atol=1e-5)


def test_a_short_recording_lies_in_silence_with_its_energy_in_the_middle() -> None:
    wave = np.array([1, 1, 1], np.float32)
    np.testing.assert_array_equal(centred(wave, 7), [0, 0, 1, 1, 1, 0, 0])
    one_sided = np.array([0, 0, 0, 1], np.float32)
    np.testing.assert_array_equal(centred(one_sided, 7), [0, 0, 0, 1, 0, 0, 0])


def test_a_long_recording_is_cut_around_its_energy_without_adding_silence() -> None:
    wave = np.zeros(20, np.float32)
    wave[10] = 1
    assert centred(wave, 5).tolist() == [0, 0, 1, 0, 0]
    wave = np.zeros(20, np.float32)
    wave[0] = 1
    assert centred(wave, 5).tolist() == [1, 0, 0, 0, 0]


@pytest.mark.parametrize("length", [1, 4, 5, 6, 9])
def test_silence_and_any_length_have_the_length_asked_for(length: int) -> None:
    assert centred(np.zeros(length, np.float32), 5).tolist() == [0] * 5
