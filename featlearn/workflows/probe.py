"""`evaluate --probe`: what frozen features are worth to a linear classifier."""

from collections.abc import Callable
from pathlib import Path

import msgspec
import numpy as np
import torch
from numpy.typing import NDArray

from featlearn.datasets.labels import balanced_subset, limited, match_classes
from featlearn.datasets.source import open_splits
from featlearn.errors import DataError
from featlearn.evaluate.probe import linear_probe
from featlearn.networks.stack import Stack
from featlearn.networks.store import load_stack
from featlearn.training.device import pick_device, use_threads
from featlearn.training.pictures import Pictures
from featlearn.training.rundir import RunDirectory
from featlearn.wording import plural
from featlearn.workflows.pretrain import read_result
from featlearn.workflows.runs import open_test

_AT_ONCE = 256

MOST_LABELS = 10_000
"""Labelled images that probes learn from unless more are asked for."""

PIXELS = "pixels"
"""The row of the plain images: what the features must be better than."""


class StageProbe(msgspec.Struct, frozen=True, kw_only=True):
    """A linear classifier on the frozen output of one stage.

    Attributes:
        stage: Name of the stage, or `pixels`.
        features: Numbers per image.
        accuracy: Share of the test images named right, in [0, 1].
        error: `1 - accuracy`.
    """

    stage: str
    features: int
    accuracy: float
    error: float


class ProbeResult(msgspec.Struct, frozen=True, kw_only=True):
    """Linear probes on pixels and on every stage.

    Attributes:
        run: The run.
        source: Where the images came from.
        labelled: Labelled training images that the probes learned from.
        available: Labelled training images that there are.
        images: Test images.
        probes: One for the pixels, then one for each stage.
    """

    run: str
    source: str
    labelled: int
    available: int
    images: int
    probes: list[StageProbe]


def probe(
    path: Path | str,
    *,
    root: Path | None = None,
    labels: int | None = None,
    label_seed: int = 0,
    device: str = "auto",
    threads: int | None = None,
    told: Callable[[str], None] | None = None,
) -> ProbeResult:
    """Train a linear classifier on the frozen features of every stage.

    Its strength of regularisation is chosen by cross-validation within the
    labelled training images.

    Args:
        path: The run.
        root: Where data sets are; `$FEATLEARN_DATA` or the user's cache if absent.
        labels: How many labels to learn from, class-balanced; if absent all, or
            `MOST_LABELS` of them, classes as even as they allow.
        label_seed: Seed of the draw of labels.
        device: `auto`, `cpu` or `cuda`.
        threads: Threads of CPU operations; PyTorch's own choice if absent.
        told: Told, in a line, how far it is.

    Raises:
        FeatlearnError: If the run or the data stand in the way.
    """
    recorded = [read_result(RunDirectory.open(path)).data.fingerprints]
    chosen = pick_device(device)
    use_threads(threads)
    stack, recipe, _ = load_stack(path)
    stack = stack.to(chosen)
    train = open_splits(recipe.data, root=root, seed=recipe.seed).train
    if train.labels is None:
        raise DataError(f"{recipe.data.source} has no labels, and a probe needs them")
    used = limited(train.labels, len(train), MOST_LABELS, seed=label_seed)
    if labels is not None:
        used = balanced_subset(train.labels, labels, seed=label_seed, classes=train.classes)
    shape = stack.input_shape
    test = open_test(recipe, root=root, shape=shape, device=chosen, recorded=recorded)
    learned, labels_used = Pictures(train.subset(used), chosen), train.labels[used]
    truth = match_classes(test.set, train.classes)
    probes: list[StageProbe] = []
    for name in [None, *stack.names]:
        if told is not None:
            told(
                f"{name or PIXELS}: a linear classifier on {plural(len(learned), 'labelled image')}"
            )
        rows = features(stack, learned, name)
        score = linear_probe(rows, labels_used, features(stack, test, name), truth)
        probes.append(
            StageProbe(
                stage=name or PIXELS,
                features=rows.shape[1],
                accuracy=score.accuracy,
                error=1 - score.accuracy,
            )
        )
    return ProbeResult(
        run=str(path),
        source=recipe.data.source,
        labelled=len(learned),
        available=len(train),
        images=len(test),
        probes=probes,
    )


@torch.no_grad()
def features(stack: Stack, images: Pictures, stage: str | None) -> NDArray[np.float32]:
    """Compute the output of a stage (`None`: the pixels), `(n, features)`."""
    parts = [
        batch.flatten(1) if stage is None else stack.encode(batch, stage=stage)
        for batch in images.batches(_AT_ONCE)
    ]
    return torch.cat(parts).cpu().numpy()
