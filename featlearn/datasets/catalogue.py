"""Fetching the known data sets: checked by SHA-256, from one mirror or the next."""

import logging
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, cast, final
from urllib.parse import urlsplit

from featlearn.datasets.entries import KNOWN, suggest
from featlearn.datasets.entry import KnownSet, RemoteFile
from featlearn.datasets.quiet import quiet
from featlearn.errors import DataError, UsageError
from featlearn.files import creating

if TYPE_CHECKING:
    from pooch import Pooch

__all__ = ["KNOWN", "KnownSet", "Progress", "RemoteFile", "fetch"]

Progress = Callable[[str, int, int], None]
"""Called with a file's name, its bytes so far, and all its bytes."""

_PAUSES = (1.0, 3.0)
"""Seconds before each further attempt at a mirror that failed in passing."""

_TIMEOUT = 30.0
"""Seconds without an answer or a byte after which a mirror has failed."""


def fetch(
    name: str, *, root: Path, mirror: str | None = None, progress: Progress | None = None
) -> Path:
    """Download a known set to `root/name`, unless it is there and whole.

    Each file is written beside its place, its SHA-256 compared, and only then
    given its name. A mirror that cannot be reached or that breaks off is asked
    again, twice; one that refuses or serves another file is not. Then the next
    is tried.

    Args:
        name: A set of the catalogue.
        root: The data root; made if missing.
        mirror: The address of a folder with the same files, `http` or `https`,
            to use in place of the published ones.
        progress: Called as bytes arrive.

    Returns:
        The folder of the set.

    Raises:
        UsageError: If there is no such set, it needs no download, or `mirror` is
            no such address.
        DataError: If no mirror could serve a file, it cannot be stored, or the set is no
            list of files.
    """
    known = _known(name)
    folder = root / name
    if known.parts:
        raise DataError(
            f"{name} is made of {', '.join(known.parts)} when it is opened: fetch these"
        )
    if known.folders:
        raise DataError(
            f"{name} is no list of files that could be fetched, and no address is published for "
            f"it: put its folders of {'recordings' if known.sounds else 'images'}, "
            f"{' and '.join(known.folders)}, into {folder}"
        )
    mirrors = known.mirrors if mirror is None else (_checked_mirror(mirror),)
    if not mirrors:
        raise DataError(
            f"no address is published for {name}: give one with `--mirror`, or put "
            f"{known.files[0].name}{' and the others' * (len(known.files) > 1)} into {folder}"
        )
    with _no_empty_folder(folder):
        for file in known.files:
            _fetch_file(file, folder, mirrors, progress=progress, name=name)
    return folder


def _known(name: str) -> KnownSet:
    """Find a set that can be fetched."""
    if name not in KNOWN:
        raise UsageError(f"there is no known data set {name!r}{suggest(name)}")
    if KNOWN[name].embedded:
        raise UsageError(f"{name} comes with scikit-learn and needs no download")
    return KNOWN[name]


@contextmanager
def _no_empty_folder(folder: Path) -> Generator[None]:
    """Take a folder and those around it away again, if they were made in vain."""
    new = [path for path in (folder, *folder.parents) if not path.exists()]
    try:
        yield
    except BaseException:
        with suppress(OSError):  # something lies in it, or it was never made
            for path in new:
                path.rmdir()
        raise


def _checked_mirror(mirror: str) -> str:
    """Refuse an address that is not one of the web."""
    parts = urlsplit(mirror)
    if parts.scheme not in {"http", "https"} or not parts.netloc:
        raise UsageError(f"a mirror is the http or https address of a folder; got {mirror!r}")
    return mirror


def _fetch_file(
    file: RemoteFile,
    folder: Path,
    mirrors: tuple[str, ...],
    *,
    progress: Progress | None,
    name: str,
) -> None:
    """Try one mirror after the other."""
    failures: list[str] = []
    for mirror in mirrors:
        try:
            _fetch_from(f"{mirror.rstrip('/')}/{file.name}", file, folder, progress)
        except _MirrorError as error:
            failures.append(str(error))
        except PermissionError as error:
            raise DataError(
                f"{folder} cannot be written to; "
                "choose another place with `--data-root` or FEATLEARN_DATA"
            ) from error
        else:
            return
    raise DataError(
        f"{file.name} of {name} could not be fetched: {'; '.join(failures)}; check the network, "
        f"give another address with `--mirror`, or put the file into {folder} by hand"
    )


class _MirrorError(Exception):
    """A mirror that did not serve a file; the text names it and says why."""


def _fetch_from(url: str, file: RemoteFile, folder: Path, progress: Progress | None) -> None:
    """Ask one mirror, again if it failed in passing."""
    # Both take a while to import, and only downloads need them.
    import pooch
    from requests.exceptions import HTTPError, RequestException

    with creating(folder):
        folder.mkdir(parents=True, exist_ok=True)
    for pause in (*_PAUSES, None):
        try:
            with quiet(pooch.get_logger().name, below=logging.WARNING):
                pooch.retrieve(
                    url,
                    known_hash=f"sha256:{file.sha256}",
                    fname=file.name,
                    path=folder,
                    # The type that pooch declares is that of its processors.
                    downloader=cast("Any", _Download(file, progress)),
                )
            return
        except HTTPError as error:
            status = 0 if error.response is None else error.response.status_code
            if status < 500 or pause is None:
                raise _MirrorError(f"{url} answered {status}") from error
        except RequestException as error:
            if pause is None:
                raise _MirrorError(f"{url} could not be reached or broke off") from error
        except _WrongFileError as error:
            raise _MirrorError(f"{url} sent {error}") from error
        except ValueError as error:  # pooch's word for another checksum
            raise _MirrorError(
                f"{url} sent a file with another SHA-256 than {file.sha256[:12]}…"
            ) from error
        time.sleep(pause)


class _WrongFileError(Exception):
    """What arrives is not the file that was asked for."""


@final
class _Download:
    """Pooch's downloader over HTTP, with a bound on the bytes and a call per piece."""

    def __init__(self, file: RemoteFile, progress: Progress | None) -> None:
        self._file = file
        self._progress = progress

    def __call__(self, url: str, output_file: str, pooch: "Pooch | None") -> None:
        """Download `url` into `output_file`."""
        from pooch import HTTPDownloader

        # A server that packs what it sends would change the bytes to compare.
        download = HTTPDownloader(
            chunk_size=2**16, timeout=_TIMEOUT, headers={"Accept-Encoding": "identity"}
        )
        with Path(output_file).open("wb") as stream:
            download(url, _Counted(stream, self._file, self._progress), pooch)


@final
class _Counted:
    """A file that counts what is written, and takes no more than was published."""

    def __init__(self, stream: IO[bytes], file: RemoteFile, progress: Progress | None) -> None:
        self._stream = stream
        self._file = file
        self._progress = progress
        self._done = 0

    def write(self, data: bytes) -> int:
        """Write a piece, and report it."""
        self._done += len(data)
        if self._done > self._file.size:
            raise _WrongFileError(f"more than the {self._file.size} bytes of {self._file.name}")
        if self._progress is not None:
            self._progress(self._file.name, self._done, self._file.size)
        return self._stream.write(data)

    def flush(self) -> None:
        """Leave flushing to the end: the caller asks for it after every piece."""
