"""The benchmark of Boltzmann machines trains both sides, and judges them alike."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

SCRIPT = Path(__file__).parents[2] / "scripts" / "bench" / "rbm.py"


def run(*words: str) -> subprocess.CompletedProcess[str]:
    """Run the script to its end."""
    command = [sys.executable, str(SCRIPT), *words]
    return subprocess.run(command, check=False, capture_output=True, text=True, timeout=300)


@pytest.mark.slow
@pytest.mark.data("mnist")
def test_both_sides_are_trained_and_judged(data_root: Path) -> None:
    words = ("--seconds", "1", "--rounds", "1", "--settings", "100:0.1", "--train", "1000")
    found = run(*words, "--ais-chains", "5", "--ais-steps", "5", "--processor-time", "--json")
    assert found.returncode == 0, found.stderr
    result = json.loads(found.stdout)
    ours, theirs = result["rows"]
    assert (ours["side"], theirs["side"]) == ("featlearn", "scikit-learn, batch 100, rate 0.1")
    for row in (ours, theirs):
        assert row["seconds"] > 0
        assert row["epochs"] > 0
        assert -550 < row["pseudo_likelihood"] < 0
        assert row["log_z_error"] > 0
    for measure, gain in result["gain_over_best"].items():
        assert gain == pytest.approx(ours[measure] - theirs[measure])


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--seconds", "0"), "--seconds must be at least 1; got 0"),
        (("--settings", "10"), "a setting is BATCH:RATE; got '10'"),
        (("--settings", "0:0.1"), "batch and rate must be above 0; got '0:0.1'"),
    ],
)
def test_what_cannot_be_measured_is_refused(
    run_here: Callable[..., Any], words: tuple[str, str], said: str
) -> None:
    found = run_here(SCRIPT, *words)
    assert found.returncode == 2
    assert said in found.stderr
