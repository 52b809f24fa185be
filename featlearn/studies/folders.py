"""What the folders of studies have in common: what may be in one, and what a stop means there."""

from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from msgspec import Struct

from featlearn.errors import CheckpointError, Interrupted
from featlearn.networks.formats import read_figures
from featlearn.training.signals import Stopped

SETTINGS = "study.json"
"""The file that says what the figures of a folder are of."""

Settings = TypeVar("Settings", bound=Struct)


@contextmanager
def same_command() -> Generator[None]:
    """Say what a stop means, around a study or above its function.

    What it trains goes on by the study alone: to resume one training would make no table.

    Raises:
        Interrupted: If a signal asked for a stop.
    """
    try:
        yield
    except (Interrupted, Stopped) as stop:
        raise Interrupted(
            stop.signal_number,
            "stopped; what is done is kept, and the same command goes on from there",
        ) from None


def check_folder(folder: Path, *, own: str) -> bool:
    """Refuse a folder in which a study would write over what is not its own.

    Args:
        folder: It need not exist.
        own: What the study writes there first, a file or a folder.

    Returns:
        Whether the study was begun there.

    Raises:
        CheckpointError: If it is a file, or holds other things.
    """
    if folder.exists() and not folder.is_dir():
        raise CheckpointError(f"{folder} is a file; name a folder")
    if not folder.is_dir() or not any(folder.iterdir()):
        return False
    if not (folder / own).exists():
        raise CheckpointError(f"{folder} holds other files; name a new or an empty folder")
    return True


def check_settings(folder: Path, asked: Settings, *, words: Callable[[Settings], str]) -> None:
    """Refuse a folder that holds other things, or figures of other settings.

    Args:
        folder: It need not exist.
        asked: What the figures are to be of, as `SETTINGS` holds it.
        words: Says what others are of.

    Raises:
        CheckpointError: If it does.
    """
    if not check_folder(folder, own=SETTINGS):
        return
    before = read_figures(folder / SETTINGS, type(asked))
    if before != asked:
        raise CheckpointError(
            f"{folder} holds {words(before)}; ask for the same, or name another folder"
        )
