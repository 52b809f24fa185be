"""The whole of `quickstart`, over far fewer steps."""

import json
from collections.abc import Callable
from pathlib import Path
from statistics import fmean
from typing import Any

import msgspec
import pytest

from featlearn.config.load import load_recipe
from featlearn.config.recipe import Recipe
from featlearn.errors import CheckpointError, Interrupted
from featlearn.evaluate.paired import paired_interval
from featlearn.workflows import quickstart as module
from featlearn.workflows.quickstart import QuickstartResult, quickstart

FEWER = {
    "photographs": ["pretrain.epochs=1", "pretrain.rate={kind='constant'}"],
    "digits": ["pretrain.epochs=1", "data.limit=400", "finetune.steps=10"],
}


def shortened(name: str) -> Recipe:
    return load_recipe(name, overrides=FEWER[name])


@pytest.fixture(scope="module")
def few(few_units: None) -> Any:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "load_recipe", shortened)
        patch.setattr(module, "_COUNTS", (100, 120))
        patch.setattr(module, "_DRAWS", 2)
        yield


@pytest.fixture(scope="module")
def made(few: None, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, QuickstartResult]:
    folder = tmp_path_factory.mktemp("quick") / "start"
    return folder, quickstart(out=folder, root=folder, threads=1, seed=3)


@pytest.mark.slow
def test_it_ends_with_a_page_that_gives_the_figures(made: tuple[Path, QuickstartResult]) -> None:
    folder, result = made
    assert result.report == str(folder / "report" / "index.html")
    page = Path(result.report).read_text(encoding="utf-8")
    assert f"{100 * result.accuracy['pretrained']:.1f}" in page
    assert load_recipe("photographs").title in page
    assert load_recipe("digits").title in page


def test_the_headline_is_a_point_of_the_curve(made: tuple[Path, QuickstartResult]) -> None:
    _, result = made
    assert [point.labels for point in result.curve] == [100, 120]
    (point,) = (point for point in result.curve if point.labels == result.labels)
    assert result.accuracy == {
        "pretrained": round(fmean(point.pretrained), 6),
        "scratch": round(fmean(point.scratch), 6),
        "pixels": round(fmean(point.pixels), 6),
    }
    interval = paired_interval(point.pretrained, point.scratch)
    assert result.difference_interval == (interval.low, interval.high)
    assert (result.draws, result.test_images) == (2, 500)


def test_the_record_is_what_was_returned(made: tuple[Path, QuickstartResult]) -> None:
    folder, result = made
    record = msgspec.convert(
        json.loads((folder / "quickstart.json").read_text()), QuickstartResult, strict=False
    )
    assert 0 < record.seconds <= result.seconds
    assert record == msgspec.structs.replace(result, seconds=record.seconds)


def test_each_arm_is_kept_as_a_head_with_its_own_setting(
    made: tuple[Path, QuickstartResult],
) -> None:
    folder, result = made
    for arm, setting in result.protocol.settings.items():
        head = folder / "digits" / "heads" / arm
        spec = load_recipe(head / "recipe.toml").finetune
        assert (spec.optimizer.lr, spec.stack_lr) == (setting.lr, setting.stack_lr)
        assert json.loads((head / "results.json").read_text())["from_scratch"] == (arm == "scratch")
        assert json.loads((head / "evaluation.json").read_text())["images"] == 500
    assert load_recipe(folder / "digits" / "recipe.toml").seed == 3


def test_a_folder_that_is_not_empty_is_refused(made: tuple[Path, QuickstartResult]) -> None:
    folder, _ = made
    before = sorted(folder.rglob("*"))
    with pytest.raises(CheckpointError, match="start exists already; name a new or an empty"):
        quickstart(out=folder)
    assert sorted(folder.rglob("*")) == before


@pytest.mark.usefixtures("few")
def test_a_stop_says_how_to_start_over(
    empty_folder: Path, stopper: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    # Without a name, each time another folder.
    for name in ("featlearn-quickstart", "featlearn-quickstart-2"):
        with pytest.raises(Interrupted, match=f"trained is in {name}. Start over with: featlearn"):
            quickstart(progress=stopper(3, politely=True), threads=1)
        assert (empty_folder / name / "photographs" / "checkpoints").is_dir()
    with pytest.raises(
        Interrupted, match=r"is in my try. Remove that folder, and .*: (.*)"
    ) as stop:
        quickstart(out=Path("my try"), seed=4, progress=stopper(3, politely=True), threads=1)
    command = str(stop.value).partition("start over with: ")[2]
    assert command == "featlearn quickstart --out 'my try' --seed 4 --threads 1"
