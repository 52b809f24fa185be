"""Codes of distances and steps of k-means, against loops."""

import numpy as np
import pytest
import torch

from featlearn.errors import ShapeError
from featlearn.ops.clusters import hard_code, triangle_code
from featlearn.ops.kmeans import cluster_sums, nearest_centres, spread_points


def draws(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@pytest.mark.parametrize("groups", [1, 2, 3])
def test_codes_equal_the_papers_formulas(groups: int) -> None:
    z = draws(2, 6, 3, 4).abs()
    triangle, hard = triangle_code(z, groups=groups), hard_code(z, groups=groups)
    for n, row, column in np.ndindex(2, 3, 4):
        for part in np.split(np.arange(6), groups):
            here = z[n, :, row, column].numpy()[part]
            expected = [max(0.0, here.mean() - value) for value in here]
            np.testing.assert_allclose(triangle[n, part, row, column], expected)
            nearest = [float(value == here.min()) for value in here]
            np.testing.assert_allclose(hard[n, part, row, column], nearest)


def test_equal_distances_give_no_triangle_and_the_first_centre() -> None:
    z = torch.ones(1, 4, 1, 1)
    assert not triangle_code(z).any()
    assert hard_code(z).flatten().tolist() == [1, 0, 0, 0]


@pytest.mark.parametrize("code", [hard_code, triangle_code])
def test_misfits_are_refused(code: type) -> None:
    with pytest.raises(ShapeError, match="4 groups divide"):
        code(torch.ones(1, 6, 1, 1), groups=4)
    with pytest.raises(ShapeError, match=r"got \(2, 6\)"):
        code(torch.ones(2, 6))


def test_the_triangle_has_the_gradient_of_differences() -> None:
    z = draws(2, 5, 2, 2).abs().requires_grad_()
    assert torch.autograd.gradcheck(triangle_code, z)


def test_nearest_centres_are_those_of_all_distances(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("featlearn.ops.kmeans._CELLS", 40)  # several parts
    points, centres = draws(50, 7), draws(9, 7, seed=1)
    distances = torch.cdist(points, centres)
    assert nearest_centres(points, centres).equal(distances.argmin(1))
    allowed = torch.arange(9) % 3 == 0
    distances[:, ~allowed] = torch.inf
    assert nearest_centres(points, centres, allowed=allowed).equal(distances.argmin(1))
    assert nearest_centres(points[:0], centres).shape == (0,)


def test_sums_are_those_of_a_loop() -> None:
    points, nearest = draws(20, 3).float(), torch.arange(20) % 4
    found = cluster_sums(points, nearest, count=5)
    assert found.counts.tolist() == [5, 5, 5, 5, 0]
    for place in range(5):
        expected = points[nearest == place].double().sum(0)
        torch.testing.assert_close(found.sums[place], expected)


def test_points_far_apart_are_chosen() -> None:
    """Four heaps, one of them taken: the three others get a centre each, whatever is drawn."""
    heaps = 1000 * torch.eye(4, dtype=torch.float64)
    points = heaps[torch.arange(400) % 4] + 0.01 * draws(400, 4)
    for seed in range(20):
        draw = torch.Generator().manual_seed(seed)
        chosen = spread_points(points, points[:1], count=3, generator=draw)
        assert sorted(place % 4 for place in chosen.tolist()) == [1, 2, 3]
        free = spread_points(points, points[:0], count=4, generator=draw)
        assert sorted(place % 4 for place in free.tolist()) == [0, 1, 2, 3]


def test_chances_are_squared_distances() -> None:
    points = torch.tensor([[0.0], [1.0], [2.0]], dtype=torch.float64)
    draw = torch.Generator().manual_seed(0)
    found = [int(spread_points(points, points[:1], count=1, generator=draw)) for _ in range(2000)]
    assert found.count(0) == 0
    assert found.count(2) / 2000 == pytest.approx(0.8, abs=0.03)


def test_no_more_points_are_chosen_than_differ() -> None:
    points = torch.tensor([[1.0, 2.0], [1.0, 2.0], [3.0, 2.0]])
    draw = torch.Generator().manual_seed(0)
    assert len(spread_points(points, points[:0], count=3, generator=draw)) == 2
    assert len(spread_points(points, points, count=3, generator=draw)) == 0
