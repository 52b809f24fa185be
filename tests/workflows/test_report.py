"""`report`: which runs, which comparison, where to."""

import json
import shutil
from pathlib import Path

import pytest

from featlearn.config.load import load_recipe
from featlearn.datasets.held_out import split_training
from featlearn.datasets.source import open_splits
from featlearn.errors import CheckpointError, UsageError
from featlearn.report.samples import sample_images
from featlearn.workflows.report import report

pytestmark = pytest.mark.usefixtures("few_units")


@pytest.fixture
def run(dense_run: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(dense_run, tmp_path / "run"))


def test_a_run_s_page_lies_in_the_run(run: Path, tmp_path: Path) -> None:
    result = report([run], root=tmp_path)
    page = run / "report" / "index.html"
    assert result.report == str(page)
    assert result.size == page.stat().st_size
    text = page.read_text(encoding="utf-8")
    assert "One dense denoising layer" in text
    assert "held-out images" in text


def test_a_folder_of_quickstart_stands_for_its_runs(run: Path, tmp_path: Path) -> None:
    point = {"labels": 50, "pretrained": [0.9, 0.92], "scratch": [0.85, 0.88],
             "difference_interval": [0.02, 0.07]}  # fmt: skip
    comparison = {
        "labels": 50,
        "accuracy": {"pretrained": 0.91, "scratch": 0.865},
        "difference_interval": [0.02, 0.07],
        "curve": [point],
        "runs": {"digits": "run"},
    }
    (tmp_path / "quickstart.json").write_text(json.dumps(comparison))
    result = report([tmp_path], root=tmp_path)
    assert result.report == str(tmp_path / "report" / "index.html")
    assert result.runs == [str(run)]
    assert "What learning without labels was worth" in Path(result.report).read_text("utf-8")
    with pytest.raises(UsageError, match="one comparison, but 2"):
        report([tmp_path, tmp_path], root=tmp_path, out=tmp_path / "both")


def test_several_runs_need_a_folder(run: Path, tmp_path: Path) -> None:
    other = Path(shutil.copytree(run, tmp_path / "other"))
    with pytest.raises(UsageError, match="--out"):
        report([run, other], root=tmp_path)
    result = report([run, other], root=tmp_path, out=tmp_path / "both")
    assert Path(result.report).parent == tmp_path / "both"


@pytest.mark.parametrize("text", ["{", "[]", '{"runs": 3}', "{}", "[" * 100_000])
def test_a_damaged_comparison_is_named(run: Path, tmp_path: Path, text: str) -> None:
    (tmp_path / "quickstart.json").write_text(text)
    with pytest.raises(CheckpointError, match=r"quickstart\.json is damaged"):
        report([tmp_path], root=tmp_path)


def test_the_sample_was_held_out_of_training(tmp_path: Path) -> None:
    recipe = load_recipe("dense", overrides=("data.hold_out=0.02", "data.limit=500"))
    images = open_splits(recipe.data, root=tmp_path, seed=recipe.seed).train
    _, kept = split_training(recipe, images)
    sample = sample_images(recipe, images.shape, root=tmp_path)
    assert sample is not None
    assert sample.judged == "10 held-out images"
    assert (sample.clean * 255).round().int().tolist() == kept.images.tolist()
    assert sample.words == "10 held-out images and 310 that were learned from"
    assert len(sample.images) == 320
    assert sample.labels is not None
    assert images.labels is not None
    known = {image.tobytes(): label for image, label in
             zip(images.images, images.labels, strict=True)}  # fmt: skip
    for image, label in zip((sample.images * 255).round().byte(), sample.labels, strict=True):
        assert known[image.numpy().tobytes()] == label


def test_many_held_out_images_are_enough_in_whole_batches(tmp_path: Path) -> None:
    recipe = load_recipe("dense", overrides=("data.hold_out=0.4", "data.limit=1000"))
    shape = open_splits(recipe.data, root=tmp_path, seed=recipe.seed).train.shape
    sample = sample_images(recipe, shape, root=tmp_path)
    assert sample is not None
    assert sample.words == sample.judged == "384 held-out images"


def test_without_held_out_images_training_images_are_shown(tmp_path: Path) -> None:
    recipe = load_recipe("dense", overrides=("data.hold_out=0.0", "data.limit=30"))
    shape = open_splits(recipe.data, root=tmp_path, seed=0).train.shape
    sample = sample_images(recipe, shape, root=tmp_path, most=7)
    assert sample is not None
    assert sample.words == "7 images that were learned from, as none were held out"
    assert sample_images(recipe, shape._replace(height=9), root=tmp_path) is None
