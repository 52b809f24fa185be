"""`evaluate --gabor` by the command line."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result

Run = Callable[..., Result]
Train = Callable[..., Path]


def test_filters_are_shown_beside_controls(run: Run, tiny: Path, trained: Train) -> None:
    text = tiny.read_text(encoding="utf-8").replace("size = 3, maps", "size = 5, maps")
    tiny.write_text(text, encoding="utf-8")
    path = trained(tiny)
    shown = run("evaluate", path, "--gabor")
    assert shown.exit_code == 0, shown.output
    for words in ("strokes", "5x5", "random weights", "noise", "R2 >= 0.7"):
        assert words in shown.stdout
    machine = run("evaluate", path, "--gabor", "--json", "-q")
    assert machine.stderr == ""
    found = json.loads(machine.stdout)
    assert found == json.loads((path / "gabor.json").read_bytes())
    assert len(found["stages"][0]["fits"]) == 4


def test_too_small_filters_are_refused(run: Run, tiny: Path, trained: Train) -> None:
    path = trained(tiny)
    refused = run("evaluate", path, "--gabor")
    assert (refused.exit_code, refused.stdout) == (1, "")
    assert "filters of stage 'strokes' see 3x3 pixels" in refused.stderr
    assert not (path / "gabor.json").exists()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--units", "--gabor"], "--units and --gabor are two commands"),
        (["--gabor", "--head", "own"], "--gabor looks at no head"),
        (["--gabor", "--labels", "9"], "--gabor looks at no labels"),
        (["digits", "--gabor"], "--gabor takes no SOURCE"),
    ],
)
def test_options_of_others_are_refused(
    words: list[str], said: str, run: Run, tiny: Path, trained: Train
) -> None:
    trained(tiny)
    refused = run("evaluate", "run", *words)
    assert refused.exit_code == 2
    assert said in refused.stderr
