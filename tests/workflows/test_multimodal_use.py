"""What a run of two modalities is used for: predictions, a page, pictures, codes."""

import csv
import io
import json
import re
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from scipy.io import wavfile

from featlearn.datasets.source import open_images
from featlearn.datasets.tensors import as_images
from featlearn.errors import CheckpointError, DataError, ShapeError, UsageError
from featlearn.heads.fusion_store import load_fusion
from featlearn.networks.multimodal_store import load_multimodal
from featlearn.networks.store import load_stack
from featlearn.report.fusion import fusion_view
from featlearn.report.story import Found, doubts
from featlearn.report.worth import Measurable, worth
from featlearn.training.rundir import HeadFolder
from featlearn.workflows.multimodal.evaluate import evaluate_modalities
from featlearn.workflows.multimodal.finetune import finetune_modalities
from featlearn.workflows.multimodal.predict import predict_modalities
from featlearn.workflows.multimodal.pretrain import pretrain_modalities
from featlearn.workflows.multimodal.visualize import visualize_modalities
from featlearn.workflows.report import report
from tests.workflows.bars_and_tones import make_folder, recipe


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make data, and a run with a head that was evaluated; nothing may write into it."""
    path = make_folder(tmp_path_factory.mktemp("use"))
    pretrain_modalities(recipe(path), out=path / "run", device="cpu", threads=1)
    finetune_modalities(path / "run", device="cpu", threads=1)
    evaluate_modalities(path / "run", device="cpu", threads=1)
    return path


@pytest.fixture
def mine(folder: Path, tmp_path: Path) -> dict[str, str]:
    """Give samples without a label: of the fourth there is no sound, of the fifth no image."""
    for kind, ending, numbers in (("images", "png", "0123"), ("sounds", "wav", "0124")):
        (tmp_path / kind).mkdir()
        for number in numbers:
            source = folder / kind / "test" / "abc"[int(number) % 3] / f"{number}.{ending}"
            shutil.copy(source, tmp_path / kind)
    return {"image": str(tmp_path / "images"), "sound": str(tmp_path / "sounds")}


def table(text: str | None) -> list[dict[str, str]]:
    assert text is not None
    return [*csv.DictReader(io.StringIO(text))]


def shares(row: dict[str, str]) -> list[float]:
    return [float(value) for name, value in row.items() if name.startswith("p(")]


def test_a_sample_is_named_from_what_is_there(folder: Path, mine: dict[str, str]) -> None:
    found = predict_modalities(folder / "run", mine, device="cpu", threads=1)
    rows = table(found.csv)
    assert [(row["sample"], row["modalities"]) for row in rows] == [
        ("0", "image+sound"),
        ("1", "image+sound"),
        ("2", "image+sound"),
        ("3", "image"),
        ("4", "sound"),
    ]
    assert found.there == {"image+sound": 3, "image": 1, "sound": 1}
    assert [row["prediction"] for row in rows[:3]] == ["a", "b", "c"]
    assert sum(found.counts.values()) == found.samples == 5
    classifier, _, own = load_fusion(folder / "run" / "heads" / "default")
    given = {
        spec.name: as_images(open_images(mine[spec.name], spec.data, root=None).images)
        for spec in own.modalities
    }
    three = {name: x[:3] for name, x in given.items()}
    with torch.no_grad():
        both = classifier(three).softmax(1)
        seen = classifier({"image": given["image"][3:]}).softmax(1)
        heard = classifier({"sound": given["sound"][3:]}).softmax(1)
    expected = torch.cat([both, seen, heard])
    torch.testing.assert_close(torch.tensor([*map(shares, rows)]), expected, atol=1e-5, rtol=0)


def test_one_source_is_named_without_the_others(folder: Path, mine: dict[str, str]) -> None:
    out = Path(mine["image"]).parent / "classes.csv"
    sounds = {"sound": mine["sound"]}
    found = predict_modalities(folder / "run", sounds, out=out, device="cpu", threads=1)
    assert found.csv is None
    assert found.there == {"sound": 4}
    assert {row["modalities"] for row in table(out.read_text())} == {"sound"}
    with pytest.raises(UsageError, match="exists already"):
        predict_modalities(folder / "run", sounds, out=out, device="cpu")


def test_by_order_the_first_belongs_to_the_first(folder: Path, mine: dict[str, str]) -> None:
    found = predict_modalities(folder / "run", mine, pair_by="order", device="cpu", threads=1)
    assert found.there == {"image+sound": 4}
    (Path(mine["sound"]) / "4.wav").unlink()
    with pytest.raises(DataError, match="image has 4, sound has 3"):
        predict_modalities(folder / "run", mine, pair_by="order", device="cpu")


def test_what_cannot_be_named_is_refused(
    folder: Path, mine: dict[str, str], tmp_path: Path
) -> None:
    def predict(**sources: str) -> None:
        predict_modalities(folder / "run", sources, device="cpu", threads=1)

    with pytest.raises(UsageError, match="no modality 'smell'; the modalities are image, sound"):
        predict(smell=mine["image"])
    with pytest.raises(UsageError, match="name samples of one modality or more: image, sound"):
        predict()
    with pytest.raises(DataError, match=r"describes recordings, and .* holds images"):
        predict(sound=mine["image"])
    np.save(tmp_path / "wide.npy", np.zeros((4, 6, 9), np.uint8))
    with pytest.raises(ShapeError, match="the network takes 1 map of 6x6"):
        predict(image=str(tmp_path / "wide.npy"))
    np.save(tmp_path / "nameless.npy", np.zeros((4, 6, 6), np.uint8))
    with pytest.raises(DataError, match="has no names of files to pair by"):
        predict(image=str(tmp_path / "nameless.npy"), sound=mine["sound"])
    for number in "0124":
        shutil.move(f"{mine['sound']}/{number}.wav", f"{mine['sound']}/other{number}.wav")
    with pytest.raises(DataError, match="have no key in common"):
        predict(**mine)


def test_codes_need_samples_as_they_are_taken(folder: Path) -> None:
    net = load_multimodal(folder / "run").net
    images, sounds = torch.zeros(2, 1, 6, 6), torch.zeros(2, 1, 8, 6)
    assert net.encode({"image": images, "sound": sounds}).shape == (2, 6)
    with pytest.raises(UsageError, match="no modality 'smell'; the modalities are image, sound"):
        net.encode({"smell": images})
    with pytest.raises(ShapeError, match=r"'sound' takes \(n, 1, 8, 6\); got \(2, 1, 6, 6\)"):
        net.encode({"sound": images})
    with pytest.raises(ShapeError, match=r"'image' takes \(n, 1, 6, 6\); got \(1, 6, 6\)"):
        net.encode({"image": images[0]})
    with pytest.raises(ShapeError, match="row by row; got 2 of image, 1 of sound"):
        net.encode({"image": images, "sound": sounds[:1]})
    with pytest.raises(ShapeError, match="at least one modality; got none"):
        net.encode({})


def test_a_stack_is_not_read_from_a_run_of_several(folder: Path) -> None:
    with pytest.raises(CheckpointError, match=r"several modalities, which .*load_multimodal"):
        load_stack(folder / "run")


def test_the_page_shows_both_stacks_their_code_and_each_by_itself(
    folder: Path, tmp_path: Path
) -> None:
    found = report([folder / "run"], out=tmp_path / "page", device="cpu", threads=1)
    page = Path(found.report).read_text(encoding="utf-8")
    assert page.count('class="modality">image</h3>') == 2  # the network, what it learned
    assert page.count('class="modality">sound</h3>') == 2
    for chart in ("image: bars", "sound: tones", "shared"):
        assert f'data-title="{chart}"' in page
    assert "sound.encoder2" in page
    assert "Map of the data: sound" in page
    assert "The images of sound are maps of recordings" in page
    assert "All modalities together, and each with the others missing" in page
    text = re.search(r'id="figures">(.*?)</script>', page, re.DOTALL)
    assert text is not None
    (figures,) = json.loads(text[1])
    kept = figures["heads"]["default"]["evaluation"]
    for name in ("image", "sound"):
        share = f"{100 * kept['alone'][name]['error']:.1f}\u00a0%"
        assert re.search(
            rf'<th scope="row">{name} only</th><td [^>]*>12</td><td [^>]*>{share}', page
        )


def test_the_story_tells_of_missing_modalities_and_of_few_samples(
    folder: Path, tmp_path: Path
) -> None:
    shutil.copytree(folder / "run" / "heads" / "default", tmp_path / "head")
    file = tmp_path / "head" / "evaluation.json"
    figures = json.loads(file.read_text("utf-8"))
    view = fusion_view("k", HeadFolder(tmp_path / "head"))
    alone = [100 * figures["alone"][name]["error"] for name in ("image", "sound")]
    expected = "With the others missing {:.1f}\u00a0% (image only), {:.1f}\u00a0% (sound only)."
    assert view.parts == expected.format(*alone)
    several = Measurable("run", several=True)
    (said,) = worth([view], [], several)
    assert said.endswith(view.parts)
    assert view.few == ""
    file.write_text(json.dumps({**figures, "pairs": 48}), encoding="utf-8")
    view = fusion_view("k", HeadFolder(tmp_path / "head"))
    assert view.few == "The 48 test pairs hold only 12 samples of image, again and again."
    assert view.few in doubts(Found([], [view], [], [], several), held_out=True)


def test_the_page_sets_it_beside_a_run_of_one_stack(
    folder: Path, trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("featlearn.report.stacks.data_map", lambda *_, **__: None)  # slow
    runs = [folder / "run", trained]
    page = Path(report(runs, out=tmp_path / "page", device="cpu", threads=1).report)
    assert "Runs side by side" in page.read_text(encoding="utf-8")


def test_every_modality_is_drawn(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "pictures"
    found = visualize_modalities(folder / "run", out=out, device="cpu", threads=1)
    assert not found.left_out
    assert {Path(file).stem for file in found.files} == {
        "image-bars-filters",
        "image-bars-projections",
        "image-reconstructions",
        "sound-tones-filters",
        "sound-tones-projections",
        "sound-reconstructions",
        "curves",
        "default-confusion",
        "default-image-confusion",
        "default-sound-confusion",
    }
    assert "saliency" not in found.beyond


@pytest.mark.parametrize(
    ("what", "names"),
    [
        ("top-images", ["sound-tones-top-images"]),
        ("examples", ["sound-tones-examples"]),
        ("stimulus", ["sound-tones-stimulus"]),
        ("map", ["sound-tones-map"]),
        ("neighbours", ["sound-neighbours"]),
    ],
)
def test_a_stage_is_drawn_of_its_modality(
    folder: Path, tmp_path: Path, what: str, names: list[str]
) -> None:
    found = visualize_modalities(
        folder / "run",
        out=tmp_path,
        what=[what],
        stage="tones",
        images=40,
        device="cpu",
        threads=1,
    )
    assert [Path(file).stem for file in found.files] == names


def test_what_cannot_be_drawn_is_refused(folder: Path, tmp_path: Path) -> None:
    cases: list[tuple[dict[str, Any], str]] = [
        ({"what": ["saliency"]}, "saliency is drawn of runs of one stack.*choose from filters"),
        ({"stage": "1"}, "no stage '1' in any modality; there are image: bars, sound: tones"),
        ({"units": ["3"]}, "name the stage of --unit with --stage; there are image: bars"),
        ({"what": ["map"], "form": "gif"}, "pictures are png, svg or pdf"),
        ({"what": ["confusion"], "head": "none"}, "none"),
    ]
    for options, said in cases:
        with pytest.raises(UsageError, match=said):
            visualize_modalities(folder / "run", out=tmp_path / "p", device="cpu", **options)
    assert not (tmp_path / "p").exists()


def test_images_are_no_recordings(folder: Path, tmp_path: Path) -> None:
    wavfile.write(tmp_path / "a.wav", 8000, np.zeros(900, np.int16))
    with pytest.raises(ShapeError, match="the network takes 1 map of 6x6"):
        predict_modalities(folder / "run", {"image": str(tmp_path)}, device="cpu")
