"""One training at a time in a folder."""

import subprocess
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

import pytest

from featlearn.errors import CheckpointError
from featlearn.training.locks import reading_from, writing_in

fcntl = pytest.importorskip("fcntl", reason="needs the locks of POSIX")

HOLD = """
import sys, pathlib
from featlearn.training.locks import writing_in
with writing_in(pathlib.Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.mark.parametrize(
    ("first", "second", "refused"),
    [
        (writing_in, writing_in, True),
        (writing_in, reading_from, True),
        (reading_from, writing_in, True),
        (reading_from, reading_from, False),
    ],
)
def test_who_writes_is_alone(
    tmp_path: Path,
    first: Callable[[Path], AbstractContextManager[None]],
    second: Callable[[Path], AbstractContextManager[None]],
    refused: bool,
) -> None:
    expected = pytest.raises(CheckpointError, match=f"{tmp_path} is in use by another training; ")
    with first(tmp_path), expected if refused else nullcontext(), second(tmp_path):
        assert not refused
    with second(tmp_path):
        pass
    assert list(tmp_path.iterdir()) == []


def test_another_process_is_kept_out_until_it_is_killed(tmp_path: Path) -> None:
    words = [sys.executable, "-c", HOLD, str(tmp_path / "run")]
    pipe = subprocess.PIPE
    with subprocess.Popen(words, stdin=pipe, stdout=pipe) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == b"held\n"
        with pytest.raises(CheckpointError, match="run is in use"), writing_in(tmp_path / "run"):
            pass
        assert (tmp_path / "run").is_dir()  # it is the other's
        other.kill()
        other.wait()
        with writing_in(tmp_path / "run"):
            pass


def test_a_folder_that_stays_empty_is_removed_with_those_made_above_it(tmp_path: Path) -> None:
    with writing_in(tmp_path / "a" / "b" / "c"):
        assert (tmp_path / "a" / "b" / "c").is_dir()
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "a" / "other").mkdir(parents=True)
    with writing_in(tmp_path / "a" / "b"):
        pass
    assert [path.name for path in (tmp_path / "a").iterdir()] == ["other"]
    with writing_in(tmp_path / "a" / "other"):
        pass
    assert (tmp_path / "a" / "other").is_dir()
    with writing_in(tmp_path / "a" / "b"):
        (tmp_path / "a" / "b" / "file").touch()
    assert (tmp_path / "a" / "b" / "file").exists()


def test_a_file_is_left_to_who_writes_there(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    with writing_in(tmp_path / "file"), reading_from(tmp_path / "file"):
        pass
    assert (tmp_path / "file").read_text() == "mine"


def test_what_is_not_there_is_not_made_to_be_read(tmp_path: Path) -> None:
    with reading_from(tmp_path / "none"):
        pass
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("missing", ["module", "file system"])
def test_where_there_are_no_locks_nothing_is_held(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, missing: str
) -> None:
    def unknown(_handle: int, _operation: int) -> None:
        raise OSError(95, "Operation not supported")

    if missing == "module":
        monkeypatch.setitem(sys.modules, "fcntl", None)
    else:
        monkeypatch.setattr(fcntl, "flock", unknown)
    with writing_in(tmp_path / "run"), writing_in(tmp_path / "run"):
        pass
    assert list(tmp_path.iterdir()) == []


def test_a_folder_removed_while_it_was_opened_is_made_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, real, calls = tmp_path / "run", fcntl.flock, list[int]()

    def flock(handle: int, operation: int) -> None:
        calls.append(operation)
        if len(calls) == 1:
            path.rmdir()  # as its last holder does
        real(handle, operation)

    monkeypatch.setattr(fcntl, "flock", flock)
    with writing_in(path):
        with pytest.raises(CheckpointError, match="run is in use"), writing_in(path):
            pass
        assert path.is_dir()
    assert len(calls) == 3
