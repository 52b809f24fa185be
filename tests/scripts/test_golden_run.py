"""The script that makes golden runs can make them when the version is raised, and then only."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from featlearn.networks.formats import FORMAT

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = ROOT / "scripts" / "golden_run.py"


def files(folder: Path) -> set[Path]:
    return {path.relative_to(folder) for path in folder.rglob("*") if path.is_file()}


@pytest.mark.slow
def test_runs_are_made_once_and_whole(tmp_path: Path, run_here: Callable[..., Any]) -> None:
    words = [sys.executable, str(SCRIPT), "--out", str(tmp_path)]
    made = subprocess.run(words, check=False, capture_output=True, text=True, timeout=120)
    folder = tmp_path / f"format-{FORMAT}"
    assert (made.returncode, made.stdout) == (0, f"{folder}\n"), made.stderr
    assert files(folder) == files(ROOT / "tests" / "golden" / folder.name)
    assert sum((folder / path).stat().st_size for path in files(folder)) < 300_000
    again = run_here(SCRIPT, "--out", str(tmp_path))
    assert again.returncode == 1
    assert "never made again" in again.stderr
