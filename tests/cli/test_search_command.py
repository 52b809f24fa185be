"""`featlearn sweep`: what it says, what it refuses, and a kill."""

import json
import os
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from featlearn_cli.main import group
from tests.cli.conftest import TINY

Run = Callable[..., Result]
RATE = ("--search", "pretrain.optimizer.lr=1e-4..1e-1:log")


def test_for_people(run: Run, tiny: Path) -> None:
    result = run("sweep", tiny, "--out", "s", *RATE, "--search", "pretrain.batch=16|32",
                 "--trials", "3")  # fmt: skip
    assert result.exit_code == 0, result.output
    lines = result.stdout.splitlines()
    assert any(line.split() == ["best", "recipe", "s/best.toml"] for line in lines)
    assert "held-out loss of pre-training, on 5 held-out images" in result.stdout
    assert "3 trials: 3 complete" in result.stdout
    head = next(line for line in lines if line.startswith("trial "))
    assert head.split() == ["trial", "held-out", "loss", "pretrain.optimizer.lr", "pretrain.batch",
                            "time"]  # fmt: skip
    losses = [float(line.split()[1]) for line in lines[lines.index(head) + 1 :]]
    assert losses == sorted(losses)
    assert len(losses) == 3
    assert "trials: 3/3, trial 3: " in result.stderr
    assert "Next: `featlearn pretrain s/best.toml --out RUN`" in result.stderr


def test_the_best_recipe_is_taken_by_pretrain(run: Run, tiny: Path) -> None:
    found = json.loads(
        run("sweep", tiny, "--out", "s", *RATE, "--trials", "2", "--json", "-q").stdout
    )
    run_of_it = json.loads(run("pretrain", "s/best.toml", "--out", "r", "--json", "-q").stdout)
    assert run_of_it["phases"][0]["held_out"]["loss"] == found["best"]["value"]


def test_as_json_by_labels(run: Run, tiny: Path) -> None:
    words = ("--search", "finetune.optimizer.lr=1e-3..1e-1:log", "--labels", "20", "--trials", "2")
    result = run("sweep", tiny, "--out", "s", *words, "--json", "-q")
    assert result.exit_code == 0, result.output
    assert result.stderr == ""
    found = json.loads(result.stdout)
    assert found == json.loads(Path("s/results.json").read_text())
    assert (found["command"], found["labels"], found["judged"]) == ("sweep", 20, 80)
    assert [trial["number"] for trial in found["trials"]] == [1, 2]
    assert found["spaces"] == {"finetune.optimizer.lr": "0.001..0.1:log"}
    assert set(found["files"]) == {"best.toml", "sweep.png"}
    told = run("sweep", tiny, "--out", "s", *words, "--resume")
    assert "Next: `featlearn pretrain s/best.toml --out RUN`, then `featlearn finetune RUN" in (
        told.stderr
    )
    assert "%" in told.stdout


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        ((), 2, "Missing option '--search'"),
        (("--search", "pretrain.batch"), 2, "expected KEY=SPACE"),
        (("--search", "pretrain.bacth=1..2"), 2, "did you mean batch?"),
        (("--search", "pretrain.batch=64"), 2, "leaves nothing to choose from"),
        (("--search", "pretrain.batch=0..2"), 2, "pretrain.batch must be >= 1; got 0"),
        (("--search", "stages.strokes.filter.size=3..9"), 2, "with 9, stage 'strokes'"),
        (("--search", "finetune.freeze=0..1"), 2, "add --labels N"),
        ((*RATE, *RATE), 2, "is searched already"),
        ((*RATE, "--labels", "20,40"), 2, "a sweep takes one number of labels"),
        ((*RATE, "--label-seed", "1"), 2, "add --labels N"),
        ((*RATE, "--labels", "3"), 1, "cannot be shared among 10 classes"),
        ((*RATE, "--trials", "0"), 2, "--trials"),
        ((*RATE, "--budget", "0"), 2, "--budget"),
        ((*RATE, "--sampler", "grid"), 2, "'tpe'"),
        ((*RATE, "--resume"), 1, "nothing to resume"),
        ((*RATE, "--resume", "--overwrite"), 2, "contradict"),
        ((*RATE, "--set", "pretrain.bacth=3"), 2, "did you mean batch?"),
        ((*RATE, "--set", "data.hold_out=0"), 2, "the recipe holds out none"),
    ],
)
def test_bad_input(run: Run, tiny: Path, words: tuple[str, ...], code: int, said: str) -> None:
    result = run("sweep", tiny, "--out", "s", *words)
    assert result.exit_code == code, result.output
    assert said in result.stderr
    assert result.stdout == ""
    assert sum(line.startswith("Error: ") for line in result.stderr.splitlines()) == 1
    assert not Path("s").exists()


KILLED = (*RATE, "--trials", "12", "--threads", "1", "-q", "--set", "pretrain.epochs=3")


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Search without a stop, once."""
    folder = tmp_path_factory.mktemp("whole")
    (folder / "tiny.toml").write_text(TINY, encoding="utf-8")
    words = ["sweep", str(folder / "tiny.toml"), *KILLED, "--out", str(folder / "out")]
    result = CliRunner().invoke(group, words, prog_name="featlearn")
    assert result.exit_code == 0, result.output
    return folder / "out"


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_a_kill_ends_with_the_same_trials(
    run: Run, tiny: Path, whole: Path, environment: dict[str, str], number: signal.Signals
) -> None:
    words = ["sweep", str(tiny), *KILLED]
    process = subprocess.Popen(
        [sys.executable, "-m", "featlearn_cli", *words, "--out", "cut"],
        env=environment,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    begun = time.monotonic()
    while not Path("cut/best.toml").exists():  # a trial is done
        assert process.poll() is None
        assert time.monotonic() - begun < 100
        time.sleep(0.01)
    os.killpg(process.pid, number)
    _, said = process.communicate(timeout=60)
    assert not Path("cut/results.json").exists()
    again = [*words, "--out", "cut", "--resume"]
    if number == signal.SIGINT:
        assert process.returncode == 130
        assert said.startswith("stopped; ")
        assert "Traceback" not in said
        again = shlex.split(said.partition("Go on with: ")[2])[1:]
    assert run(*again, "-q").exit_code == 0
    one, other = (
        [
            {**trial, "seconds": 0.0}
            for trial in json.loads((folder / "results.json").read_text())["trials"]
        ]
        for folder in (Path("cut"), whole)
    )
    assert one == other
    assert Path("cut/best.toml").read_bytes() == (whole / "best.toml").read_bytes()
