"""Which commit of featlearn computes, where it runs from a checkout."""

import os
import shutil
import subprocess
from functools import cache
from pathlib import Path

_SECONDS = 5


@cache
def own_commit() -> str | None:
    """Name the commit of featlearn's own checkout, with `-dirty` if files were changed since.

    Returns:
        Its first twelve digits; `None` for an installed package, or without git.
    """
    return commit_of(Path(__file__).parents[2])


def commit_of(checkout: Path) -> str | None:
    """Name the commit of a checkout; `None` if the folder is none, or git cannot tell."""
    git = shutil.which("git")
    if git is None or not (checkout / ".git").exists():
        return None
    words = [git, "describe", "--always", "--dirty", "--abbrev=12", "--exclude=*"]
    # A hook of another repository names that one by its variables.
    own = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    try:
        told = subprocess.run(  # noqa: S603 - the words are ours
            words,
            env=own,
            cwd=checkout,
            capture_output=True,
            text=True,
            timeout=_SECONDS,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return told.stdout.strip() or None
