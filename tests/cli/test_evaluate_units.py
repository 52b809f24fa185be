"""`evaluate --units` by the command line."""

import errno
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result

from featlearn.workflows.unit_results import UnitRow, UnitScore, UnitTestResult
from featlearn_cli.units import unit_tables

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
    assert "replaces" not in shown.stderr
    other = run("evaluate", path, "--units", "--labels", "40", "--positives", "5")
    assert "This replaces the figures of digits ('3' looked for, seed 0) in" in other.stderr
    (path / "units.json").write_text("{")
    again = run("evaluate", path, "--units", "--labels", "40", "--positives", "5")
    assert again.exit_code == 0
    assert "was not readable, and is replaced" in again.stderr


@pytest.mark.parametrize(("groups", "few"), [(None, False), (6, True), (19, True), (20, False)])
def test_intervals_by_few_groups_are_doubted(groups: int | None, few: bool) -> None:
    score = UnitScore(positive="a", accuracy=1.0, interval=(1.0, 1.0))
    row = UnitRow(
        kind="network",
        name="best unit",
        candidates=2,
        accuracy=1.0,
        interval=(1.0, 1.0),
        auc=None,
        behind=None,
        behind_interval=None,
        scores=(score,),
    )
    result = UnitTestResult(
        run="run",
        source="s",
        split="given",
        chosen_on=200,
        scored_on=200,
        groups=groups,
        seed=0,
        thresholds=20,
        positives=("a",),
        rows=(row, row),
        stages=(),
    )
    said = [line for line in unit_tables(result) if isinstance(line, str)]
    assert any(line.startswith(f"! only {groups} groups: intervals") for line in said) == few


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
