"""Files that a command writes where its user says."""

from pathlib import Path

from featlearn.errors import UsageError


def check_new(*paths: Path, overwrite: bool) -> None:
    """Refuse to replace a file that is there, unless that is wanted.

    Args:
        paths: Files that are about to be written.
        overwrite: Whether they may be replaced.

    Raises:
        UsageError: If one exists, and names it.
    """
    for path in paths:
        if path.exists() and not overwrite:
            raise UsageError(f"{path} exists already; write elsewhere, or replace it (--overwrite)")
