"""Naming samples of one modality by a classifier that learned from another; and plain maps."""

import warnings
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn.cross_decomposition import CCA
from sklearn.decomposition import PCA
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression, RidgeCV
from sklearn.neural_network import MLPRegressor
from sklearn.preprocessing import StandardScaler

Numbers = NDArray[np.floating]
Labels = NDArray[np.int64]
Map = Callable[[Numbers], Numbers]

STRENGTHS = (1.0, 10.0, 100.0, 1e3, 1e4)
"""Ridges that a linear map chooses from, by leaving pairs out one at a time."""

MOST_CORRELATED = 10_000
"""Pairs that canonical correlations are computed from at most: more change nothing but the time."""


class Maps(NamedTuple):
    """How samples of two modalities become comparable.

    Attributes:
        first: Applied to samples of the first.
        second: Applied to samples of the second.
    """

    first: Map
    second: Map


def across(source: Numbers, labels: Labels, target: Numbers, judged: Numbers) -> Labels:
    """Learn classes from codes of one modality, and name samples of another by their codes.

    Each modality's codes are centred and scaled by its own training samples, whose labels, in the
    second, are not looked at. The classifier is logistic regression.

    Args:
        source: Training codes of the first modality, `(n, code)`.
        labels: Their classes.
        target: Training codes of the second, without labels.
        judged: Codes of the second to be named.

    Returns:
        Classes, one for each row of `judged`.
    """
    model = LogisticRegression(C=0.1, max_iter=500, tol=1e-3)
    model.fit(StandardScaler().fit_transform(source), labels)
    named = model.predict(StandardScaler().fit(target).transform(judged))
    return np.asarray(named, np.int64)


def principal(samples: Numbers, *, count: int, seed: int) -> Map:
    """Project on the first principal components of samples, centred, in their own scale."""
    found = PCA(min(count, *samples.shape), svd_solver="randomized", random_state=seed)
    found.fit(samples)
    return lambda given: np.asarray(found.transform(given), np.float64)


def canonical(first: Numbers, second: Numbers, *, count: int, seed: int) -> Maps:
    """Find the directions in which the two sides of pairs are most correlated.

    Of each side only so many numbers are taken, from the first, that there are four pairs for
    each: with as many numbers as pairs everything would be perfectly correlated.

    Args:
        first: One side of the pairs, `(pairs, numbers)`, principal components first.
        second: The other.
        count: How many directions.
        seed: Of the pairs that are taken where there are very many.

    Source:
        Hotelling, Biometrika 28, 1936; scikit-learn's NIPALS.
    """
    if len(first) > MOST_CORRELATED:
        chosen = np.random.default_rng(seed).permutation(len(first))[:MOST_CORRELATED]
        first, second = first[chosen], second[chosen]
    kept = max(min(len(first) // 4, first.shape[1], second.shape[1]), 1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        model = CCA(min(count, kept), max_iter=500, tol=1e-4)
        model.fit(first[:, :kept], second[:, :kept])
    blank = np.zeros((1, kept))

    def one(given: Numbers) -> Numbers:
        return np.asarray(model.transform(given[:, :kept]))

    def other(given: Numbers) -> Numbers:
        repeated = np.repeat(blank, len(given), 0)
        return np.asarray(model.transform(repeated, given[:, :kept])[1])

    return Maps(one, other)


def linear_map(given: Numbers, wanted: Numbers) -> Map:
    """Fit a linear map by ridge regression, its strength chosen by leaving pairs out."""
    model = RidgeCV(alphas=STRENGTHS).fit(given, wanted)
    return lambda samples: np.asarray(model.predict(samples))


def small_net(given: Numbers, wanted: Numbers, *, seed: int) -> Map:
    """Fit a net with one hidden layer of 256 units by least squares."""
    scaler, target = StandardScaler().fit(given), StandardScaler().fit(wanted)
    epochs = min(max(400_000 // len(given), 15), 400)
    net = MLPRegressor(
        hidden_layer_sizes=(256,), alpha=1e-2, max_iter=epochs, random_state=seed, tol=0.0
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        net.fit(scaler.transform(given), target.transform(wanted))
    return lambda samples: np.asarray(net.predict(scaler.transform(samples)))
