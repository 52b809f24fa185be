"""The study's parts, each kept in a file of its own, so that a stopped study goes on."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeVar

import msgspec

from featlearn.errors import CheckpointError
from featlearn.files import BAD_JSON, write_json
from featlearn.training.identity import differences

T = TypeVar("T")


class Cells:
    """Figures by name in a folder; what is there is not computed again."""

    def __init__(self, folder: Path, settings: Mapping[str, object]) -> None:
        """Take the folder, and what decides all figures in it.

        Args:
            folder: Where they are kept.
            settings: The recipe, the model, the data and the study's constants, as nested tables.

        Raises:
            CheckpointError: If the folder holds figures of other settings; the sentence says
                which.
        """
        self.folder = folder
        file = folder / "settings.json"
        if not file.exists():
            write_json(file, dict(settings))
            return
        differing = differences(_read(file, dict[str, object]), settings)
        if differing:
            raise CheckpointError(
                f"{folder} holds figures of another recipe, model, data or study "
                f"({differing[0]}); give the same --set and --seed, or another --out"
            )

    def get(self, name: str, kind: type[T], compute: Callable[[], T]) -> T:
        """Read the figures of a name, or compute and keep them.

        Raises:
            CheckpointError: If the file is damaged.
        """
        file = self.folder / f"{name}.json"
        if file.exists():
            return _read(file, kind)
        found = compute()
        write_json(file, msgspec.to_builtins(found))
        return found


def _read(file: Path, kind: type[T]) -> T:
    try:
        return msgspec.json.decode(file.read_bytes(), type=kind)
    except BAD_JSON as error:
        raise CheckpointError(f"{file} is damaged ({error}); remove it") from None
