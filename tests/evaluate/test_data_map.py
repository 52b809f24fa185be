"""Maps and neighbours against scikit-learn, NumPy and groups that lie apart."""

import numpy as np
import pytest
import torch
from sklearn.decomposition import PCA
from sklearn.neighbors import NearestNeighbors
from sklearn.preprocessing import StandardScaler
from torch import Tensor

from featlearn.errors import DataError, UsageError
from featlearn.evaluate.data_map import Metric, neighbours, pca_map, tsne_map


def features(count: int = 40, size: int = 6, *, seed: int = 0) -> Tensor:
    x = torch.randn(count, size, generator=torch.Generator().manual_seed(seed)).double()
    return x * torch.linspace(1, 3, size) + 2


@pytest.mark.parametrize(("count", "size"), [(40, 6), (8, 30)])
def test_pca_is_scikit_learn_s_but_for_signs(count: int, size: int) -> None:
    x = features(count, size)
    found = pca_map(x, dimensions=3)
    oracle = PCA(3, svd_solver="full").fit(x.numpy())
    points = oracle.transform(x.numpy())
    np.testing.assert_allclose(np.abs(found.points), np.abs(points), atol=1e-8)
    np.testing.assert_allclose(found.explained, oracle.explained_variance_ratio_, atol=1e-10)
    loadings = np.linalg.lstsq(x.numpy() - x.numpy().mean(0), found.points, rcond=None)[0]
    largest = np.abs(loadings).argmax(0)
    assert (loadings[largest, range(3)] > 0).all()


def test_pca_of_hardly_anything() -> None:
    constant = pca_map(torch.ones(4, 3))
    assert not constant.points.any()
    assert not constant.explained.any()
    line = pca_map(torch.tensor([[1.0], [3.0]]))
    np.testing.assert_allclose(line.points, [[-1, 0], [1, 0]])
    np.testing.assert_allclose(line.explained, [1, 0])
    for broken in (torch.zeros(0, 3), torch.tensor([[float("nan")]])):
        with pytest.raises(DataError, match="one image at least"):
            pca_map(broken)


def test_tsne_keeps_groups_together_and_is_the_same_again() -> None:
    group = torch.arange(45) % 3
    x = features(45, 5) + 40 * torch.nn.functional.one_hot(group, 5)
    points = tsne_map(x, seed=3, perplexity=8)
    apart = np.linalg.norm(points[:, None] - points[None], axis=2)
    np.fill_diagonal(apart, np.inf)
    assert (group.numpy()[apart.argmin(1)] == group.numpy()).all()
    np.testing.assert_array_equal(points, tsne_map(x, seed=3, perplexity=8))


def test_tsne_of_few_or_equal_images() -> None:
    with pytest.raises(DataError, match="at least 5 images; got 4"):
        tsne_map(features(4), seed=0)
    assert tsne_map(features(5, 1), seed=0).shape == (5, 2)
    assert np.isfinite(tsne_map(torch.ones(6, 3), seed=2**40)).all()


@pytest.mark.parametrize("metric", ["cosine", "euclidean"])
def test_neighbours_are_scikit_learn_s(metric: Metric) -> None:
    x = features()
    queries = torch.tensor([3, 0, 39])
    found = neighbours(x, queries, count=5, metric=metric, batch=2)
    scaled = StandardScaler().fit_transform(x.numpy())
    oracle = NearestNeighbors(n_neighbors=6, metric=metric).fit(scaled)
    distances, places = oracle.kneighbors(scaled[queries])
    np.testing.assert_array_equal(found.places, places[:, 1:])
    np.testing.assert_allclose(found.distances, distances[:, 1:], atol=1e-9)


def test_twins_are_neighbours_but_nobody_is_its_own() -> None:
    x = torch.cat([features(6), features(6)])
    x = torch.cat([x, torch.full((12, 1), 7.0)], dim=1)  # what never varies
    found = neighbours(x, torch.arange(12), count=1, metric="euclidean")
    assert found.places[:, 0].tolist() == [*range(6, 12), *range(6)]
    equal = neighbours(torch.ones(4, 2), torch.tensor([0, 2]), count=2)
    assert equal.places.tolist() == [[1, 2], [0, 1]]


def test_no_such_neighbours() -> None:
    with pytest.raises(UsageError, match="4 images have no 4 nearest others"):
        neighbours(features(4), torch.tensor([0]), count=4)
    with pytest.raises(DataError, match="finite"):
        neighbours(torch.full((3, 2), float("inf")), torch.tensor([0]), count=1)
