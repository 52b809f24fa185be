"""The benchmark of tiled filters times both ways, and says what the rule makes of them."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

SCRIPT = Path(__file__).parents[2] / "scripts" / "bench" / "tiled.py"


def run(*words: str) -> subprocess.CompletedProcess[str]:
    """Run the script to its end."""
    command = [sys.executable, str(SCRIPT), *words]
    return subprocess.run(command, check=False, capture_output=True, text=True, timeout=300)


def test_both_ways_of_a_layer_are_timed() -> None:
    words = ("--shapes", "T7", "T10", "--dtypes", "float32", "--batch", "1", "--threads", "1")
    found = run(*words, "--rounds", "1", "--json")
    assert found.returncode == 0, found.stderr
    rows = json.loads(found.stdout)["rows"]
    passes = ["forward", "forward+backward", "transpose"]
    assert [(row["shape"], row["pass"]) for row in rows] == [
        (shape, kind) for shape in ("T7", "T10") for kind in passes
    ]
    for row in rows:
        assert row["gain"] == pytest.approx(row["apart_ms"] / row["joined_ms"], rel=0.05)
        assert row["right"] == (row["joins"] == (row["gain"] > 1))
    assert rows[0]["arithmetic"] == pytest.approx((6 / 5) ** 2)
    assert not rows[-1]["joins"]  # there is one channel


def test_what_cannot_be_measured_is_refused(run_here: Callable[..., Any]) -> None:
    found = run_here(SCRIPT, "--threads", "0")
    assert found.returncode == 2
    assert "error: --threads must be at least 1; got 0" in found.stderr
