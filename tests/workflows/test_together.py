"""Two trainings in one run folder: the second is refused, and changes nothing."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from featlearn.config.recipe import Recipe
from featlearn.errors import CheckpointError
from featlearn.training.progress import Silent, StepReport
from featlearn.training.rundir import RunDirectory
from featlearn.workflows.finetune import finetune
from featlearn.workflows.pretrain import pretrain

pytest.importorskip("fcntl", reason="needs the locks of POSIX")

Tiny = Callable[..., Recipe]


class Meanwhile(Silent):
    """Does something, once, in the middle of a training."""

    def __init__(self, act: Callable[[], None]) -> None:
        self.act: Callable[[], None] | None = act

    def step(self, report: StepReport) -> None:
        if self.act is not None and report.step == 2:
            act, self.act = self.act, None
            act()


def outcome(path: Path) -> tuple[bytes, bytes]:
    run = RunDirectory(path)
    return run.model_file.read_bytes(), run.metrics_file.read_bytes()


def contents(folder: Path) -> dict[str, bytes]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


@pytest.mark.parametrize("options", [{}, {"overwrite": True}, {"resume": True}])
def test_a_second_pre_training_is_refused_and_the_first_goes_on(
    tmp_path: Path, tiny: Tiny, options: dict[str, Any]
) -> None:
    pretrain(tiny(), out=tmp_path / "whole", root=tmp_path, device="cpu")
    path = tmp_path / "run"

    def again() -> None:
        before = contents(path)
        with pytest.raises(CheckpointError, match=f"{path} is in use by another training"):
            pretrain(tiny(), out=path, root=tmp_path, device="cpu", **options)
        assert contents(path) == before

    told = Meanwhile(again)
    pretrain(tiny(), out=path, root=tmp_path, device="cpu", progress=told, save_seconds=0)
    assert told.act is None
    assert outcome(path) == outcome(tmp_path / "whole")


def test_heads_are_trained_side_by_side_but_each_by_one(run: Path, tiny: Tiny) -> None:
    def others() -> None:
        before = contents(run)
        with pytest.raises(CheckpointError, match="heads/one is in use by another training"):
            finetune(run, root=run, name="one", overwrite=True)
        with pytest.raises(CheckpointError, match=f"{run} is in use by another training"):
            pretrain(tiny(), out=run, root=run, overwrite=True)
        assert contents(run) == before
        finetune(run, root=run, name="two", labels=60)

    finetune(run, root=run, name="one", labels=60, progress=Meanwhile(others))
    assert {"one", "two"} <= {*RunDirectory(run).heads()}
    assert outcome(run / "heads" / "one") == outcome(run / "heads" / "two")


def test_a_run_in_training_has_no_heads_yet(tmp_path: Path, tiny: Tiny) -> None:
    path = tmp_path / "run"

    def early() -> None:
        with pytest.raises(CheckpointError, match="in use by another training"):
            finetune(path, root=tmp_path)

    told = Meanwhile(early)
    pretrain(tiny(), out=path, root=tmp_path, progress=told)
    assert told.act is None
