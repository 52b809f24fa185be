"""Rounds of boosting in a file, so that boosting that was stopped goes on."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import safetensors.numpy
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError
from torch import Tensor

from featlearn.baselines.adaboost import Boosting, Round, Stump
from featlearn.baselines.task import Kept
from featlearn.errors import CheckpointError
from featlearn.files import write_bytes


class Saved(NamedTuple):
    """Boosting as it stood between two periods.

    Attributes:
        rounds: The base classifiers.
        margins: `(images, classes)` double.
        ended: Whether no further round would change anything.
        seconds: Time spent so far.
    """

    rounds: list[Round]
    margins: Tensor
    ended: bool
    seconds: float

    @classmethod
    def of(cls, boosting: Boosting, seconds: float) -> "Saved":
        """Take boosting as it stands."""
        return cls(boosting.rounds, boosting.margins, boosting.ended, seconds)


def save_boosting(kept: Kept, saved: Saved) -> None:
    """Write rounds and margins, whole or not at all; nothing where nothing is kept."""
    if kept.file is None or not saved.rounds:
        return
    arrays: dict[str, NDArray[np.generic]] = {
        "identity": np.frombuffer(kept.identity.encode(), np.uint8),
        "features": np.array([_features(one) for one in saved.rounds], np.int32),
        "thresholds": np.array([_thresholds(one) for one in saved.rounds], np.float64),
        "votes": np.array([one.votes for one in saved.rounds], np.int8),
        "weights": np.array([one.weight for one in saved.rounds], np.float64),
        "margins": saved.margins.numpy(),
        "state": np.array([saved.ended, saved.seconds], np.float64),
    }
    write_bytes(kept.file, safetensors.numpy.save(arrays))


def load_boosting(kept: Kept) -> Saved | None:
    """Read what was saved.

    Returns:
        `None` if there is nothing, or it is of another training.

    Raises:
        CheckpointError: If the file is damaged.
    """
    if kept.file is None or not kept.file.exists():
        return None
    try:
        arrays = safetensors.numpy.load(kept.file.read_bytes())
        if arrays["identity"].tobytes().decode() != kept.identity:
            return None
        rounds = [
            _round(*parts)
            for parts in zip(
                arrays["features"].tolist(),
                arrays["thresholds"].tolist(),
                arrays["votes"].tolist(),
                arrays["weights"].tolist(),
                strict=True,
            )
        ]
        ended, seconds = arrays["state"].tolist()
        margins = torch.from_numpy(arrays["margins"].copy())
        return Saved(rounds, margins, bool(ended), seconds)
    except (SafetensorError, KeyError, TypeError, ValueError) as error:
        raise CheckpointError(
            f"{kept.file} is damaged; remove it, and its boosting begins anew"
        ) from error


def _features(one: Round) -> list[tuple[int, ...]]:
    """List the features of a round."""
    return [stump.feature for stump in one.stumps]


def _thresholds(one: Round) -> list[float]:
    """List the thresholds of a round."""
    return [stump.threshold for stump in one.stumps]


def _round(
    features: Sequence[Sequence[int]],
    thresholds: Sequence[float],
    votes: Sequence[int],
    weight: float,
) -> Round:
    """Put a round together."""
    stumps = [
        Stump(tuple(feature), threshold)
        for feature, threshold in zip(features, thresholds, strict=True)
    ]
    return Round(tuple(stumps), tuple(votes), weight)
