"""The scripts that draw the pictures of the documentation."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
DIAGRAMS = {"sharing", "windows", "adjoint", "activations", "pooling", "contrast", "schedules"}
LEARNED = {"stage", "objectives", "edges", "contours", "places"}
REPORT = {"report-units", "report-unit", "report-phone"}  # of draw_report.py, which needs a browser


def drawn(script: str, out: Path, *options: str) -> set[str]:
    """Run a script, and name what it drew."""
    words = [sys.executable, str(ROOT / "scripts" / script), "--out", str(out), *options]
    result = subprocess.run(words, check=False, capture_output=True, text=True, timeout=300)
    assert result.returncode == 0, result.stderr
    files = [Path(line) for line in result.stdout.splitlines()]
    assert all(file.stat().st_size > 1000 for file in files)
    assert {file.name for file in out.iterdir()} == {file.name for file in files}
    return {file.stem for file in files}


def test_diagrams_are_drawn(tmp_path: Path) -> None:
    assert drawn("draw_diagrams.py", tmp_path) == DIAGRAMS


@pytest.mark.slow
def test_what_is_learned_is_drawn(tmp_path: Path) -> None:
    assert drawn("draw_learned.py", tmp_path, "--epochs", "1") == LEARNED


def test_every_picture_has_its_script() -> None:
    pictures = {path.stem for path in (ROOT / "docs" / "pictures").iterdir()}
    assert pictures == DIAGRAMS | LEARNED | REPORT
    script = (ROOT / "scripts" / "draw_report.py").read_text(encoding="utf-8")
    assert all(name in script for name in REPORT)
    page = (ROOT / "docs" / "concepts.md").read_text(encoding="utf-8")
    assert set(re.findall(r"\(pictures/(\w+)\.png\)", page)) == DIAGRAMS | LEARNED
