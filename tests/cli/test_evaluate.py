"""`evaluate` and `check` where nothing can be written."""

import errno
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result

Run = Callable[..., Result]


@pytest.fixture
def no_room(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: Path, value: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied", str(path))

    monkeypatch.setattr("featlearn.workflows.evaluate.write_json", refuse)


@pytest.mark.usefixtures("no_room")
def test_figures_are_shown_before_they_are_lost(
    run: Run, tiny: Path, trained: Callable[..., Path]
) -> None:
    path = trained(tiny)
    assert run("finetune", path, "--labels", "50", "-q").exit_code == 0
    shown = run("evaluate", path)
    assert shown.exit_code == 1
    assert "accuracy" in shown.stdout
    note, error = shown.stderr.splitlines()
    assert note == "These figures were not written into the run."
    assert error.startswith("Error: no permission to use run/heads/default/evaluation.json")
    machine = run("evaluate", path, "--json")
    assert machine.exit_code == 1
    assert json.loads(machine.stdout)["images"] == 500
    given = run("evaluate", path, "digits:test")  # which are not kept
    assert (given.exit_code, given.stderr) == (0, "")


def test_figures_are_kept_before_they_are_shown(
    run: Run, tiny: Path, trained: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise BrokenPipeError(errno.EPIPE, "Broken pipe")

    path = trained(tiny)
    assert run("finetune", path, "--labels", "50", "-q").exit_code == 0
    monkeypatch.setattr("featlearn_cli.options.Computing.show", broken)
    assert run("evaluate", path).exit_code == 1
    kept = json.loads((path / "heads/default/evaluation.json").read_bytes())
    assert kept["images"] == 500


def test_check_tries_its_folder_first(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*_: object, **__: object) -> None:
        raise AssertionError("the images were opened")

    monkeypatch.setattr("featlearn.workflows.check.open_splits", never)
    Path("file").touch()
    refused = run("check", "digits", "--out", "file/pictures")
    assert refused.exit_code == 1
    assert "is a file, or lies under one" in refused.stderr
    assert [path.name for path in Path().iterdir()] == ["file"]
