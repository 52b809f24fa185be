"""The benchmark of local layers refuses in a sentence what it cannot measure."""

import runpy
import sys
from pathlib import Path

import pytest
import torch

SCRIPT = Path(__file__).parents[2] / "scripts" / "bench" / "local.py"


def run(monkeypatch: pytest.MonkeyPatch, *words: str) -> None:
    monkeypatch.setattr(sys, "argv", [str(SCRIPT), *words])
    monkeypatch.setattr(sys, "path", [*sys.path])
    runpy.run_path(str(SCRIPT), run_name="__main__")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--shapes", "S1", "S6", "S7"], "S6 and S7 are for a CUDA device"),
        (["--shapes", "S6"], "S6 is for a CUDA device"),
        (["--device", "cuda"], "--device cuda was asked for, but PyTorch finds no CUDA device"),
        (["--threads", "0"], "--threads must be at least 1; got 0"),
        (["--rounds", "-3"], "--rounds must be at least 1; got -3"),
    ],
)
def test_what_cannot_be_measured_is_refused(
    words: list[str],
    said: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(SystemExit) as caught:
        run(monkeypatch, *words)
    assert caught.value.code == 2
    assert f"error: {said}" in capsys.readouterr().err


def test_every_option_says_what_it_is(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as caught:
        run(monkeypatch, "--help")
    assert not caught.value.code
    said = capsys.readouterr().out
    assert all(words in said for words in ("sizes of layers", "where to compute", "turns of each"))
