"""A linear probe: it separates what is separable, and chooses on training rows alone."""

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from featlearn.errors import DataError
from featlearn.evaluate.probe import linear_probe

Rows = tuple[NDArray[np.float64], NDArray[np.int64]]


def blobs(count: int, *, seed: int, spread: float = 0.5) -> Rows:
    draw = np.random.default_rng(seed)
    labels = np.arange(count) % 3
    centres = np.array([[0.0, 0], [4, 0], [0, 400]])
    return centres[labels] + draw.normal(size=(count, 2)) * [spread, spread * 100], labels


def test_separates_blobs_of_very_unequal_scales() -> None:
    result = linear_probe(*blobs(60, seed=0), *blobs(300, seed=1))
    assert result.accuracy > 0.97
    assert result.folds == 5


def test_equals_regression_at_the_chosen_strength() -> None:
    (x, y), (test_x, test_y) = blobs(60, seed=0, spread=2), blobs(90, seed=1, spread=2)
    result = linear_probe(x, y, test_x, test_y)
    scaler = StandardScaler().fit(x)
    model = LogisticRegression(C=result.strength, max_iter=5000).fit(scaler.transform(x), y)
    expected = model.predict(scaler.transform(test_x))
    assert np.mean(result.predictions == expected) > 0.97
    assert result.accuracy == pytest.approx(np.mean(result.predictions == test_y))


def test_the_choice_does_not_see_the_test_rows() -> None:
    x, y = blobs(60, seed=0, spread=3)
    test_x, test_y = blobs(60, seed=1)
    shuffled = np.random.default_rng(0).permutation(test_y)
    right, wrong = linear_probe(x, y, test_x, test_y), linear_probe(x, y, test_x, shuffled)
    assert right.strength == wrong.strength
    np.testing.assert_array_equal(right.predictions, wrong.predictions)


def test_strong_regularisation_is_chosen_where_features_are_noise() -> None:
    draw = np.random.default_rng(0)
    x, y = draw.normal(size=(60, 200)), np.arange(60) % 2
    assert linear_probe(x, y, x, y).strength == 1e-3


def test_one_row_in_a_class_leaves_nothing_to_split() -> None:
    x, y = blobs(10, seed=0)
    y = np.where(np.arange(10) == 1, 1, np.where(y == 1, 0, y))
    assert linear_probe(x, y, x, y).folds == 0


def test_one_class_only() -> None:
    with pytest.raises(DataError, match="one class only"):
        linear_probe(np.zeros((4, 2)), np.zeros(4, np.int64), np.zeros((1, 2)), np.zeros(1, int))
