"""Two modalities from end to end: recordings and images in folders, with keys in common."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from scipy.io import wavfile

from featlearn.errors import CheckpointError, DataError, Interrupted, UsageError
from featlearn.training.progress import Progress
from featlearn.workflows.multimodal.describe import describe_modalities
from featlearn.workflows.multimodal.encode import encode_modality
from featlearn.workflows.multimodal.evaluate import evaluate_modalities
from featlearn.workflows.multimodal.finetune import finetune_modalities
from featlearn.workflows.multimodal.pretrain import pretrain_modalities
from featlearn.workflows.recipes import list_recipes
from tests.workflows.bars_and_tones import make_folder, make_samples, recipe


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_folder(tmp_path_factory.mktemp("av"))


@pytest.fixture(scope="module")
def trained(folder: Path) -> Path:
    pretrain_modalities(recipe(folder), out=folder / "run", device="cpu", threads=1)
    finetune_modalities(folder / "run", device="cpu", threads=1)
    return folder / "run"


@pytest.fixture
def run(trained: Path, tmp_path: Path) -> Path:
    shutil.copytree(trained, tmp_path / "run")
    return tmp_path / "run"


def test_a_run_says_what_it_learned_from(trained: Path) -> None:
    results = json.loads((trained / "results.json").read_text())
    assert results["pairs"] == 54
    assert results["held_out_pairs"] == 6
    assert [phase["name"] for phase in results["phases"]] == ["bars", "tones", "shared"]
    assert results["phases"][2]["held_out"]["loss"] > 0
    assert "paired: the shared code has learned from labels" in (trained / "README.md").read_text()


def test_a_head_serves_with_both_modalities_and_with_either(run: Path) -> None:
    result = evaluate_modalities(run, device="cpu", threads=1)
    assert result.pairs == 12
    assert result.together.error < 0.1
    assert {name: figures.images for name, figures in result.alone.items()} == {
        "image": 12,
        "sound": 12,
    }
    assert max(figures.error for figures in result.alone.values()) < 0.2
    for low, high in result.intervals.values():
        assert 0 <= low <= result.together.error <= high <= 1
        assert high > low
    kept = json.loads((run / "heads" / "default" / "evaluation.json").read_text())
    assert kept["together"]["error"] == result.together.error


@pytest.mark.parametrize("kind", ["shared", "early", "gated"])
def test_every_head_learns(run: Path, kind: str) -> None:
    sets = [f"finetune.head={{ kind = '{kind}' }}"]
    finetune_modalities(run, name=kind, overrides=sets, device="cpu", threads=1)
    assert evaluate_modalities(run, head=kind, device="cpu", threads=1).together.error < 0.2


def test_few_labelled_pairs_are_recorded(run: Path) -> None:
    result = finetune_modalities(run, name="few", labels=6, label_seed=3, device="cpu", threads=1)
    assert result.labelled == 6
    assert result.alone == {"image": 6, "sound": 6}
    pairs = json.loads((run / "heads" / "few" / "labels.json").read_text())["pairs"]
    assert len(pairs) == 6


def test_codes_of_either_modality_have_one_length(run: Path, folder: Path, tmp_path: Path) -> None:
    for name, source in (("image", "images"), ("sound", "sounds")):
        out = tmp_path / f"{name}.npy"
        result = encode_modality(
            run, str(folder / source), modality=name, out=out, device="cpu", threads=1
        )
        codes = np.load(out, allow_pickle=False)
        assert codes.shape == result.shape == (72, 6)
        np.testing.assert_allclose(np.linalg.norm(codes, axis=1), 6**0.5, rtol=1e-4)
    with pytest.raises(UsageError, match=r"name that of .* with --modality: image, sound"):
        encode_modality(run, "x", modality=None, out=tmp_path / "c.npy", device="cpu")
    with pytest.raises(UsageError, match="no modality 'smell'; the modalities are image, sound"):
        encode_modality(run, "x", modality="smell", out=tmp_path / "c.npy", device="cpu")


@pytest.mark.parametrize("at", [2, 9, 21])
def test_a_run_that_was_stopped_ends_with_the_same_bytes(
    folder: Path, trained: Path, tmp_path: Path, stopper: Callable[..., Progress], at: int
) -> None:
    out = tmp_path / "again"
    with pytest.raises(Interrupted, match="--resume"):
        pretrain_modalities(
            recipe(folder),
            out=out,
            device="cpu",
            threads=1,
            progress=stopper(at, politely=True),
        )
    pretrain_modalities(recipe(folder), out=out, device="cpu", threads=1, resume=True)
    assert (out / "model.safetensors").read_bytes() == (trained / "model.safetensors").read_bytes()


def test_a_head_that_was_stopped_ends_with_the_same_bytes(
    run: Path, stopper: Callable[..., Progress]
) -> None:
    with pytest.raises(Interrupted, match="--resume"):
        finetune_modalities(
            run, name="b", device="cpu", threads=1, progress=stopper(3, politely=True)
        )
    finetune_modalities(run, name="b", device="cpu", threads=1, resume=True)
    models = [run / "heads" / name / "model.safetensors" for name in ("b", "default")]
    assert models[0].read_bytes() == models[1].read_bytes()


def test_pairing_by_key_finds_the_same_files(folder: Path, tmp_path: Path) -> None:
    result = pretrain_modalities(
        recipe(folder, "pairs.by=key"), out=tmp_path / "run", device="cpu", threads=1
    )
    assert result.pairs + result.held_out_pairs <= 60
    assert result.pairs > 40


def test_sounds_of_another_rate_and_of_no_rate_are_named(folder: Path, tmp_path: Path) -> None:
    shutil.copytree(folder, tmp_path / "av", ignore=shutil.ignore_patterns("run"))
    path = tmp_path / "av" / "sounds" / "train" / "a" / "0.wav"
    wavfile.write(path, 16000, np.zeros(900, np.int16))
    with pytest.raises(DataError, match=r"0\.wav has 16000 samples a second"):
        pretrain_modalities(recipe(tmp_path / "av"), out=tmp_path / "run", device="cpu")
    path.write_bytes(b"no sound")
    with pytest.raises(DataError, match=r"0\.wav is not a recording"):
        pretrain_modalities(recipe(tmp_path / "av"), out=tmp_path / "run", device="cpu")
    assert not (tmp_path / "run").exists()


def test_only_the_head_can_be_set_and_other_data_are_refused(
    run: Path, folder: Path, tmp_path: Path
) -> None:
    with pytest.raises(UsageError, match=r"only finetune\.\* can be set here"):
        finetune_modalities(run, name="x", overrides=["shared.code=3"], device="cpu")
    text = (run / "recipe.toml").read_text().replace(str(folder), str(tmp_path / "av"))
    shutil.copytree(folder, tmp_path / "av", ignore=shutil.ignore_patterns("run"))
    make_samples(tmp_path / "av", split="test", count=15)
    (run / "recipe.toml").write_text(text)
    with pytest.raises(CheckpointError):
        finetune_modalities(run, name="x", device="cpu")


def test_layers_are_counted(folder: Path, trained: Path) -> None:
    found = describe_modalities(recipe(folder), root=None)
    assert set(found.modalities) == {"image", "sound"}
    assert [layer.name for layer in found.shared[:2]] == ["image.encoder1", "image.encoder2"]
    shared = sum(layer.weights + layer.biases for layer in found.shared)
    assert shared == 2 * (12 * 12 + 12 + 12 * 6 + 6) + 2 * (6 * 12 + 12 + 12 * 12 + 12)
    stacks = 36 * 12 + 12 + 48 * 12 + 12
    assert found.decoders == 36 + 48  # the biases of what is rebuilt; the weights are tied
    assert found.parameters == shared + stacks + found.decoders
    learned = json.loads((trained / "results.json").read_text())["parameters"]
    assert learned == found.parameters


def test_the_shipped_recipe_is_listed_with_both_sources() -> None:
    row = next(row for row in list_recipes().recipes if row.name == "digits-av")
    assert row.source == "mnist + fsdd"
    assert row.stages == ["edges", "strokes", "formants", "syllables"]
