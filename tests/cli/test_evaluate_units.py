"""`evaluate --units` by the command line."""

import errno
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result

Run = Callable[..., Result]


def test_units_are_shown_and_kept(run: Run, tiny: Path, trained: Callable[..., Path]) -> None:
    path = trained(tiny)
    shown = run("evaluate", path, "--units", "--labels", "40", "--positives", "3")
    assert shown.exit_code == 0, shown.output
    assert "Units chosen on 40 training images of digits, scored on 500 test images" in shown.stdout
    for words in ("best unit", "random weights", "best linear filter", "majority guess"):
        assert words in shown.stdout
    assert "images" in shown.stderr
    machine = run("evaluate", path, "--units", "--labels", "40", "--positives", "3", "--json", "-q")
    assert machine.stderr == ""
    assert json.loads(machine.stdout) == json.loads((path / "units.json").read_bytes())


def test_figures_are_shown_before_they_are_lost(
    run: Run, tiny: Path, trained: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(path: Path, value: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied", str(path))

    monkeypatch.setattr("featlearn.workflows.unit_test.write_json", refuse)
    shown = run("evaluate", trained(tiny), "--units", "--labels", "40", "--positives", "3")
    assert shown.exit_code == 1
    assert "best unit" in shown.stdout
    assert "These figures were not written into the run." in shown.stderr


@pytest.mark.parametrize(
    ("words", "said", "code"),
    [
        (["--positives", "3"], "--positives belongs to --units", 2),
        (["--distractors", "digits"], "--distractors belongs to --units", 2),
        (["--against", "run"], "--against belongs to --units", 2),
        (["--units", "--probe"], "--probe and --units are two commands", 2),
        (["--units", "--head", "own"], "--units looks at no head", 2),
        (["--units", "--positives", "cat"], "digits has no class 'cat'", 2),
        (["--units", "--distractors", "digits"], "goes with --positives SRC", 2),
        (
            ["--units", "--positives", "cats/", "--distractors", "digits"],
            "Invalid value for '--positives': there is no file or folder 'cats/'",
            2,
        ),
        (["digits", "--units", "--positives", "x", "--distractors", "digits"], "no file or", 2),
        (["--labels", "3"], "--labels belongs to --probe and --units", 2),
        (["--units", "--labels", "3"], "3 labels cannot be shared among 10 classes", 1),
        (["--units", "--against", "tiny.toml"], "is a file; a run is a folder", 2),
    ],
)
def test_bad_input_is_one_sentence(
    words: list[str],
    said: str,
    code: int,
    run: Run,
    tiny: Path,
    trained: Callable[..., Path],
) -> None:
    trained(tiny)
    refused = run("evaluate", "run", *words)
    assert refused.exit_code == code
    assert said in refused.stderr
    assert refused.stderr.count("Error:") == 1
