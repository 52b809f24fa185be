"""Commands run in this process, and as processes of their own."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from featlearn_cli.main import group

ROOT = Path(__file__).resolve().parents[2]

Run = Callable[..., Result]
Start = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def run(empty_folder: Path) -> Run:
    """Run a command line in this process, in an empty folder."""

    def invoke(*words: str | Path) -> Result:
        return CliRunner().invoke(group, [str(word) for word in words], prog_name="featlearn")

    return invoke


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
    path.write_text(
        """\
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
""",
        encoding="utf-8",
    )
    return path


@pytest.fixture
def trained(run: Run) -> Callable[..., Path]:
    """Train a recipe by the command line, in a folder of the current one."""

    def train(recipe: Path, out: str = "run") -> Path:
        result = run("pretrain", recipe, "--out", out, "-q", "--json")
        assert result.exit_code == 0, result.output
        return Path(out)

    return train
