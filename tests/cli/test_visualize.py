"""`featlearn visualize`: kinds, units, formats, and what is refused."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result

from featlearn.workflows.drawing.kinds import KINDS, QUICK
from featlearn_cli.commands import visualize

Run = Callable[..., Result]


@pytest.fixture
def learned(run: Run, tiny: Path) -> Path:
    result = run("pretrain", tiny, "--out", "run", "-q", "--json")
    assert result.exit_code == 0, result.output
    return Path("run")


def test_help_lists_every_kind(run: Run) -> None:
    told = run("visualize", "--help").stdout
    assert visualize.KINDS == KINDS
    for kind in KINDS:
        assert f"\n    {kind} " in told


def test_what_is_beyond_the_quick_kinds_is_said(run: Run, learned: Path) -> None:
    result = run("visualize", learned, "--out", "pictures")
    assert result.exit_code == 0, result.output
    assert f"Next: name more to draw with --what: {', '.join(KINDS[len(QUICK) :])}" in result.stderr


def test_units_of_a_stage_as_pdf(run: Run, learned: Path) -> None:
    words = ["--what", "top-images", "--stage", "1", "--unit", "0", "--unit", "1", "--images", "9"]
    result = run("visualize", learned, *words, "--format", "pdf", "--out", "x", "--json")
    assert result.exit_code == 0, result.output
    files = json.loads(result.stdout)["files"]
    assert len(files) == 2
    assert all(Path(file).read_bytes().startswith(b"%PDF") for file in files)
    assert "images that units look at" in result.stderr


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--stage", "7"], "there is no stage '7'; the stages are 1 "),
        (["--what", "projections", "--unit", "99999"], "no unit 99999"),
        (["--what", "curves", "--unit", "1"], "curves takes no --unit"),
        (["--what", "art"], "'art' is not one of 'filters'"),
        (["--what", "saliency"], "has no trained head"),
        (["--images", "0"], "0 is not in the range"),
    ],
)
def test_what_cannot_be_drawn_is_bad_usage(
    run: Run, learned: Path, words: list[str], said: str
) -> None:
    result = run("visualize", learned, *words, "--out", "new")
    assert result.exit_code == 2, result.output
    assert said in result.stderr
    assert not Path("new").exists()
