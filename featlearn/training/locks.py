"""One training at a time in a folder: locks that end with the process that holds them."""

import contextlib
import os
from collections.abc import Generator
from pathlib import Path

from featlearn.errors import CheckpointError
from featlearn.files import creating


@contextlib.contextmanager
def writing_in(path: Path) -> Generator[None]:
    """Keep every other training out of a folder, which is made where there is none.

    The lock is on the folder itself, so that nothing is left behind, not even by a kill; a
    folder that was made for it and is still empty is removed. Where there are no locks, as
    on Windows and on some network drives, nothing is held.

    Raises:
        CheckpointError: If another training writes into the folder, or reads from it.
    """
    if path.exists() and not path.is_dir():
        yield  # who writes there refuses a file
        return
    made = [folder for folder in (path, *path.parents) if not folder.exists()]
    handle = _lock(path, shared=False)
    try:
        yield
    finally:
        with contextlib.suppress(OSError):  # in the end it holds something
            for folder in made:
                folder.rmdir()
        _release(handle)


@contextlib.contextmanager
def reading_from(path: Path) -> Generator[None]:
    """Keep trainings from changing a folder, in which others may go on reading.

    Raises:
        CheckpointError: If a training writes into the folder.
    """
    handle = _lock(path, shared=True) if path.is_dir() else None
    try:
        yield
    finally:
        _release(handle)


def _lock(path: Path, *, shared: bool) -> int | None:
    """Take the lock of a folder, and give the open folder, whose closing frees it."""
    try:
        import fcntl
    except ImportError:
        return None
    while True:
        with creating(path):
            path.mkdir(parents=True, exist_ok=True)
        handle = os.open(path, os.O_RDONLY)
        try:
            fcntl.flock(handle, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(handle)
            raise CheckpointError(
                f"{path} is in use by another training; wait until it ends, or name another folder"
            ) from None
        except OSError:  # a file system that has no locks
            return handle
        if path.is_dir() and os.path.samestat(path.stat(), os.fstat(handle)):
            return handle
        os.close(handle)  # of a folder that its last holder has just removed


def _release(handle: int | None) -> None:
    if handle is not None:
        os.close(handle)
