"""Scripts run in this process, where what is asked needs none of its own."""

import runpy
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest


class Ended(NamedTuple):
    """How a script ended, named as by `subprocess.run`."""

    returncode: int
    stdout: str
    stderr: str


@pytest.fixture
def run_here(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., Ended]:
    """Run a script that is expected to exit, as a command line would, without a new interpreter.

    To load PyTorch and scikit-learn once more takes longer than all that such a test asks.
    """

    def run(script: Path, *words: str) -> Ended:
        with monkeypatch.context() as changed:
            changed.setattr(sys, "argv", [str(script), *words])
            changed.setattr(sys, "path", [str(script.parent), *sys.path])
            # An interpreter of its own would not raise what libraries warn of.
            with (
                warnings.catch_warnings(action="ignore"),
                pytest.raises(SystemExit) as ended,
            ):
                runpy.run_path(str(script), run_name="__main__")
        code, printed = ended.value.code, capsys.readouterr()
        if isinstance(code, str):  # words, which the interpreter prints
            return Ended(1, printed.out, printed.err + code)
        return Ended(code or 0, printed.out, printed.err)

    return run
