"""Where images lie in the features of a stage: maps of them, and their nearest neighbours."""

from typing import Any, Literal, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.manifold import TSNE
from torch import Tensor

from featlearn.errors import DataError, UsageError

Metric = Literal["cosine", "euclidean"]

_KEPT = 50
"""Principal components that t-SNE is given, as van der Maaten & Hinton did."""


class PcaMap(NamedTuple):
    """Images in the plane of their largest variances.

    Attributes:
        points: `(n, dimensions)`, centred, in the unit of the features, float64.
        explained: Share of the variance along each of them, `(dimensions,)`, in [0, 1].
    """

    points: NDArray[np.float64]
    explained: NDArray[np.float64]


class Neighbours(NamedTuple):
    """The nearest others of some images, nearest first.

    Attributes:
        places: Which images, `(queries, count)` int64.
        distances: How far, of the same shape: 1 - cosine, or Euclid's.
    """

    places: Tensor
    distances: Tensor


def pca_map(features: Tensor, *, dimensions: int = 2) -> PcaMap:
    """Lay images out by the principal components of their features.

    The sign of a component is that in which its largest loading is positive. Where there
    are fewer components than dimensions, the rest is zero.

    Args:
        features: `(n, features)`.
        dimensions: How many components.

    Raises:
        DataError: If there is no image, or a number that is not finite.
    """
    x = _checked(features)
    centred = x - x.mean(axis=0)
    # Of the two Gram matrices the smaller; its eigenvectors are the scores, or the loadings.
    wide = centred.shape[1] > centred.shape[0]
    gram = centred @ centred.T if wide else centred.T @ centred
    energy, vectors = np.linalg.eigh(gram)
    energy, vectors = energy[::-1].clip(min=0.0), vectors[:, ::-1]
    kept = min(dimensions, int((energy > 1e-12 * energy.sum()).sum()))
    roots = np.sqrt(energy[:kept])
    loadings = centred.T @ vectors[:, :kept] / roots if wide else vectors[:, :kept]
    largest = np.abs(loadings).argmax(axis=0)
    signs = np.sign(loadings[largest, np.arange(kept)])
    points, explained = np.zeros((len(x), dimensions)), np.zeros(dimensions)
    points[:, :kept] = centred @ (loadings * signs)
    explained[:kept] = energy[:kept] / energy.sum() if kept else 0.0
    return PcaMap(points, explained)


def tsne_map(features: Tensor, *, seed: int, perplexity: float = 30.0) -> NDArray[np.float64]:
    """Lay images out so that neighbours in their features are neighbours in the plane.

    Distances between groups, and sizes of groups, mean nothing in such a map. It is begun
    from the principal components, and is the same for the same seed on the same machine.

    Args:
        features: `(n, features)`; their first 50 principal components are taken.
        seed: Of the random draws.
        perplexity: How many neighbours each image is balanced against, about; at most a
            third of the images.

    Returns:
        `(n, 2)`, without a unit.

    Raises:
        DataError: If there are fewer than 5 images, or a number is not finite.

    Source:
        van der Maaten & Hinton, JMLR 2008.
    """
    if len(features) < 5:
        raise DataError(f"a t-SNE map needs at least 5 images; got {len(features)}")
    kept = min(_KEPT, *features.shape)
    reduced = pca_map(features, dimensions=kept).points
    balanced = min(perplexity, (len(features) - 1) / 3)
    start: Any = _start(reduced)  # an array, of which scikit-learn's types know nothing
    method = TSNE(perplexity=balanced, random_state=seed % 2**32, init=start)
    return method.fit_transform(reduced.astype(np.float32)).astype(np.float64)


def neighbours(
    features: Tensor,
    queries: Tensor,
    *,
    count: int,
    metric: Metric = "cosine",
    batch: int = 256,
) -> Neighbours:
    """Find the images whose features are nearest to those of some, exactly.

    Each feature is first standardised over the images (one that never varies says nothing
    of any), so that no unit counts for more than another. An image is not its own
    neighbour. Of equals, the first image comes first.

    Args:
        features: `(n, features)`.
        queries: Which of the images to find the neighbours of, `(queries,)`.
        count: How many neighbours, at most `n - 1`.
        metric: `cosine` or `euclidean`.
        batch: Queries compared at a time.

    Raises:
        DataError: If a number is not finite.
        UsageError: If there are not as many others.
    """
    if not 1 <= count < len(features):
        raise UsageError(f"{len(features)} images have no {count} nearest others")
    if not features.isfinite().all():
        raise DataError("neighbours are found by features that are finite; some are not")
    x = features - features.mean(0)
    deviation = x.std(0, unbiased=False)
    x = torch.where(deviation > 1e-6 * deviation.max(), x / deviation, 0.0)
    if metric == "cosine":
        x = torch.nn.functional.normalize(x)
    places: list[Tensor] = []
    distances: list[Tensor] = []
    for some in queries.to(x.device).split(batch):
        apart = 1 - x[some] @ x.T if metric == "cosine" else torch.cdist(x[some], x)
        apart[torch.arange(len(some)), some] = torch.inf
        found = apart.sort(dim=1, stable=True)
        places.append(found.indices[:, :count])
        distances.append(found.values[:, :count])
    return Neighbours(torch.cat(places), torch.cat(distances))


def _checked(features: Tensor) -> NDArray[np.float64]:
    """Give features as an array, or refuse them."""
    x = features.detach().double().cpu().numpy()
    if len(x) == 0 or not np.isfinite(x).all():
        raise DataError("a map needs one image at least, and features that are finite")
    return x


def _start(reduced: NDArray[np.float64]) -> NDArray[np.float32]:
    """Begin at the first two components, small, as t-SNE likes it."""
    first = np.zeros((len(reduced), 2))
    first[:, : reduced.shape[1]] = reduced[:, :2]
    spread = first[:, 0].std()
    return (first / spread * 1e-4 if spread > 0 else first).astype(np.float32)
