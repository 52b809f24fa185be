"""Whether a classifier is right as often as it is sure, and a temperature that makes it so."""

import math

import msgspec
import numpy as np
from numpy.typing import NDArray
from scipy import optimize, special

from featlearn.errors import DataError

BINS = 15
"""Intervals of confidence, as in Guo et al."""

COLDEST, HOTTEST = 0.01, 100.0
"""Least and greatest temperature that is tried."""


class Bin(msgspec.Struct, frozen=True, kw_only=True):
    """The images of which the most probable class has a probability in (low, high].

    Attributes:
        low: Beginning of the interval.
        high: Its end.
        images: How many there are.
        confidence: Their mean probability of the most probable class; None without images.
        accuracy: Share of them of which it is the true one.
    """

    low: float
    high: float
    images: int
    confidence: float | None
    accuracy: float | None


class Reliability(msgspec.Struct, frozen=True, kw_only=True):
    """How reliable probabilities are.

    Attributes:
        ece: Expected calibration error: the mean distance of accuracy from confidence over
            `bins`, weighted by their images; in [0, 1].
        nll: Mean negative logarithm of the probability of the true class, in nats.
        bins: Intervals of confidence.
    """

    ece: float
    nll: float
    bins: tuple[Bin, ...]


def reliability(
    probabilities: NDArray[np.floating], labels: NDArray[np.int64], *, bins: int = BINS
) -> Reliability:
    """Compare how sure a classifier is with how often it is right.

    Args:
        probabilities: `(n, classes)`, each row of sum 1.
        labels: `(n,)` true classes.
        bins: Number of intervals of equal width.

    Raises:
        DataError: If there are no images, or not one label for each.

    Source:
        Naeini et al., AAAI 2015; Guo, Pleiss, Sun and Weinberger, ICML 2017, equation 3.
    """
    _check(probabilities, labels)
    shares = probabilities.astype(np.float64)
    confidence, right = shares.max(1), shares.argmax(1) == labels
    place = np.clip(np.ceil(confidence * bins).astype(np.int64) - 1, 0, bins - 1)
    found = [_bin(k, bins, confidence[place == k], right[place == k]) for k in range(bins)]
    gaps = sum(
        some.images * abs(some.accuracy - some.confidence)
        for some in found
        if some.accuracy is not None and some.confidence is not None
    )
    true = shares[np.arange(len(labels)), labels]
    tiny = np.finfo(np.float64).tiny
    return Reliability(
        ece=float(gaps / len(labels)),
        nll=float(-np.log(np.maximum(true, tiny)).mean()),
        bins=tuple(found),
    )


def fit_temperature(logits: NDArray[np.floating], labels: NDArray[np.int64]) -> float:
    """Find the temperature T by which softmax(logits / T) has the least mean cross-entropy.

    In 1 / T the cross-entropy is convex, so that over its logarithm there is one least value;
    where all images are right without doubt it lies at the end that is tried, `COLDEST`.

    Args:
        logits: `(n, classes)`, of images that were not learned from.
        labels: `(n,)` true classes.

    Raises:
        DataError: If there are no images, or not one label for each.

    Source:
        Guo, Pleiss, Sun and Weinberger, ICML 2017, section 4.2.
    """
    _check(logits, labels)
    scores = logits.astype(np.float64)

    def loss(log_temperature: float) -> float:
        return cross_entropy(scores, labels, temperature=math.exp(log_temperature))

    bounds = (math.log(COLDEST), math.log(HOTTEST))
    found = optimize.minimize_scalar(loss, bounds=bounds, method="bounded", options={"xatol": 1e-7})
    return math.exp(float(found.x))


def cross_entropy(
    logits: NDArray[np.float64], labels: NDArray[np.int64], *, temperature: float = 1.0
) -> float:
    """Compute the mean cross-entropy of softmax(logits / temperature), in nats."""
    scaled = logits / temperature
    own = scaled[np.arange(len(labels)), labels]
    return float((special.logsumexp(scaled, axis=1) - own).mean())


def _bin(place: int, bins: int, confidence: NDArray[np.float64], right: NDArray[np.bool_]) -> Bin:
    """Sum up the images of one interval."""
    some = len(confidence) > 0
    return Bin(
        low=place / bins,
        high=(place + 1) / bins,
        images=len(confidence),
        confidence=float(confidence.mean()) if some else None,
        accuracy=float(right.mean()) if some else None,
    )


def _check(scores: NDArray[np.floating], labels: NDArray[np.int64]) -> None:
    """Refuse what is not one row of scores for each of one label or more."""
    if scores.ndim != 2 or labels.shape != scores.shape[:1] or len(labels) == 0:
        raise DataError(
            "calibration needs scores (n >= 1, classes) and labels (n,); "
            f"got {scores.shape} and {labels.shape}"
        )
