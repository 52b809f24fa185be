"""The benchmark of dictionary learning times all ways and judges them at the same price."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

SCRIPT = Path(__file__).parents[2] / "scripts" / "bench" / "dictionary.py"


def run(*words: str) -> subprocess.CompletedProcess[str]:
    """Run the script to its end."""
    command = [sys.executable, str(SCRIPT), *words]
    return subprocess.run(command, check=False, capture_output=True, text=True, timeout=300)


@pytest.mark.data("natural-olshausen-field")
def test_all_ways_are_timed_and_judged_at_the_same_price() -> None:
    small = ("--patches", "500", "--units", "32", "--batch", "100", "--active", "5")
    found = run(*small, "--epochs", "1", "--psd-epochs", "1", "--rounds", "1", "--json")
    assert found.returncode == 0, found.stderr
    report = json.loads(found.stdout)
    rows = report["rows"]
    assert [row["way"].split(",")[0] for row in rows] == ["featlearn", *["scikit-learn"] * 2]
    for row in rows:
        assert row["seconds"] > 0
        assert row["active"] == pytest.approx(5, abs=0.1)
        assert 0.2 < row["explained_variance"] < 1
    fastest = min(row["seconds"] for row in rows[1:])
    assert report["times_as_fast"] == pytest.approx(fastest / rows[0]["seconds"])
    for gap in report["feed_forward"].values():
        assert gap["one_pass"] < gap["inferred"]


def test_what_cannot_be_measured_is_refused(run_here: Callable[..., Any]) -> None:
    found = run_here(SCRIPT, "--active", "300")
    assert found.returncode == 2
    assert "error: --active must be at most --units (256); got 300" in found.stderr
    assert "--rounds must be at least 1; got 0" in run_here(SCRIPT, "--rounds", "0").stderr
