"""`featlearn finetune` as a sweep: what it says, what it refuses, and a kill."""

import contextlib
import json
import os
import shutil
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
SWEEP = ("--labels", "20,40", "--label-seeds", "2", "--control", "scratch")


def succeed(*words: str) -> None:
    result = CliRunner().invoke(group, words, prog_name="featlearn")
    assert result.exit_code == 0, result.output


@pytest.fixture(scope="module")
def pretrained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Train a run once; nothing may write into it."""
    folder = tmp_path_factory.mktemp("pretrained")
    (folder / "tiny.toml").write_text(TINY, encoding="utf-8")
    succeed("pretrain", str(folder / "tiny.toml"), "--out", str(folder / "run"), "-q", "--json")
    return folder / "run"


@pytest.fixture
def trained(empty_folder: Path, pretrained: Path) -> Path:
    """Give a copy of it to a test of its own, in the current folder."""
    return shutil.copytree(pretrained, Path("run"))


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_as_json(run: Run, trained: Path) -> None:
    result = run("finetune", trained, *SWEEP, "--json", "-q")
    assert result.exit_code == 0, result.output
    assert result.stderr == ""
    found = json.loads(result.stdout)
    assert found == json.loads((trained / "sweeps/labels/results.json").read_text())
    assert [row["labels"] for row in found["table"]] == [20, 40]
    assert [draw["label_seed"] for draw in found["table"][0]["draws"]] == [0, 1]


def test_for_people(run: Run, trained: Path) -> None:
    result = run("finetune", trained, *SWEEP, "--name", "two", "--threads", "1")
    assert result.exit_code == 0, result.output
    lines = result.stdout.splitlines()
    assert any(line.split() == ["figure", "run/sweeps/two/few-labels.png"] for line in lines)
    assert "always the largest class  89.80 % error" in result.stdout
    head = next(line for line in lines if line.startswith("labels"))
    assert head.split("  ")[0] == "labels"
    assert "from scratch errs more, points" in head
    row = next(line for line in lines if line.startswith("40"))
    assert row.count("[") == 3
    assert "8 trials" in result.stderr
    assert "trials: 8/8, 40 labels, draw 1, from scratch: error" in result.stderr
    assert "Next: `featlearn report run`" in result.stderr


def test_ten_draws_unless_asked_otherwise_and_draws_of_one_number(run: Run, trained: Path) -> None:
    ten = json.loads(run("finetune", trained, "--labels", "20,30", "--json", "-q").stdout)
    assert [len(row["draws"]) for row in ten["table"]] == [10, 10]
    words = ("--label-seeds", "2", "--name", "all", "--json", "-q")
    one = json.loads(run("finetune", trained, *words).stdout)
    assert [(row["labels"], row["labelled"]) for row in one["table"]] == [("all", 100)]


def test_one_number_is_a_head_as_before(run: Run, trained: Path) -> None:
    for words, labels in ((("--labels", "020"), 20), (("--labels", "all"), "all"), ((), "all")):
        result = run("finetune", trained, *words, "--overwrite", "--json", "-q")
        assert json.loads(result.stdout)["labels"] == labels, result.output
    assert not (trained / "sweeps").exists()


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("--labels", "20,x"), 2, "'x' is no number of labels; write a whole number of at least"),
        (("--labels", "20,"), 2, "'' is no number of labels"),
        (("--labels", "0"), 2, "'0' is no number of labels"),
        (("--labels", "-3"), 2, "'-3' is no number of labels"),
        (("--labels", "1" * 5000), 2, "is no number of labels"),
        (("--labels", "20,30,20"), 2, "20 stands there twice"),
        (("--labels", "20,200"), 1, "200 labels were asked for, but there are 100 labelled"),
        (("--labels", "20,30", "--label-seeds", "1"), 2, "--label-seeds"),
        (("--labels", "20,30", "--from-scratch"), 2, "a sweep takes --control scratch"),
        ((*SWEEP, "--from-scratch"), 2, "a sweep takes --control scratch"),
        (("--labels", "20,30", "--label-seed", "0"), 2, "a sweep takes --label-seeds"),
        (("--labels", "20,30", "--track"), 2, "nothing to --track"),
        (("--labels", "20,30", "--save-seconds", "60"), 2, "leave out --save-seconds"),
        (("--labels", "20,30", "--resume", "--overwrite"), 2, "contradict"),
        (("--labels", "20,30", "--control", "magic"), 2, "'scratch'"),
        (("--labels", "20", "--control", "scratch"), 2, "--control belongs to a sweep"),
        (("--control", "scratch", "--from-scratch"), 2, "--control belongs to a sweep"),
        (("--labels", "20", "--tune"), 2, "--tune belongs to a sweep"),
        (("--labels", "20,30", "--name", "a/b"), 2, "cannot name a sweep"),
        (("--labels", "20,30", "--resume"), 1, "nothing to resume"),
    ],
)
def test_bad_input(run: Run, trained: Path, words: tuple[str, ...], code: int, said: str) -> None:
    result = run("finetune", trained, *words)
    assert result.exit_code == code, result.output
    assert said in result.stderr
    assert result.stdout == ""
    assert sum(line.startswith("Error: ") for line in result.stderr.splitlines()) == 1
    assert not (trained / "sweeps").exists()
    assert not (trained / "heads").exists()


KILLED = ("--labels", "20,40", "--label-seeds", "20", "-q")


@pytest.fixture(scope="module")
def whole(pretrained: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Sweep a run once without a stop; nothing may write into what it leaves."""
    run = shutil.copytree(pretrained, tmp_path_factory.mktemp("whole") / "run")
    with contextlib.chdir(run.parent):  # the figures name the run as it was named
        succeed("finetune", run.name, *KILLED, "--name", "whole", "--threads", "1")
    return run / "sweeps" / "whole"


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_a_kill_of_all_processes_ends_with_the_same_bytes(
    run: Run, trained: Path, whole: Path, environment: dict[str, str], number: signal.Signals
) -> None:
    words = ["finetune", str(trained), *KILLED]
    folder = trained / "sweeps" / "labels"
    process = subprocess.Popen(
        [sys.executable, "-m", "featlearn_cli", *words, "--threads", "2"],
        env=environment,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    known, begun = folder / "trials.jsonl", time.monotonic()
    while not known.exists() or known.read_bytes().count(b"\n") < 3:
        assert process.poll() is None
        assert time.monotonic() - begun < 100
        time.sleep(0.01)
    if number == signal.SIGINT:
        os.killpg(process.pid, number)  # as a terminal does
    else:
        process.kill()
    _, said = process.communicate(timeout=60)
    assert not (folder / "results.json").exists()
    if number == signal.SIGINT:
        assert process.returncode == 130
        assert said.startswith("stopped; ")
        assert "Traceback" not in said
    assert run(*words, "--resume", "--threads", "1").exit_code == 0
    one, other = contents(folder), contents(whole)
    for name in ("trials.jsonl", "few-labels.png", "recipe.toml"):
        assert one[name] == other[name]
    assert one["results.json"] == other["results.json"].replace(b'"whole"', b'"labels"')
