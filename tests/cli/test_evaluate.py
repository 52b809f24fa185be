"""`evaluate` where nothing can be written."""

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
