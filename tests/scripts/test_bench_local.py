"""The benchmark of local layers refuses in a sentence what it cannot measure."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

SCRIPT = Path(__file__).parents[2] / "scripts" / "bench" / "local.py"


def run(*words: str) -> subprocess.CompletedProcess[str]:
    """Run the script to its end."""
    command = [sys.executable, str(SCRIPT), *words]
    return subprocess.run(command, check=False, capture_output=True, text=True, timeout=300)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--shapes", "S1", "S6", "S7"], "S6 and S7 are for a CUDA device"),
        pytest.param(
            ["--device", "cuda"],
            "--device cuda was asked for, but PyTorch finds no CUDA device",
            marks=pytest.mark.skipif(torch.cuda.is_available(), reason="there is one"),
        ),
        (["--threads", "0"], "--threads must be at least 1; got 0"),
        (["--rounds", "-3"], "--rounds must be at least 1; got -3"),
    ],
)
def test_what_cannot_be_measured_is_refused(
    run_here: Callable[..., Any], words: list[str], said: str
) -> None:
    found = run_here(SCRIPT, *words)
    assert found.returncode == 2
    assert f"error: {said}" in found.stderr


def test_every_option_says_what_it_is() -> None:
    found = run("--help")
    assert found.returncode == 0
    said = " ".join(found.stdout.split())
    assert all(words in said for words in ("sizes of layers", "where to compute", "turns of each"))
