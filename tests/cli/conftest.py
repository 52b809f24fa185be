"""Commands run in this process, and as processes of their own."""

import os
import shlex
import subprocess
import sys
from collections.abc import Callable, Generator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from featlearn_cli.main import group
from tests.cli.wrong_files import write_all

ROOT = Path(__file__).resolve().parents[2]

TINY = """\
title = "Tiny"

[data]
source = "digits"
limit  = 100

[[stages]]
name      = "strokes"
filter    = { kind = "conv", size = 3, maps = 4 }
pool      = { kind = "l2", size = 2, stride = 2 }
objective = { kind = "denoising", corruption = { kind = "mask" } }

[pretrain]
epochs = 1
batch  = 25

[finetune]
epochs = 1
batch  = 25
"""

Run = Callable[..., Result]
Start = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def run(empty_folder: Path) -> Run:
    """Run a command line in this process, in an empty folder."""

    def invoke(*words: str | Path) -> Result:
        return CliRunner().invoke(group, [str(word) for word in words], prog_name="featlearn")

    return invoke


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Generator[Path]:
    """Stand in a folder of files that are wrong in one way each."""
    before, folder = Path.cwd(), tmp_path_factory.mktemp("world")
    os.chdir(folder)
    try:
        write_all()
        yield folder
    finally:
        os.chdir(before)


@pytest.fixture
def check_refused(world: Path) -> Callable[[str, int, str], None]:
    """Run a line that ends with a code, one sentence that says so, and nothing written."""

    def check(line: str, code: int, said: str) -> None:
        before = _files(world)
        result = CliRunner().invoke(group, shlex.split(line), prog_name="featlearn")
        assert (result.exit_code, result.stdout) == (code, ""), result.output
        # Of a word that is wrong, click shows beforehand how the command is used.
        lines = [text for text in result.stderr.splitlines() if text.strip()]
        (sentence,) = (text for text in lines if not text.startswith(("Usage: ", "Try '")))
        assert sentence.startswith("Error: ")
        assert said in sentence
        assert "unforeseen" not in sentence
        assert sentence.isprintable()
        assert _files(world) == before

    return check


@pytest.fixture
def environment() -> dict[str, str]:
    """Give the environment of a process that can import the packages from the checkout."""
    paths = os.pathsep.join([str(ROOT), str(ROOT / "cli")])
    return {**os.environ, "PYTHONPATH": paths, "OMP_NUM_THREADS": "1"}


@pytest.fixture
def start(environment: dict[str, str], empty_folder: Path) -> Start:
    """Run a command line as a process of its own, in an empty folder."""

    def invoke(*words: str | Path) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "featlearn_cli", *map(str, words)],
            check=False,
            capture_output=True,
            text=True,
            env=environment,
            timeout=120,
        )

    return invoke


@pytest.fixture
def tiny(tmp_path: Path) -> Path:
    """Write a recipe that trains in a blink."""
    path = tmp_path / "tiny.toml"
    path.write_text(TINY, encoding="utf-8")
    return path


@pytest.fixture
def trained(run: Run) -> Callable[..., Path]:
    """Train a recipe by the command line, in a folder of the current one."""

    def train(recipe: Path, out: str = "run") -> Path:
        result = run("pretrain", recipe, "--out", out, "-q", "--json")
        assert result.exit_code == 0, result.output
        return Path(out)

    return train


def _files(world: Path) -> dict[Path, int]:
    """Tell when each file was written; folders are locked, and may be made for that, in passing."""
    return {path: 0 if path.is_dir() else path.lstat().st_mtime_ns for path in world.rglob("*")}
