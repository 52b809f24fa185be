import errno
import signal
import subprocess
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path

import click
import pytest
from click.testing import Result

from featlearn.errors import DataError, FeatlearnError, Interrupted, UsageError
from featlearn.files import NotCreatedError
from featlearn_cli.errors import explain, short_warnings
from featlearn_cli.errors import run as run_guarded

Run = Callable[..., Result]
Start = Callable[..., subprocess.CompletedProcess[str]]


def raising(error: BaseException) -> Callable[[], object]:
    def invoke() -> object:
        raise error

    return invoke


@pytest.mark.parametrize(
    ("error", "code", "text"),
    [
        (DataError("the file is empty"), 1, "Error: the file is empty"),
        (UsageError("no such recipe"), 2, "Error: no such recipe"),
        (Interrupted(signal.SIGTERM, "stopped; go on with x"), 143, "stopped; go on with x"),
        (Interrupted(signal.SIGINT, "stopped"), 130, "stopped"),
        (KeyboardInterrupt(), 130, "Interrupted."),
        (click.Abort(), 130, "Interrupted."),
        (OSError(errno.ENOSPC, "x"), 1, "Error: the disk is full; free some space"),
        (OSError(errno.EACCES, "x", "/a/b"), 1, "Error: no permission to use /a/b"),
        (OSError(errno.EISDIR, "x", "/a/b"), 1, "Error: /a/b is a folder, where a file"),
        (OSError(errno.ENOTDIR, "x", "/a/b"), 1, "Error: /a/b is a file, or lies under one"),
        (OSError(errno.ENOENT, "x", "/a/b"), 1, "Error: /a/b does not exist"),
        (NotCreatedError(errno.ENOENT, "x", "/a/b"), 1, "Error: /a/b cannot be created; choose"),
        (OSError(errno.EROFS, "x", "/a/b"), 1, "Error: /a/b lies on a disk that can only be read"),
        (OSError(errno.EIO, "Input/output error", "/a"), 1, "Error: /a: Input/output error"),
        (OSError("cannot identify image"), 1, "Error: cannot identify image"),
        (MemoryError(), 1, "Error: the memory is too small"),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory: you"), 1, "Error: the memory"),
        (RuntimeError("Storage size calculation overflowed with sizes=[9]"), 1, "Error: the mem"),
        (ValueError("I/O error: No space left on device (os error 28)"), 1, "Error: the disk is"),
        (KeyError("x"), 1, "Error: something unforeseen went wrong (KeyError: 'x'); run again"),
    ],
)
def test_every_error_is_a_sentence_and_a_code(error: BaseException, code: int, text: str) -> None:
    ending = explain(error)
    assert ending.code == code
    assert ending.text.startswith(text)
    assert "\n" not in ending.text


def test_every_kind_of_error_has_a_code_of_the_two() -> None:
    for kind in FeatlearnError.__subclasses__():
        assert kind.exit_code in {1, 2}


def test_a_traceback_is_printed_only_when_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_guarded(raising(DataError("broken")), debug=False) == 1
    assert capsys.readouterr().err == "Error: broken\n"
    assert run_guarded(raising(DataError("broken")), debug=True) == 1
    assert "Traceback" in capsys.readouterr().err


def test_an_early_end_keeps_its_code() -> None:
    assert run_guarded(lambda: 7, debug=False) == 7
    assert run_guarded(lambda: None, debug=False) == 0
    assert run_guarded(lambda: "a result", debug=False) == 0
    assert run_guarded(raising(SystemExit(143)), debug=False) == 143
    assert run_guarded(raising(SystemExit("text")), debug=False) == 1


def test_usage_errors_of_click_keep_their_hint(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_guarded(raising(click.UsageError("wrong")), debug=False) == 2
    assert "Error: wrong" in capsys.readouterr().err


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_full_disk_under_standard_output(environment: dict[str, str]) -> None:
    with Path("/dev/full").open("w", encoding="utf-8") as full:
        result = subprocess.run(
            [sys.executable, "-m", "featlearn_cli", "recipes", "digits"],
            check=False,
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            env=environment,
        )
    assert result.returncode == 1
    assert "disk is full" in result.stderr
    assert "Traceback" not in result.stderr


def test_a_reader_that_goes_away_ends_it_silently(environment: dict[str, str]) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "featlearn_cli", "recipes", "--json"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment,
    )
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.close()
    said = process.stderr.read()
    process.stderr.close()
    process.wait(timeout=60)
    assert said == ""


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_keeps_a_checkpoint_and_says_how_to_go_on(
    environment: dict[str, str], tiny: Path, tmp_path: Path, number: signal.Signals, code: int
) -> None:
    out = tmp_path / "run"
    words = ["pretrain", str(tiny), "--out", str(out), "--set", "pretrain.epochs=100000"]
    process = subprocess.Popen(
        [sys.executable, "-m", "featlearn_cli", *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment,
    )
    deadline = time.monotonic() + 90
    while not (out / "metrics.jsonl").exists() or not (out / "metrics.jsonl").stat().st_size:
        assert time.monotonic() < deadline
        assert process.poll() is None
        time.sleep(0.05)
    process.send_signal(number)
    stdout, stderr = process.communicate(timeout=60)
    assert process.returncode == code
    assert stdout == ""
    assert f"featlearn pretrain {out / 'recipe.toml'} --out {out} --resume" in stderr
    assert any((out / "checkpoints").iterdir())
    assert "Traceback" not in stderr


def test_characters_that_no_font_has_are_one_note(run: Run) -> None:
    words = ("describe", "lenet5", "--set", "title=\U000f0000\U000f0001", "--overwrite")
    said = run(*words, "--figure", "u.png")
    assert said.exit_code == 0
    (line,) = said.stderr.splitlines()
    assert line.startswith("Note: the fonts here lack characters of this figure")
    assert run(*words, "--figure", "u.png", "-q").stderr == ""
    assert run(*words, "--figure", "u.svg").stderr == ""


def test_other_warnings_are_as_they_were() -> None:
    with pytest.warns(UserWarning, match="^another$"), short_warnings(shown=False):
        warnings.warn("another", stacklevel=1)


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="needs /proc, where nothing is made")
@pytest.mark.parametrize(
    "line",
    [
        "describe lenet5 --figure /proc/x.svg",
        "describe lenet5 --figure /proc/x/y.svg",
        "pretrain digits --out /proc/x",
        "check digits --out /proc/x",
        "quickstart --out /proc/x",
        "data inspect digits --out /proc/x.png",
        "data fetch mnist --data-root /proc/x --mirror http://127.0.0.1:9/",
    ],
)
def test_what_cannot_be_made_is_not_called_missing(run: Run, line: str) -> None:
    refused = run(*line.split(), "-q")
    assert refused.exit_code == 1
    assert refused.stderr.startswith("Error: /proc/x")
    assert refused.stderr.endswith(" cannot be created; choose another place\n")
