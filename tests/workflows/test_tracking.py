"""TensorBoard's files: what they show, and that they never cost a run."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from featlearn.config.recipe import Recipe
from featlearn.errors import MissingExtraError
from featlearn.networks.store import load_stack
from featlearn.training.rundir import RunDirectory
from featlearn.workflows.finetune import finetune
from featlearn.workflows.pretrain import pretrain

Tiny = Callable[..., Recipe]
Stopper = Callable[..., Any]

# TensorBoard's reader and its protocol buffers.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


def events(folder: Path) -> Any:
    accumulator = pytest.importorskip(
        "tensorboard.backend.event_processing.event_accumulator", reason="needs the extra track"
    )
    found = accumulator.EventAccumulator(str(folder), size_guidance={"images": 0, "scalars": 0})
    found.Reload()
    return found


def steps(found: Any, tag: str) -> list[int]:
    kind = found.Images if tag in found.Tags()["images"] else found.Scalars
    return [event.step for event in kind(tag)]


def contents(path: Path) -> dict[str, bytes]:
    return {str(p.relative_to(path)): p.read_bytes() for p in path.rglob("*") if p.is_file()}


@pytest.fixture
def without_tensorboard(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard.writer", None)


@pytest.mark.usefixtures("without_tensorboard")
def test_a_run_survives_a_missing_package(tmp_path: Path, run: Path, tiny: Tiny) -> None:
    before = contents(run)
    with pytest.raises(MissingExtraError, match=r"tensorboard is not installed.*featlearn\[track"):
        pretrain(tiny(), out=run, root=tmp_path, overwrite=True, track=True)
    with pytest.raises(MissingExtraError, match="tensorboard is not installed"):
        finetune(run, root=tmp_path, labels=200, overwrite=True, track=True)
    with pytest.raises(MissingExtraError, match="tensorboard is not installed"):
        pretrain(tiny(), out=tmp_path / "new", root=tmp_path, track=True)
    assert contents(run) == before
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize("hold_out", [0.0, 0.1])
def test_filters_are_drawn_at_the_end_of_every_epoch(
    tmp_path: Path, tiny: Tiny, hold_out: float
) -> None:
    pytest.importorskip("tensorboard")
    recipe = tiny(
        data={"hold_out": hold_out},
        pretrain={"schedule": "greedy-then-joint", "joint_epochs": 1, "batch": 50},
    )
    pretrain(recipe, out=tmp_path / "run", root=tmp_path, track=True)
    found = events(tmp_path / "run" / "events")
    drawn = {tag: steps(found, tag) for tag in found.Tags()["images"]}
    assert drawn == {
        "edges/filters/edges": [2, 4],
        "parts/filters/parts": [6, 8],
        "joint/filters/edges": [10],
        "joint/filters/parts": [10],
    }
    assert steps(found, "edges/lr") == [1, 2, 4]
    assert ("parts/held_out/loss" in found.Tags()["scalars"]) == (hold_out > 0)


def test_steps_that_are_taken_again_are_shown_once(
    tmp_path: Path, tiny: Tiny, stopper: Stopper, crash: type[BaseException]
) -> None:
    pytest.importorskip("tensorboard")
    recipe = tiny(pretrain={"epochs": 4, "batch": 50})
    pretrain(recipe, out=tmp_path / "whole", root=tmp_path, track=True)
    cut = RunDirectory(tmp_path / "cut")
    # Steps 13 to 15 are written and lost: the last checkpoint is the one between the phases.
    with pytest.raises(crash):
        pretrain(recipe, out=cut.path, root=tmp_path, track=True, progress=stopper(15))
    pretrain(recipe, out=cut.path, root=tmp_path, track=True, resume=True)
    whole, again = events(tmp_path / "whole" / "events"), events(cut.events)
    tags = [*whole.Tags()["scalars"], *whole.Tags()["images"]]
    assert {"edges/lr", "parts/lr", "parts/filters/parts"} <= {*tags}
    assert {tag: steps(again, tag) for tag in tags} == {tag: steps(whole, tag) for tag in tags}


def test_a_head_shows_the_filters_that_it_changes(tmp_path: Path, run: Path) -> None:
    pytest.importorskip("tensorboard")
    finetune(
        run, root=tmp_path, name="seen", labels=100, overrides=["finetune.epochs=1"], track=True
    )
    found = events(RunDirectory(run).head("seen").events)
    assert found.Tags()["images"] == ["finetune/filters/edges", "finetune/filters/parts"]
    (sprite,) = RunDirectory(run).head("seen").events.rglob("sprite.png")
    points = (sprite.parent / "tensors.tsv").read_text(encoding="utf-8").splitlines()
    assert len(points) == 100  # the labelled images, as the changed stages see them


def test_a_map_of_images_is_written_at_the_end(tmp_path: Path, tiny: Tiny) -> None:
    pytest.importorskip("tensorboard")
    plain = pretrain(tiny(), out=tmp_path / "plain", root=tmp_path)
    tracked = pretrain(tiny(), out=tmp_path / "run", root=tmp_path, track=True)
    assert tracked.files == plain.files  # looking changes nothing
    (sprite,) = (tmp_path / "run" / "events").rglob("sprite.png")
    points = (sprite.parent / "tensors.tsv").read_text(encoding="utf-8").splitlines()
    names = (sprite.parent / "metadata.tsv").read_text(encoding="utf-8").splitlines()
    stack = load_stack(tmp_path / "run").stack
    assert len(points) == len(names) == min(500, tracked.data.train)
    assert {len(row.split("\t")) for row in points} == {stack.output_shape.units}
    assert set(names) == set("0123456789")
