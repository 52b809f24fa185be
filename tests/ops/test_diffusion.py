"""Labels that spread over a graph, against dense algebra and scikit-learn."""

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from sklearn.neighbors import NearestNeighbors
from sklearn.semi_supervised import LabelSpreading

from featlearn.errors import ShapeError
from featlearn.ops.diffusion import Neighbours, certainty, nearest, spread_labels


def clouds(count: int = 60) -> tuple[torch.Tensor, NDArray[np.int64]]:
    """Three directions with noise about them."""
    draw = np.random.default_rng(0)
    classes = np.arange(count) % 3
    points = np.eye(3)[classes] + 0.25 * draw.standard_normal((count, 3))
    return torch.from_numpy(points).float(), classes


def affinity(neighbours: Neighbours) -> NDArray[np.float64]:
    """Write the graph out, edge by edge."""
    count, k = neighbours.places.shape
    graph = np.zeros((count, count))
    for i in range(count):
        for j in range(k):
            weight = max(float(neighbours.similarity[i, j]), 0) ** 3
            graph[i, neighbours.places[i, j]] += weight
            graph[neighbours.places[i, j], i] += weight
    return graph


def test_neighbours_are_those_of_scikit_learn() -> None:
    points, _ = clouds()
    search = NearestNeighbors(n_neighbors=5, metric="cosine").fit(points.numpy())
    distance, places = search.kneighbors()
    found = nearest(points, k=5)
    np.testing.assert_array_equal(found.places, places)
    np.testing.assert_allclose(found.similarity, 1 - distance, atol=1e-6)


def test_too_few_samples_for_so_many_neighbours() -> None:
    with pytest.raises(ShapeError, match=r"samples > 5.*got \(5, 2\)"):
        nearest(torch.ones(5, 2), k=5)


def test_the_spread_solves_the_equation() -> None:
    """With as many labels of each class, and clouds of one size, balancing changes little."""
    points, classes = clouds()
    neighbours = nearest(points, k=6)
    labelled = np.arange(6)
    graph = affinity(neighbours)
    scale = 1 / np.sqrt(graph.sum(1))
    system = np.eye(60) - 0.9 * scale[:, None] * graph * scale
    solved = np.linalg.solve(system, np.eye(3)[classes] * (np.arange(60) < 6)[:, None])
    found = solved / solved.sum(1, keepdims=True)
    for _ in range(10):
        found = found / found.sum(0) / 3
        found = found / found.sum(1, keepdims=True)
    got = spread_labels(neighbours, labelled, classes[:6], classes=3, alpha=0.9)
    np.testing.assert_allclose(got, found, atol=1e-5)


def test_choices_are_those_of_label_spreading() -> None:
    """Of scikit-learn's graph, which has no weights, they are mostly the same."""
    points, classes = clouds()
    theirs = LabelSpreading(kernel="knn", n_neighbors=6, alpha=0.9, max_iter=1000, tol=1e-9)
    theirs.fit(points.numpy(), np.where(np.arange(60) < 6, classes, -1))
    ours = spread_labels(nearest(points, k=6), np.arange(6), classes[:6], classes=3, alpha=0.9)
    assert (ours.argmax(1) == theirs.transduction_).mean() > 0.9
    assert (ours.argmax(1) == classes).mean() > 0.9


def test_what_no_label_reaches_has_no_answer() -> None:
    islands = Neighbours(np.array([[1], [0], [3], [2]]), np.ones((4, 1), np.float32))
    got = spread_labels(islands, np.array([0]), np.array([0]), classes=2)
    np.testing.assert_allclose(got[2:], 0.5)
    np.testing.assert_allclose(got[:2], [[1, 0], [1, 0]])
    np.testing.assert_allclose(certainty(got), [1, 1, 0, 0], atol=1e-12)


def test_samples_like_no_other_make_no_nan() -> None:
    got = spread_labels(
        Neighbours(np.array([[1], [0]]), np.zeros((2, 1), np.float32)),
        np.array([0, 1]),
        np.array([1, 0]),
        classes=2,
    )
    np.testing.assert_allclose(got, [[0, 1], [1, 0]])
