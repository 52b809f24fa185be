"""Labelled images that a small classifier can tell apart."""

from collections.abc import Callable

import numpy as np
import pytest
import torch

from featlearn.datasets.imageset import ImageSet
from featlearn.training.pictures import Pictures


@pytest.fixture
def labelled() -> Callable[..., Pictures]:
    """Make `count` images of bars, `(1, 8, 8)`: class k has its bar in rows 2k and 2k + 1."""

    def make(count: int = 24, *, classes: int = 3, seed: int = 0, labels: bool = True) -> Pictures:
        rng = np.random.default_rng(seed)
        which = np.arange(count, dtype=np.int64) % classes
        images = rng.uniform(0.0, 0.3, (count, 1, 8, 8)).astype(np.float32)
        for image, label in zip(images, which, strict=True):
            image[0, 2 * label : 2 * label + 2] += 0.6
        names = tuple(f"bar {k}" for k in range(classes)) if labels else ()
        kept = which if labels else None
        return Pictures(ImageSet(images, kept, names, None, "bars"), torch.device("cpu"))

    return make
