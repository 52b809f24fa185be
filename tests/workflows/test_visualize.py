"""`visualize`: which pictures, and what stands in the way."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from featlearn.config.load import load_recipe
from featlearn.errors import UsageError
from featlearn.training.progress import Silent
from featlearn.workflows.check import check
from featlearn.workflows.drawing.kinds import KINDS
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
    assert result.beyond == list(KINDS[5:])


@pytest.mark.parametrize(
    ("what", "names"),
    [
        ("top-images", ["features-top-images"]),
        ("examples", ["features-examples", "codes"]),
        ("map", ["features-map"]),
        ("neighbours", ["neighbours"]),
        ("saliency", ["judged-saliency"]),
        ("confused", ["judged-confused"]),
        ("invariance", ["features-invariance"]),
        ("stimulus", ["features-stimulus"]),
    ],
)
def test_what_needs_many_images_is_drawn_where_it_is_named(
    run: Path, tmp_path: Path, what: str, names: list[str]
) -> None:
    result = visualize(run, what=[what], out=tmp_path, root=tmp_path, images=20)
    assert [Path(file).stem for file in result.files] == names
    assert result.beyond == []
    for file in result.files:
        with Image.open(file) as image:
            assert min(image.size) > 100


def test_named_units_of_a_named_stage(run: Path, tmp_path: Path) -> None:
    kinds = ["projections", "top-images", "examples"]
    result = visualize(
        run,
        what=kinds,
        stage="1",
        units=["3", "5,0,0"],
        out=tmp_path,
        root=tmp_path,
        images=20,
        form="svg",
    )
    assert [Path(file).name for file in result.files] == [
        "features-projections.svg",
        "features-3-top-images.svg",
        "features-5-top-images.svg",
        "features-examples.svg",
    ]
    text = Path(result.files[-1]).read_text(encoding="utf-8")
    assert ">features 3</text>" in text or ">features 3" in text
    assert "features 5" in text


def test_progress_counts_the_images(run: Path, tmp_path: Path) -> None:
    heard: list[tuple[str, int, int]] = []

    class Ear(Silent):
        def count(self, name: str, *, done: int, of: int, words: str = "") -> None:
            heard.append((name, done, of))

    visualize(run, what=["map"], out=tmp_path, root=tmp_path, images=20, progress=Ear())
    assert heard == [("images that stages look at", done, 20) for done in (0, 20)]


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"what": ["maps"]}, r"no picture of 'maps'; did you mean map\?; choose from filters, "),
        ({"stage": "edges"}, "there is no stage 'edges'; the stages are 1 features"),
        ({"stage": "0"}, "there is no stage '0'"),
        ({"what": ["curves"], "stage": "1"}, "curves takes no --stage; it goes with filters"),
        ({"what": ["map"], "units": ["1"]}, "map takes no --unit; it goes with projections"),
        ({"what": ["projections"], "units": ["8"]}, "there are 8 .*no unit 8"),
        ({"what": ["top-images"], "units": ["x"]}, "a unit is named MAP or MAP,ROW,COLUMN"),
        ({"what": ["saliency"], "head": "other"}, "other"),
        ({"form": "gif"}, "pictures are png, svg or pdf; got 'gif'"),
        ({"images": 0}, "1 image at least"),
        ({"what": ["neighbours"], "images": 1}, "1 images? ha"),
    ],
)
def test_what_there_is_not_is_refused_by_what_there_is(
    run: Path, tmp_path: Path, asked: dict[str, Any], said: str
) -> None:
    with pytest.raises(UsageError, match=said):
        visualize(run, out=tmp_path / "new", root=tmp_path, **asked)
    assert not (tmp_path / "new").exists()


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


def test_reconstructions_need_a_stage_that_rebuilds(tmp_path: Path) -> None:
    centroids = (
        *SMALL,
        "stages.features.filter.bias=false",
        'stages.features.objective={kind="k-means"}',
    )
    run = tmp_path / "run"
    pretrain(load_recipe("dense", overrides=centroids), out=run, root=tmp_path, device="cpu")
    drawn = visualize(run, out=tmp_path / "new", root=tmp_path)
    assert "no stage is an auto-encoder" in drawn.left_out["reconstructions"]
    assert {Path(file).stem for file in drawn.files} >= {"features-filters", "curves"}
    with pytest.raises(UsageError, match="no stage is an auto-encoder"):
        visualize(run, what=["reconstructions"], out=tmp_path / "new", root=tmp_path)


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
