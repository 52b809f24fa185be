"""What fine-tuning came to, as a head's folder records it."""

from typing import Literal

import msgspec

from featlearn.config.heads import HeadSpec
from featlearn.networks.formats import FORMAT, read_figures
from featlearn.training.identity import Environment
from featlearn.training.rundir import HeadFolder


class FinetuneResult(msgspec.Struct, frozen=True, kw_only=True):
    """What fine-tuning came to, as a head's `results.json` holds it.

    `classes` names the head's outputs: its classes, or its targets. `train_error` is the share of
    the labelled images, or of their labels one by one under `multi-label`, that is wrong; a
    regression has none. `train_loss` is the loss on them. `semi` is how `unlabelled` images were
    learned from beside them, if they were.
    """

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
    kind: str = "classification"
    semi: str | None = None
    unlabelled: int | None = None
    train_error: float | None = None
    train_loss: float | None = None
    classes: list[str]
    fingerprints: dict[str, str] = {}
    environment: Environment
    files: dict[str, str]


def head_kind(spec: HeadSpec) -> str:
    """Give the word that names a head's kind in a recipe."""
    return str(spec.__struct_config__.tag)


def read_head_result(folder: HeadFolder) -> FinetuneResult:
    """Read what a finished head came to.

    Raises:
        CheckpointError: If `results.json` is not what `finetune` writes.
    """
    return read_figures(folder.results_file, FinetuneResult)
