"""The options that workflows share, each said once."""

from pathlib import Path
from typing import TypedDict

from featlearn.training.progress import Progress

SAVE_SECONDS = 60.0
"""Time between checkpoints, unless asked otherwise."""


class ComputeOptions(TypedDict, total=False):
    """Where the data are, and how to compute; any may be left out.

    Attributes:
        root: Where data sets are; `$FEATLEARN_DATA` or the user's cache if absent.
        device: `auto`, `cpu` or `cuda`; `auto` if absent.
        threads: Threads of CPU operations; PyTorch's own choice if absent.
    """

    root: Path | None
    device: str
    threads: int | None


class WorkOptions(ComputeOptions, total=False):
    """The options of `ComputeOptions`, and who is told of the progress.

    Attributes:
        progress: Told of every step; nobody is if absent.
    """

    progress: Progress | None


class ResumeOptions(WorkOptions, total=False):
    """The options of `WorkOptions`, and those of work that goes on where it was stopped.

    Attributes:
        resume: Go on from the newest checkpoint that verifies, or after what is done; do not
            if absent.
        overwrite: Replace what is there; do not if absent.
    """

    resume: bool
    overwrite: bool


class RunOptions(ResumeOptions, total=False):
    """The options of `ResumeOptions`, and those of a training, which has checkpoints.

    Attributes:
        save_seconds: Time between checkpoints, in seconds; `SAVE_SECONDS` if absent.
        track: Write TensorBoard's files too (needs the extra `track`); do not if absent.
    """

    save_seconds: float
    track: bool
