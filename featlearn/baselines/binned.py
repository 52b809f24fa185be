"""Features cut into bins, so that sums over all images below a threshold cost one pass."""

from collections.abc import Iterable, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from featlearn.errors import DataError

MOST_BINS = 256
"""Thresholds of a feature, at most: all of 8-bit pixels, quantiles of anything else."""

Column = NDArray[np.float32]
Rows = NDArray[np.int32]


class Binned:
    """The images of each bin of each feature.

    Only places of images are kept, bin by bin, and not those of the fullest bin: what is in
    there is the rest. Of MNIST's pixels four fifths need not be looked at.
    """

    def __init__(self, columns: Iterable[Column]) -> None:
        """Sort images into bins.

        Args:
            columns: Features of all images, `(n,)` float32 each.

        Raises:
            DataError: If there are no features or no images, or a value is not finite.
        """
        made = [_binned(column) for column in columns]
        if not made:
            raise DataError("there is no feature to boost")
        self.bins = max(len(thresholds) for thresholds, _, _, _ in made)
        self._thresholds = [thresholds for thresholds, _, _, _ in made]
        self._rows = [rows for _, rows, _, _ in made]
        self._starts = np.stack(
            [_padded(starts, self.bins, len(rows)) for _, rows, starts, _ in made]
        )
        self._fullest = np.array([fullest for _, _, _, fullest in made])

    def __len__(self) -> int:
        """Count the features."""
        return len(self._rows)

    def sums(self, features: Sequence[int], values: Tensor) -> Tensor:
        """Add up values over the images at or below every threshold.

        Args:
            features: Some features.
            values: `(images, classes)` float32.

        Returns:
            `(features, bins, classes)`; a feature with fewer bins repeats its last sum,
            which is that of all images.
        """
        lists = [self._rows[place] for place in features]
        places = np.asarray(features)
        before = np.cumsum([0, *map(len, lists[:-1])], dtype=np.int32)
        rows = torch.from_numpy(np.concatenate(lists))
        starts = torch.from_numpy((self._starts[places] + before[:, None]).reshape(-1))
        found = F.embedding_bag(rows, values, starts, mode="sum")
        found = found.view(len(places), self.bins, -1)
        fullest = torch.from_numpy(self._fullest[places])
        found[torch.arange(len(found)), fullest] = values.sum(0) - found.sum(1)
        return found.cumsum(1)

    def threshold(self, feature: int, place: int) -> float:
        """Give a threshold: values above it are told from those below.

        Returns:
            Halfway between two bins; infinity after the last, where nothing is above.
        """
        own = self._thresholds[feature]
        return float(own[min(place, len(own) - 1)])


def _binned(column: Column) -> tuple[Column, Rows, Rows, int]:
    """Give thresholds, the images of all bins but the fullest, where bins start, the fullest."""
    if not len(column):
        raise DataError("there is no image to boost on")
    if not np.isfinite(column).all():
        raise DataError("the images hold numbers that are not finite, which have no order")
    order = np.argsort(column)
    ordered = column[order]
    ends = np.flatnonzero(np.append(ordered[1:] != ordered[:-1], True)) + 1
    if len(ends) > MOST_BINS:
        # Equal shares of the images; a value met often takes several shares, and one bin.
        shares = np.linspace(0, len(column), MOST_BINS + 1)[1:].round()
        ends = np.unique(ends[np.searchsorted(ends, shares)])
    # Halfway between the largest value of a bin and the smallest of the next.
    thresholds = np.full(len(ends), np.inf, np.float32)
    thresholds[:-1] = (ordered[ends[:-1] - 1] + ordered[ends[:-1]]) / 2
    counts = np.diff(ends, prepend=0)
    fullest = int(counts.argmax())
    begin, end = int(ends[fullest] - counts[fullest]), int(ends[fullest])
    rows = np.delete(order, slice(begin, end)).astype(np.int32)
    counts[fullest] = 0
    return thresholds, rows, (np.cumsum(counts) - counts).astype(np.int32), fullest


def _padded(starts: Rows, bins: int, end: int) -> Rows:
    """Let a feature have as many bins as any, the last ones empty."""
    return np.pad(starts, (0, bins - len(starts)), constant_values=end)
