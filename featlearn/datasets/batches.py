"""Which images a step sees: a pure function of seed, epoch and step."""

import numpy as np

from featlearn.datasets.imageset import Indices
from featlearn.errors import ShapeError
from featlearn.seeds import derive


def epoch_order(n: int, *, seed: int, epoch: int) -> Indices:
    """Shuffle `n` images for one epoch.

    Returns:
        A permutation of 0..n-1 that depends on nothing but the arguments, so
        that a resumed run finds its place without having kept any state.
    """
    rng = np.random.Generator(np.random.PCG64(derive(seed, "order", epoch)))
    return rng.permutation(n).astype(np.int64, copy=False)


def batches_of(n: int, *, batch: int, seed: int, epoch: int) -> list[Indices]:
    """Cut one epoch's order into batches.

    The last batch may be short. One of a single image is left out, unless it is
    all there is: batch statistics over one image are worthless, and since the
    order changes with the epoch, no image is left out for good.

    Raises:
        ShapeError: If `batch` is less than 1.
    """
    if batch < 1:
        raise ShapeError(f"a batch holds at least one image; got {batch}")
    order = epoch_order(n, seed=seed, epoch=epoch)
    cuts = [order[start : start + batch] for start in range(0, n, batch)]
    if len(cuts) > 1 and len(cuts[-1]) == 1 < batch:
        cuts.pop()
    return cuts
