"""Labels that spread from a few labelled samples to their neighbours."""

from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from scipy import sparse
from scipy.sparse.linalg import cg
from torch import Tensor

from featlearn.errors import ShapeError

_PAIRS_AT_ONCE = 2**25
_POWER = 3
_BALANCING = 10


class Neighbours(NamedTuple):
    """The samples that are most like each sample.

    Attributes:
        places: `(n, k)` places of the k most similar others, the most similar first.
        similarity: `(n, k)` cosines with them.
    """

    places: NDArray[np.int64]
    similarity: NDArray[np.float32]


def nearest(features: Tensor, *, k: int) -> Neighbours:
    """Find the neighbours of each sample by the cosine of the angle between features.

    Args:
        features: `(n, numbers)`; a row of zeros is like no other.
        k: How many.

    Raises:
        ShapeError: If there are not more than `k` samples.
    """
    if features.ndim != 2 or len(features) <= k:
        raise ShapeError(
            f"{k} neighbours need features (samples > {k}, numbers); got {tuple(features.shape)}"
        )
    x = F.normalize(features.float(), dim=1)
    places: list[Tensor] = []
    similarity: list[Tensor] = []
    begun = 0
    for rows in x.split(max(_PAIRS_AT_ONCE // len(x), 1)):
        cosines = rows @ x.T
        own = torch.arange(begun, begun + len(rows), device=x.device)[:, None]
        found = cosines.scatter_(1, own, -torch.inf).topk(k, dim=1)
        places.append(found.indices.cpu())
        similarity.append(found.values.cpu())
        begun += len(rows)
    return Neighbours(torch.cat(places).numpy(), torch.cat(similarity).numpy())


def spread_labels(
    neighbours: Neighbours,
    labelled: NDArray[np.integer],
    labels: NDArray[np.integer],
    *,
    classes: int,
    alpha: float = 0.99,
) -> NDArray[np.float64]:
    """Let labels spread over the graph of neighbours.

    Solves (I - α S) Z = Y with S = D^-1/2 A D^-1/2 and a_ij the third power of the similarity of
    neighbours either way. Then classes are given the labelled samples' shares: columns are
    scaled to these and rows to sums of 1, in turn.

    Args:
        neighbours: Of each of the n samples.
        labelled: Places of the labelled samples.
        labels: Their classes, from 0.
        classes: How many classes there are.
        alpha: How much a sample takes from its neighbours, in (0, 1).

    Returns:
        `(n, classes)` probabilities; those of a sample that no label reaches are all alike.

    Source:
        Zhou et al., NIPS 2004; the graph and its solution as in Iscen et al., CVPR 2019,
        equations 4 to 7; the shares after Zhu, Ghahramani & Lafferty, ICML 2003, section 4.
    """
    count, k = neighbours.places.shape
    rows = np.repeat(np.arange(count), k)
    weight = np.maximum(neighbours.similarity, 0).astype(np.float64).ravel() ** _POWER
    one_way = sparse.csr_matrix((weight, (rows, neighbours.places.ravel())), (count, count))
    graph = one_way + one_way.T
    degree = np.asarray(graph.sum(1)).ravel()
    scaling = sparse.diags_array(1 / np.sqrt(np.where(degree > 0, degree, 1.0)))
    system = sparse.eye_array(count) - alpha * (scaling @ graph @ scaling)
    spread = np.zeros((count, classes))
    for one in range(classes):
        source = np.zeros(count)
        source[labelled[labels == one]] = 1.0
        solved, _ = cg(system, source, rtol=1e-6, maxiter=200)
        spread[:, one] = np.maximum(solved, 0)
    shares = np.bincount(labels, minlength=classes) / len(labels)
    return _balanced(spread, shares)


def certainty(probabilities: NDArray[np.floating]) -> NDArray[np.floating]:
    """Say how clear each answer is: 1 less its entropy, by that of no answer, in [0, 1].

    Source:
        Iscen et al., CVPR 2019, equation 9.
    """
    if probabilities.shape[1] == 1:
        return np.ones(len(probabilities), probabilities.dtype)
    logs = np.log(np.maximum(probabilities, np.finfo(probabilities.dtype).tiny))
    entropy = -(probabilities * logs).sum(1)
    return 1 - entropy / np.log(probabilities.shape[1])


def _balanced(spread: NDArray[np.float64], shares: NDArray[np.float64]) -> NDArray[np.float64]:
    """Scale columns to the shares and rows to 1, in turn; rows last."""
    reached = spread.sum(1) > 0
    found = spread[reached] / spread[reached].sum(1, keepdims=True)
    for _ in range(_BALANCING):
        sums = found.sum(0)
        found = found * np.where(sums > 0, shares / np.where(sums > 0, sums, 1.0), 0.0)
        found /= found.sum(1, keepdims=True)
    answers = np.full_like(spread, 1 / spread.shape[1])
    answers[reached] = found
    return answers
