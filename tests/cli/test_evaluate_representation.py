"""`evaluate --representation` by the command line."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result

Run = Callable[..., Result]


def test_stages_are_shown_beside_random_weights(
    run: Run, tiny: Path, trained: Callable[..., Path]
) -> None:
    path = trained(tiny)
    shown = run("evaluate", path, "--representation")
    assert shown.exit_code == 0, shown.output
    assert "Outputs of stages for 500 test images of digits" in shown.stdout
    for words in ("lifetime", "effective rank", "random weights", "CKA"):
        assert words in shown.stdout
    machine = run("evaluate", path, "--representation", "--json", "-q")
    assert machine.stderr == ""
    found = json.loads(machine.stdout)
    assert len(found["stages"]) == len(found["random_weights"]) == len(found["cka_random"])
    beside = run("evaluate", path, "--representation", "--against", path)
    assert f"The same, with the stages of {path}" in beside.stdout
    refused = run("evaluate", path, "--probe", "--against", path)
    assert refused.exit_code == 2
    assert "--against belongs to --units and --representation" in refused.stderr


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--units", "--representation"], "--units and --representation are two commands"),
        (["--representation", "--head", "own"], "--representation looks at no head"),
        (["--representation", "--labels", "9"], "--representation looks at no labels"),
        (["digits", "--representation"], "--representation takes no SOURCE"),
    ],
)
def test_options_of_others_are_refused(
    words: list[str], said: str, run: Run, tiny: Path, trained: Callable[..., Path]
) -> None:
    trained(tiny)
    refused = run("evaluate", "run", *words)
    assert refused.exit_code == 2
    assert said in refused.stderr
