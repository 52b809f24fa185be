"""`evaluate --likelihood` by the command line."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result

Run = Callable[..., Result]

RECIPE = """
title = "Strokes"
[data]
source = "digits"
limit = 100
[[stages]]
name = "strokes"
filter = { kind = "dense", maps = 30 }
activation = "sigmoid"
input = "none"
objective = { kind = "rbm" }
[pretrain]
epochs = 2
batch = 20
optimizer = { kind = "sgd", lr = 0.05 }
"""


@pytest.fixture
def machine(run: Run) -> Path:
    Path("strokes.toml").write_text(RECIPE)
    made = run("pretrain", "strokes.toml", "--out", "machine", "-q")
    assert made.exit_code == 0, made.output
    return Path("machine")


def test_likelihoods_are_shown_beside_base_rates(run: Run, machine: Path) -> None:
    budget = ("--ais-chains", "20", "--ais-steps", "10")
    shown = run("evaluate", machine, "--likelihood", *budget)
    assert shown.exit_code == 0, shown.output
    assert "Log-likelihoods of images of digits" in shown.stdout
    for words in ("base rates alone", "pseudo-likelihood", "20 chains of 10 steps"):
        assert words in shown.stdout
    machine_read = run("evaluate", machine, "--likelihood", *budget, "--json", "-q")
    assert machine_read.stderr == ""
    found = json.loads(machine_read.stdout)
    (stage,) = found["stages"]
    assert (found["chains"], found["steps"], stage["method"]) == (20, 10, "ais")
    assert stage["test"]["images"] == 500


def test_few_chains_that_carry_all_are_told_of(run: Run, machine: Path) -> None:
    shown = run("evaluate", machine, "--likelihood", "--ais-chains", "2", "--ais-steps", "1")
    assert "raise --ais-steps" in shown.stdout


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--likelihood", "--units"], "--units and --likelihood are two commands"),
        (["--likelihood", "--head", "own"], "--likelihood looks at no head"),
        (["--likelihood", "--labels", "9"], "--likelihood looks at no labels"),
        (["digits", "--likelihood"], "--likelihood takes no SOURCE"),
        (["--ais-steps", "9"], "--ais-steps belongs to --likelihood"),
        (["--likelihood", "--ais-chains", "1"], "--ais-chains"),
        (["--likelihood"], "has no stage whose objective is `rbm`"),
    ],
)
def test_what_is_refused(
    words: list[str], said: str, run: Run, tiny: Path, trained: Callable[..., Path]
) -> None:
    trained(tiny)
    refused = run("evaluate", "run", *words)
    assert refused.exit_code == 2
    assert said in refused.stderr
