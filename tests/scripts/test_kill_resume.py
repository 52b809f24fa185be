"""The script that kills trainings, on two of them."""

import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

SCRIPT = Path(__file__).resolve().parents[2] / "scripts" / "kill_resume.py"


def run(*options: str) -> subprocess.CompletedProcess[str]:
    words = [sys.executable, str(SCRIPT), *options]
    return subprocess.run(words, check=False, capture_output=True, text=True, timeout=300)


@pytest.mark.slow
def test_killed_trainings_end_with_the_same_bytes() -> None:
    result = run("--kills", "2", "--epochs", "3", "--seed", "5")
    lines = result.stdout.splitlines()
    assert lines[-1] == "2 of 2 byte-equal", result.stdout + result.stderr
    assert result.returncode == 0
    kills = [line for line in lines if line.startswith("kill ")]
    assert len(kills) == 2
    assert all(
        re.fullmatch(r"kill \d of 2: (pretrain|finetune) .*: byte-equal", line) for line in kills
    )


def test_help_says_what_it_does(run_here: Callable[..., Any]) -> None:
    result = run_here(SCRIPT, "--help")
    assert result.returncode == 0
    assert "SIGKILL" in result.stdout
