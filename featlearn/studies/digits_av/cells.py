"""The study's parts, each kept in a file of its own, so that a stopped study goes on."""

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import msgspec

from featlearn.config.modalities import MultimodalRecipe
from featlearn.config.tables import as_tables
from featlearn.errors import CheckpointError
from featlearn.files import BAD_JSON, canonical_json, write_json

T = TypeVar("T")


class Cells:
    """Figures by name in a folder; what is there is not computed again."""

    def __init__(self, folder: Path, recipe: MultimodalRecipe) -> None:
        """Take the folder, and the recipe that all figures belong to.

        Raises:
            CheckpointError: If the folder holds figures of another recipe.
        """
        self.folder = folder
        settings = {key: value for key, value in as_tables(recipe).items() if key not in _SAID}
        text, file = canonical_json(settings), folder / "settings.json"
        if not file.exists():
            write_json(file, settings)
        elif canonical_json(_read(file, dict[str, object])) != text:
            raise CheckpointError(
                f"{folder} holds figures of another recipe; give the same --set and --seed, or "
                "another --out"
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


_SAID = ("title", "shows", "expect", "minutes")


def _read(file: Path, kind: type[T]) -> T:
    try:
        return msgspec.json.decode(file.read_bytes(), type=kind)
    except BAD_JSON as error:
        raise CheckpointError(f"{file} is damaged ({error}); remove it") from None
