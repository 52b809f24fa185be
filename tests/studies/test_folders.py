"""What the folders of studies have in common: refusals, and what a stop means."""

import signal
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from featlearn.errors import CheckpointError, Interrupted
from featlearn.files import write_json
from featlearn.networks.formats import FORMAT
from featlearn.studies.digit_variants.study import digit_variants
from featlearn.studies.digits_av.study import digits_av
from featlearn.studies.faces.helped import faces_multitask
from featlearn.studies.faces.study import face_unit
from featlearn.studies.few_labels.study import few_labels
from featlearn.studies.folders import SETTINGS, check_folder, check_settings, same_command
from featlearn.studies.mnist_table.study import mnist_table
from featlearn.studies.single_layer.study import single_layer
from featlearn.training.signals import Stopped

STUDIES = [
    digit_variants,
    digits_av,
    face_unit,
    faces_multitask,
    few_labels,
    mnist_table,
    single_layer,
]


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """What figures are of."""

    format: int = FORMAT
    seed: int


@pytest.mark.parametrize(
    "stop", [Interrupted(signal.SIGINT, "go on with --resume"), Stopped(signal.SIGINT)]
)
def test_a_stop_leads_to_the_same_command(stop: BaseException) -> None:
    with (
        pytest.raises(Interrupted, match="and the same command goes on from there") as found,
        same_command(),
    ):
        raise stop
    assert found.value.signal_number == signal.SIGINT


@pytest.mark.parametrize("study", STUDIES, ids=lambda study: study.__name__)
def test_every_study_says_so(
    study: Callable[..., object], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stopped(*_: object, **__: object) -> None:
        raise Interrupted(signal.SIGTERM, "go on with --resume")

    # Each looks for its data, or sets its threads, before anything else.
    module = __import__(study.__module__, fromlist=["_"])
    for name in ("find_root", "use_threads", "Running"):
        if hasattr(module, name):
            monkeypatch.setattr(module, name, stopped)
    monkeypatch.setattr("featlearn.workflows.running.Running.prepare", stopped)
    with pytest.raises(Interrupted, match="the same command"):
        study(tmp_path / "new")
    assert not (tmp_path / "new").exists()


def test_a_folder_of_other_things_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "out"
    assert not check_folder(folder, own="runs")
    folder.mkdir()
    assert not check_folder(folder, own="runs")
    (folder / "letter.txt").write_text("mine")
    with pytest.raises(CheckpointError, match="out holds other files; name a new or an empty"):
        check_folder(folder, own="runs")
    with pytest.raises(CheckpointError, match=r"letter.txt is a file; name a folder"):
        check_folder(folder / "letter.txt", own="runs")
    (folder / "runs").mkdir()
    assert check_folder(folder, own="runs")


def test_figures_of_other_settings_are_not_mixed(tmp_path: Path) -> None:
    def check(seed: int) -> None:
        check_settings(tmp_path, Asked(seed=seed), words=lambda asked: f"figures of {asked.seed}")

    check(3)
    write_json(tmp_path / SETTINGS, msgspec.to_builtins(Asked(seed=3)))
    check(3)
    with pytest.raises(CheckpointError, match="holds figures of 3; ask for the same, or name"):
        check(4)
    (tmp_path / SETTINGS).write_text("{")
    with pytest.raises(CheckpointError, match=r"study.json is damaged"):
        check(3)
