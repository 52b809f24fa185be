"""`visualize`: which pictures, and what stands in the way."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from featlearn.config.load import load_recipe
from featlearn.errors import UsageError
from featlearn.workflows.check import check
from featlearn.workflows.evaluate import evaluate
from featlearn.workflows.finetune import finetune
from featlearn.workflows.pretrain import pretrain
from featlearn.workflows.report import report
from featlearn.workflows.visualize import visualize

SMALL = (
    "pretrain.epochs=1",
    "stages.features.filter.maps=8",
    "data.limit=100",
    "finetune.steps=1",
    "finetune.epochs=1",
)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("trained")
    run = folder / "run"
    pretrain(load_recipe("dense", overrides=SMALL), out=run, root=folder, device="cpu")
    finetune(run, root=folder, name="judged", device="cpu")
    evaluate(run, root=folder, head="judged", device="cpu")
    return run


@pytest.mark.parametrize("what", ["filters", "projections", "reconstructions", "curves"])
def test_one_kind_is_drawn(run: Path, tmp_path: Path, what: str) -> None:
    result = visualize(run, what=[what, what], out=tmp_path / "new", root=tmp_path)
    (file,) = result.files
    assert what in file
    with Image.open(file) as image:
        assert image.format == "PNG"
        assert min(image.size) > 100


@pytest.mark.gpu
def test_another_device_draws_the_same(run: Path, tmp_path: Path) -> None:
    for device in ("cpu", "cuda"):
        visualize(run, out=tmp_path / device, root=tmp_path, device=device)
        page = report([run], out=tmp_path / device, root=tmp_path, device=device)
        assert Path(page.report).is_file()
    for file in (tmp_path / "cpu").glob("*.png"):
        with Image.open(file) as one, Image.open(tmp_path / "cuda" / file.name) as other:
            pixels = [np.asarray(picture, np.int16) for picture in (one, other)]
        assert np.abs(pixels[0] - pixels[1]).max() <= 2


def test_all_there_is(run: Path, tmp_path: Path) -> None:
    result = visualize(run, out=tmp_path, root=tmp_path)
    assert sorted(Path(file).name for file in result.files) == [
        "curves.png",
        "features-filters.png",
        "features-projections.png",
        "judged-confusion.png",
        "reconstructions.png",
    ]
    assert result.left_out == {}


def test_a_head_s_curves(run: Path, tmp_path: Path) -> None:
    result = visualize(run, what=["curves"], out=tmp_path, root=tmp_path, head="judged")
    assert result.files == [str(tmp_path / "judged-curves.png")]


def test_what_cannot_be_drawn_is_left_out_unless_it_was_named(run: Path, tmp_path: Path) -> None:
    file = run / "heads" / "judged" / "evaluation.json"
    data = file.read_bytes()
    file.unlink()
    try:
        result = visualize(run, out=tmp_path, root=tmp_path)
        assert list(result.left_out) == ["confusion"]
        with pytest.raises(UsageError, match=r"featlearn evaluate .*--head judged"):
            visualize(run, what=["confusion"], out=tmp_path, root=tmp_path)
    finally:
        file.write_bytes(data)


def test_an_unknown_kind(run: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no picture of 'art'; choose from filters"):
        visualize(run, what=["art"], out=tmp_path, root=tmp_path)


def test_no_picture_is_drawn_among_the_images(tmp_path: Path) -> None:
    images = tmp_path / "images"
    images.mkdir()
    for i in range(30):
        pixels = np.random.default_rng(i).integers(0, 256, (8, 8), dtype=np.uint8)
        Image.fromarray(pixels).save(images / f"{i}.png")
    recipe = load_recipe("dense", overrides=[*SMALL, f"data.source={images}"])
    pretrain(recipe, out=tmp_path / "run", root=tmp_path, device="cpu")
    before = sorted(images.iterdir())
    with pytest.raises(UsageError, match=r"belongs to .*images, which is read; write elsewhere"):
        visualize(tmp_path / "run", out=images, root=tmp_path, what=["filters"], device="cpu")
    with pytest.raises(UsageError, match="which is read"):
        check(recipe, out=images, root=tmp_path, device="cpu")
    assert sorted(images.iterdir()) == before
