import numpy as np
import pytest

from featlearn.evaluate.transfer import across, canonical, linear_map, principal, small_net


def pairs(count: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Make two sides of pairs that have their class in common, and nothing else."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 3, count)
    signal = np.eye(3)[labels] * 4
    turn = np.random.default_rng(9).normal(size=(3, 5))
    first = np.concatenate([signal, rng.normal(size=(count, 2))], 1) + 0.1 * rng.normal(
        size=(count, 5)
    )
    second = signal @ turn + 0.1 * rng.normal(size=(count, 5))
    return first, second, labels


def test_a_classifier_crosses_between_codes_that_agree() -> None:
    first, _, labels = pairs(300)
    other, _, truth = pairs(200, seed=1)
    assert np.mean(across(first, labels, other[:100], other[100:]) == truth[100:]) > 0.97


def test_codes_are_scaled_by_their_own_side() -> None:
    first, _, labels = pairs(300)
    other, _, truth = pairs(200, seed=1)
    moved = 7 * other + 3
    assert np.mean(across(first, labels, moved[:100], moved[100:]) == truth[100:]) > 0.97


def test_canonical_directions_make_the_sides_comparable() -> None:
    first, second, labels = pairs(400)
    maps = canonical(first, second, count=2, seed=0)
    one, other = maps.first(first), maps.second(second)
    assert one.shape == other.shape == (400, 2)
    for k in range(2):
        assert abs(np.corrcoef(one[:, k], other[:, k])[0, 1]) > 0.95
    assert np.mean(across(one, labels, other[:200], other[200:]) == labels[200:]) > 0.97


def test_canonical_directions_take_four_pairs_for_each_number() -> None:
    first, second, _ = pairs(12)
    maps = canonical(first, second, count=20, seed=0)
    assert maps.first(first).shape == (12, 3)


def test_a_linear_map_is_the_least_squares_one_where_there_are_many_pairs() -> None:
    _, second, labels = pairs(500)
    wanted = np.eye(3)[labels] * 4
    found = linear_map(second, wanted)(second)
    design = np.concatenate([second, np.ones((500, 1))], 1)
    best = design @ np.linalg.lstsq(design, wanted, rcond=None)[0]
    np.testing.assert_allclose(found, best, atol=0.05)


def test_a_small_net_bends_where_a_linear_map_cannot() -> None:
    x = np.linspace(-2, 2, 400)[:, None]
    wanted = np.concatenate([np.abs(x), np.sin(2 * x)], 1)
    net = small_net(x, wanted, seed=0)(x)
    error = [
        np.mean((net[:, k] - (wanted[:, k] - wanted[:, k].mean()) / wanted[:, k].std()) ** 2)
        for k in range(2)
    ]
    assert max(error) < 0.2


def test_principal_components_are_those_of_the_samples_they_were_fitted_on() -> None:
    first, _, _ = pairs(100)
    found = principal(first, count=3, seed=0)(first)
    values = np.linalg.svd(first - first.mean(0), compute_uv=False)
    np.testing.assert_allclose(np.linalg.norm(found, axis=0), values[:3], rtol=1e-6)
    assert principal(first, count=50, seed=0)(first).shape == (100, 5)
    assert principal(first[:4], count=50, seed=0)(first) == pytest.approx(
        principal(first[:4], count=4, seed=0)(first)
    )
