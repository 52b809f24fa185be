"""Writing files so that none is ever half there under its final name."""

import hashlib
import json
import os
import re
import secrets
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path

BAD_JSON = (ValueError, RecursionError)
"""What decoding JSON raises, whoever wrote it: it is none, no Unicode, or nested too deeply."""

_OS_ERROR = re.compile(r"\(os error (\d+)\)")


@contextmanager
def replacing(path: Path) -> Generator[Path]:
    """Yield a temporary path beside `path`; on success make it `path`.

    The bytes are on disk (fsync) before the name appears; on an error the
    temporary file is removed and `path` is as it was.
    """
    with creating(path):
        path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(8)}.tmp{path.suffix}")
    with naming(path, instead_of=temporary):
        # With the mode that any new file gets, which the process's umask narrows.
        with creating(path):
            os.close(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666))
        mode = temporary.stat().st_mode
        try:
            yield temporary
            temporary.chmod(mode)  # a library may have put a file of its own there
            sync(temporary)
            temporary.replace(path)
            sync(path.parent)
        finally:
            temporary.unlink(missing_ok=True)


@contextmanager
def naming(path: Path, *, instead_of: Path | None = None) -> Generator[None]:
    """Let what the system refuses name the file that was to be written.

    Writing to an open file that finds the disk full names none, and safetensors' errors,
    which become `OSError` here, name neither file nor kind.

    Args:
        path: The file.
        instead_of: Another name of it that nobody should be told.
    """
    try:
        yield
    except OSError as error:
        if error.filename is None or str(error.filename) == str(instead_of):
            error.filename = str(path)
        raise
    except Exception as error:
        number = system_error(error)
        if number is None:
            raise
        raise OSError(number, os.strerror(number), str(path)) from error


class NotCreatedError(FileNotFoundError):
    """A file or folder that the system does not let anyone make, as under `/proc`."""


@contextmanager
def creating(path: Path) -> Generator[None]:
    """Let an error in making a file or folder say so: the system's own says what is missing.

    Raises:
        NotCreatedError: If it cannot be made.
    """
    try:
        yield
    except FileNotFoundError as error:
        raise NotCreatedError(error.errno, error.strerror, str(path)) from error


def check_folder(path: Path) -> None:
    """Refuse a folder that no file can be written into, before long work is done for it.

    A folder that is not there is made to find out, and removed again.

    Raises:
        OSError: If it cannot be made or written into.
    """
    made = [folder for folder in (path, *path.parents) if not folder.exists()]
    temporary = path / f".{secrets.token_hex(8)}.tmp"
    try:
        with creating(path), naming(path, instead_of=temporary):
            path.mkdir(parents=True, exist_ok=True)
            os.close(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666))
            temporary.unlink()
    finally:
        with suppress(OSError):
            for folder in made:
                folder.rmdir()


def system_error(error: BaseException) -> int | None:
    """Find the system's number in an error that the Rust library under safetensors words."""
    found = _OS_ERROR.search(str(error))
    return None if found is None else int(found[1])


def in_utf8(name: str) -> bool:
    """Tell whether a file's name, as the system gives it, can stand in a file of text."""
    return name.isascii() or not any("\ud800" <= character <= "\udfff" for character in name)


def write_bytes(path: Path, data: bytes) -> None:
    """Write `data` to `path`, whole or not at all."""
    with replacing(path) as temporary:
        temporary.write_bytes(data)


def write_json(path: Path, value: object) -> None:
    """Write `value` as indented JSON, whole or not at all."""
    text = json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False)
    write_bytes(path, text.encode() + b"\n")


def canonical_json(value: object) -> str:
    """Write `value` in the one JSON spelling that it has (sorted, no spaces)."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)


def sha256(path: Path) -> str:
    """Hash a file of any size."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def checksums(*files: Path) -> dict[str, str]:
    """Give the checksum of each of some files of one folder, by name."""
    return {file.name: sha256(file) for file in files}


def sync(path: Path) -> None:
    """Force a file or a folder's entries to disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
