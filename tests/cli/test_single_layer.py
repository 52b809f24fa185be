"""`study single-layer` by the command line."""

from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result

Run = Callable[..., Result]


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["mnist-table", "--features", "9"], 2, "No such option '--features'"),
        (["few-labels", "--vary", "stride"], 2, "No such option '--vary'"),
        (["single-layer", "--draws", "2"], 2, "No such option '--draws'"),
        (["single-layer", "--features", "1"], 2, "2<=x"),
        (["single-layer", "--vary", "depth"], 2, "'depth' is not one of"),
        (["single-layer", "--set", "pretrain.epochs=1"], 2, "drop --set"),
        (["single-layer"], 1, "cifar10-jpg is not under the data root"),
    ],
)
def test_what_does_not_fit_is_refused(words: list[str], code: int, said: str, run: Run) -> None:
    refused = run("study", *words, "--out", "new", "--data-root", ".")
    assert (refused.exit_code, refused.stdout) == (code, "")
    assert said in refused.stderr
    assert not Path("new").exists()
