"""Checkpoints: whole or absent, verified before use, never pickled."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from torch import Tensor

from featlearn.errors import CheckpointError
from featlearn.filenames import MODEL
from featlearn.files import BAD_JSON, sha256, sync, write_json
from featlearn.networks.formats import FORMAT, check_format
from featlearn.networks.store import load_tensors, save_tensors

_KEPT = 2
_FINISHED, _UNFINISHED = "checkpoint-", ".unfinished"
_MODEL, _TRAINING, _STATE, _SUMS = (
    MODEL,
    "training.safetensors",
    "state.json",
    "checksums.json",
)


class Checkpoint(NamedTuple):
    """What a run needs to go on.

    Attributes:
        model: Tensors of the network.
        training: Tensors of the loop: optimiser, best weights.
        state: Everything else, in JSON's types.
    """

    model: dict[str, Tensor]
    training: dict[str, Tensor]
    state: dict[str, Any]


class CheckpointStore:
    """The checkpoints of one run, in a folder each, the newest last by name."""

    def __init__(self, folder: Path) -> None:
        """Take the folder that holds them; it need not exist yet."""
        self.folder = folder

    @property
    def exists(self) -> bool:
        """Whether there is any, broken or not."""
        return bool(self._all())

    def save(self, number: int, checkpoint: Checkpoint) -> Path:
        """Write a checkpoint under a temporary name, then give it its own.

        A crash at any moment leaves either the whole checkpoint or a temporary
        folder that is never read and is cleared away by the next save. Of those with
        a lower number the highest is kept, and the rest removed.

        Args:
            number: Checkpoints of the run so far, this one included; names it.
            checkpoint: What to write.
        """
        temporary = self.folder / _UNFINISHED
        if temporary.exists():
            shutil.rmtree(temporary)
        temporary.mkdir(parents=True)
        save_tensors(temporary / _MODEL, checkpoint.model, {"part": "model"})
        save_tensors(temporary / _TRAINING, checkpoint.training, {"part": "training"})
        write_json(temporary / _STATE, {"format": FORMAT, **checkpoint.state})
        sums = {name: sha256(temporary / name) for name in (_MODEL, _TRAINING, _STATE)}
        write_json(temporary / _SUMS, sums)
        sync(temporary)
        final = self.folder / f"{_FINISHED}{number:08d}"
        if final.exists():
            shutil.rmtree(final)
        temporary.replace(final)
        sync(self.folder)
        # What bears a higher number is not older: removing by place alone could take this one.
        below = [folder for folder in self._all() if folder.name < final.name]
        for old in below[: 1 - _KEPT]:
            shutil.rmtree(old)
        return final

    def newest(self, warn: Callable[[str], None]) -> Checkpoint | None:
        """Read the newest checkpoint that verifies.

        Args:
            warn: Told, in a sentence, of every broken one that is skipped.
        """
        for folder in reversed(self._all()):
            try:
                return _read(folder)
            except CheckpointError as error:
                warn(f"skipping a broken checkpoint: {error}")
        return None

    def clear(self) -> None:
        """Remove all checkpoints, for a run that is finished or has none that verifies."""
        if self.folder.is_dir():
            shutil.rmtree(self.folder)

    def _all(self) -> list[Path]:
        return sorted(self.folder.glob(f"{_FINISHED}*"))


def _read(folder: Path) -> Checkpoint:
    """Read a checkpoint whose checksums hold."""
    try:
        sums = json.loads((folder / _SUMS).read_bytes())
        parts = {name: sums[name] for name in (_MODEL, _TRAINING, _STATE)}
    except (OSError, *BAD_JSON, KeyError, TypeError):
        raise CheckpointError(f"{folder / _SUMS} is missing or damaged") from None
    for name, expected in parts.items():
        path = folder / name
        if not path.is_file() or sha256(path) != expected:
            raise CheckpointError(f"{path} is missing or does not match its checksum")
    try:
        state = json.loads((folder / _STATE).read_bytes())
        version = state.get("format")
    except (*BAD_JSON, AttributeError):
        raise CheckpointError(f"{folder / _STATE} is damaged") from None
    check_format(version, folder)
    return Checkpoint(load_tensors(folder / _MODEL)[0], load_tensors(folder / _TRAINING)[0], state)
