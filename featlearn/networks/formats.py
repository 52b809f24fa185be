"""The version of a run's files, and the JSON files that bear it."""

from pathlib import Path
from typing import TypeVar

import msgspec

from featlearn.errors import CheckpointError
from featlearn.files import BAD_JSON

FORMAT = 1
"""Version of the files of a run; raised when an old reader would misread them.

Files of every version so far are read for ever: raising it needs a reader of the older
ones, and a run of the new one in `tests/golden` (scripts/golden_run.py).
"""

T = TypeVar("T")


class _Versioned(msgspec.Struct):
    format: int = FORMAT


def check_format(version: object, path: Path) -> None:
    """Refuse files of a version that is not read here.

    Args:
        version: What the file says of itself.
        path: The file, for the message.

    Raises:
        CheckpointError: If it is another version; the sentence says both.
    """
    if version == FORMAT:
        return
    newer = isinstance(version, int) and version > FORMAT
    advice = "; a newer featlearn wrote it, and reads it" if newer else ""
    raise CheckpointError(
        f"{path} has format version {version}; this featlearn reads version {FORMAT}{advice}"
    )


def read_figures(path: Path, kind: type[T]) -> T:
    """Read a file of figures that a command wrote as JSON.

    The version is looked at first: what another one holds would be taken for damage.

    Raises:
        CheckpointError: If it is missing, of another format version, or not what the
            command writes.
    """
    try:
        data = path.read_bytes()
        check_format(msgspec.json.decode(data, type=_Versioned).format, path)
        return msgspec.json.decode(data, type=kind)
    except FileNotFoundError:
        raise CheckpointError(f"{path} is missing; run the command that writes it again") from None
    except BAD_JSON as error:
        raise CheckpointError(
            f"{path} is damaged ({error}); run the command that writes it again"
        ) from None
