"""Files that are whole or absent, with the mode that any new file gets."""

import errno
import os
import threading
from collections.abc import Generator
from pathlib import Path

import pytest

from featlearn.files import NotCreatedError, check_folder, creating, in_utf8, replacing, write_bytes


@pytest.fixture(params=[0o022, 0o077, 0o002])
def umask(request: pytest.FixtureRequest) -> Generator[int]:
    before = os.umask(request.param)
    yield request.param
    os.umask(before)


def test_a_file_has_the_mode_that_the_umask_leaves(tmp_path: Path, umask: int) -> None:
    write_bytes(tmp_path / "file", b"x")
    assert (tmp_path / "file").stat().st_mode & 0o777 == 0o666 & ~umask


def test_a_file_that_a_library_puts_in_place_has_that_mode_too(tmp_path: Path, umask: int) -> None:
    with replacing(tmp_path / "file") as temporary:
        temporary.unlink()
        os.close(os.open(temporary, os.O_WRONLY | os.O_CREAT, 0o600))
    assert (tmp_path / "file").stat().st_mode & 0o777 == 0o666 & ~umask


def test_a_name_that_no_text_can_hold_is_told() -> None:
    names = [os.fsdecode(name) for name in (b"plain", "caf\u00e9".encode(), b"caf\xe9")]
    assert [in_utf8(name) for name in names] == [True, True, False]


def test_the_umask_which_every_thread_shares_is_never_touched(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    masks: list[int] = []
    monkeypatch.setattr(os, "umask", masks.append)
    write_bytes(tmp_path / "file", b"x")
    assert (tmp_path / "file").read_bytes() == b"x"
    assert masks == []


def test_an_error_leaves_the_old_file_and_nothing_beside(tmp_path: Path) -> None:
    path = tmp_path / "file.npy"
    path.write_bytes(b"old")

    def fail() -> None:
        with replacing(path) as temporary:
            assert temporary.suffix == ".npy"
            temporary.write_bytes(b"half")
            raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"):
        fail()
    assert [found.name for found in tmp_path.iterdir()] == ["file.npy"]
    assert path.read_bytes() == b"old"


def test_what_the_system_refuses_names_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "file"

    def full(_handle: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left") as refused:
        write_bytes(path, b"x")
    assert refused.value.filename == str(path)


def test_what_a_library_says_of_the_system_names_the_file(tmp_path: Path) -> None:
    path = tmp_path / "file"

    def fail() -> None:
        with replacing(path):
            raise RuntimeError("I/O error: No space left on device (os error 28)")

    with pytest.raises(OSError, match="No space left") as refused:
        fail()
    assert (refused.value.errno, refused.value.filename) == (errno.ENOSPC, str(path))


def test_an_error_about_another_file_names_that_one(tmp_path: Path) -> None:
    def fail() -> None:
        with replacing(tmp_path / "file"):
            (tmp_path / "other").read_bytes()

    with pytest.raises(FileNotFoundError) as refused:
        fail()
    assert Path(refused.value.filename) == tmp_path / "other"


def test_threads_may_write_one_file(tmp_path: Path) -> None:
    path = tmp_path / "file"
    threads = [
        threading.Thread(target=write_bytes, args=(path, bytes([k]) * 1000)) for k in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [found.name for found in tmp_path.iterdir()] == ["file"]
    assert path.read_bytes() in {bytes([k]) * 1000 for k in range(8)}


def test_what_cannot_be_made_is_told_from_what_is_missing(tmp_path: Path) -> None:
    with pytest.raises(NotCreatedError) as refused, creating(tmp_path / "a" / "b"):
        (tmp_path / "a" / "b").touch()
    assert (refused.value.errno, refused.value.filename) == (errno.ENOENT, str(tmp_path / "a/b"))
    with pytest.raises(IsADirectoryError), creating(tmp_path):
        tmp_path.write_bytes(b"")


def test_a_folder_is_tried_and_left_as_it_was(tmp_path: Path) -> None:
    check_folder(tmp_path)
    check_folder(tmp_path / "a" / "b")
    assert not list(tmp_path.iterdir())
    (tmp_path / "file").touch()
    with pytest.raises(OSError, match="file") as refused:
        check_folder(tmp_path / "file" / "a")
    assert refused.value.errno in {errno.ENOTDIR, errno.EEXIST}


def test_a_folder_that_takes_no_files_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no(path: Path, *_: int) -> int:
        raise PermissionError(errno.EACCES, "Permission denied", str(path))

    monkeypatch.setattr(os, "open", no)
    with pytest.raises(PermissionError) as refused:
        check_folder(tmp_path / "new")
    assert refused.value.filename == str(tmp_path / "new")
    assert not list(tmp_path.iterdir())
