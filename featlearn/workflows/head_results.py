"""What fine-tuning came to, as a head's folder records it."""

from typing import Literal

import msgspec

from featlearn.networks.formats import FORMAT, read_figures
from featlearn.training.identity import Environment
from featlearn.training.rundir import HeadFolder


class FinetuneResult(msgspec.Struct, frozen=True, kw_only=True):
    """What fine-tuning came to, as a head's `results.json` holds it."""

    format: int = FORMAT
    command: str = "finetune"
    run: str
    head: str
    labels: int | Literal["all"]
    label_seed: int
    labelled: int
    validation: int
    freeze: int
    from_scratch: bool
    seed: int
    epochs: int
    seconds: float
    train_error: float
    classes: list[str]
    fingerprints: dict[str, str] = {}
    environment: Environment
    files: dict[str, str]


def read_head_result(folder: HeadFolder) -> FinetuneResult:
    """Read what a finished head came to.

    Raises:
        CheckpointError: If `results.json` is not what `finetune` writes.
    """
    return read_figures(folder.results_file, FinetuneResult)
