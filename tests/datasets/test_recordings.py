from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.io import wavfile

from featlearn.config.audio import CepstralSpec, LogMelSpec
from featlearn.config.data import DataSpec
from featlearn.datasets.audio import fixed_wave
from featlearn.datasets.entries import told_shape
from featlearn.datasets.recordings import open_spoken, speakers_of
from featlearn.datasets.source import open_images, open_splits
from featlearn.errors import DataError, RecipeError
from featlearn.geometry import MapShape
from featlearn.ops.mel import log_mel, mel_filterbank

SPEC = LogMelSpec(frames=4, window=64, hop=32, bands=8)


def write(path: Path, pitch: float, seed: int = 0) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    noise = np.random.default_rng(seed).normal(0, 20, 300)
    samples = 9000 * np.sin(2 * np.pi * pitch * np.arange(300) / 8000) + noise
    wavfile.write(path, 8000, samples.astype(np.int16))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for place, (name, pitch) in enumerate((("high", 2000.0), ("low", 300.0))):
        for number in range(5):
            write(tmp_path / "sounds" / name / f"{number}.wav", pitch, 10 * place + number)
    return tmp_path / "sounds"


def test_a_folder_of_recordings_is_a_set_of_maps_with_classes(folder: Path) -> None:
    splits = open_splits(DataSpec(source=str(folder), audio=SPEC), root=None, seed=0)
    train = splits.train
    assert train.shape == MapShape(1, 8, 4)
    assert train.classes == ("high", "low")
    assert train.images.dtype == np.float32
    assert splits.test is not None
    assert len(train) + len(splits.test) == 10
    bank = mel_filterbank(bands=8, window=64, rate=8000, low=0, high=4000)
    assert train.ids is not None
    wave = torch.tensor(fixed_wave(folder / train.ids[0], SPEC))[None]
    expected = log_mel(wave, bank, window=64, hop=32)
    np.testing.assert_allclose(train.images[0], expected.numpy(), atol=1e-6)


def test_cepstral_features_have_as_many_rows_as_coefficients(folder: Path) -> None:
    spec = CepstralSpec(frames=4, window=64, hop=32, bands=8, coefficients=5)
    found = open_images(str(folder), DataSpec(source=str(folder), audio=spec), root=None)
    assert found.shape == MapShape(1, 5, 4)


def test_a_single_recording_is_a_source(folder: Path) -> None:
    path = str(folder / "low" / "1.wav")
    found = open_images(path, DataSpec(source=path, audio=SPEC), root=None)
    assert len(found) == 1


def test_audio_settings_for_images_are_refused(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", np.zeros((4, 5, 5), np.uint8))
    spec = DataSpec(source=str(tmp_path / "x.npy"), audio=SPEC)
    with pytest.raises(DataError, match=r"`data\.audio` describes recordings, and .* holds images"):
        open_splits(spec, root=None, seed=0)


def test_bands_that_are_too_narrow_name_the_key(folder: Path) -> None:
    spec = LogMelSpec(frames=4, window=64, hop=32, bands=60)
    with pytest.raises(RecipeError, match=r"data\.audio: 60 mel bands"):
        open_images(str(folder), DataSpec(source=str(folder), audio=spec), root=None)


def test_the_shape_is_told_without_reading() -> None:
    assert told_shape(DataSpec(source="fsdd", audio=SPEC)) == MapShape(1, 8, 4)
    assert told_shape(DataSpec(source="fsdd")) == MapShape(1, 40, 40)


def test_spoken_digits_are_parted_by_their_index(tmp_path: Path) -> None:
    for digit in (3, 7):
        for index in (0, 4, 5, 9, 10, 49):
            write(tmp_path / f"{digit}_ann_{index}.wav", 400)
    write(tmp_path / "other.wav", 400)
    splits = open_spoken(tmp_path, tuple("0123456789"))
    assert splits.train.ids == ("3_ann_10.wav", "3_ann_49.wav", "7_ann_10.wav", "7_ann_49.wav")
    assert splits.test is not None
    assert splits.test.ids == ("3_ann_0.wav", "3_ann_4.wav", "7_ann_0.wav", "7_ann_4.wav")
    assert splits.train.labels is not None
    assert splits.train.labels.tolist() == [3, 3, 7, 7]
    assert splits.train.ids is not None
    assert speakers_of(splits.train.ids) == ("ann",) * 4


def test_no_spoken_digits_say_what_they_are_called(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"7_jackson_32\.wav: digit, speaker and index"):
        open_spoken(tmp_path, tuple("0123456789"))


@pytest.mark.data("fsdd")
def test_the_published_set_has_its_counts(data_root: Path) -> None:
    splits = open_splits(DataSpec(source="fsdd"), root=data_root, seed=0)
    assert splits.test is not None
    assert (len(splits.train), len(splits.test)) == (2400, 300)
    assert splits.train.shape == MapShape(1, 40, 40)
    labels, ids = splits.test.labels, splits.train.ids
    assert labels is not None
    assert ids is not None
    assert np.bincount(labels).tolist() == [30] * 10
    assert not {*ids} & {*(splits.test.ids or ())}
