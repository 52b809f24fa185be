"""Filters over many maps, each reduced to the one pattern that says most about it."""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating]


def principal_pattern(bank: Floats) -> tuple[Floats, Floats]:
    """Reduce filters over many maps to the one pattern that says most about each.

    A filter over C maps is a matrix `(C, height·width)`. Its first right singular
    vector is the spatial pattern that the maps share, up to a factor for each map.
    It has the sign that it has in the map with the largest factor.

    Args:
        bank: `(n, C, height, width)`.

    Returns:
        The patterns `(n, 1, height, width)`, and the share of each filter's squared
        weights that its pattern accounts for, `(n,)` in [0, 1].
    """
    n, channels, height, width = bank.shape
    matrices = bank.reshape(n, channels, height * width).astype(np.float64)
    left, values, right = np.linalg.svd(matrices, full_matrices=False)
    strongest = np.take_along_axis(
        left[..., 0], np.abs(left[..., 0]).argmax(axis=1, keepdims=True), axis=1
    )
    patterns = right[:, 0] * np.where(strongest < 0, -1.0, 1.0) * values[:, :1]
    energy = np.square(values)
    total = energy.sum(axis=1)
    share = energy[:, 0] / np.where(total > 0, total, 1.0)
    return patterns.reshape(n, 1, height, width), share
