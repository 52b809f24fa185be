from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.ensemble import AdaBoostClassifier

from featlearn.baselines.adaboost import Boosting, Plan, draw_by_weight, scores
from featlearn.baselines.features import HaarLike, Pixels
from featlearn.errors import CheckpointError

WHOLE = Plan(factors=1, images=10_000, features=1000, tried=1000, period=1)
"""A search that leaves nothing out, as in the papers."""


def images_of(
    count: int, *, classes: int, seed: int = 0
) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Small images of few levels, whose classes can be told only in part."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(classes, size=count)
    images = rng.integers(12, size=(count, 1, 3, 3))
    images[:, 0, 0, 1] += 3 * labels
    images[:, 0, 2, 2] += 5 * (labels % 2)
    return images.astype(np.uint8), labels.astype(np.int64)


def brute_force(
    rows: NDArray[np.float64], labels: NDArray[np.int64], *, classes: int, rounds: int
) -> NDArray[np.float64]:
    """AdaBoost.MH with stumps, loop by loop, as in Schapire & Singer and Kégl & Busa-Fekete."""
    n = len(rows)
    y = np.where(np.arange(classes) == labels[:, None], 1.0, -1.0)
    w = np.where(y > 0, 1 / (2 * n), 1 / (2 * n * (classes - 1)))
    f = np.zeros((n, classes))
    for _ in range(rounds):
        best = -1.0
        chosen = np.ones(n)
        for j in range(rows.shape[1]):
            for threshold in np.unique(rows[:, j]):
                phi = np.where(rows[:, j] > threshold, 1.0, -1.0)
                edge = sum(
                    abs(sum(w[i, c] * y[i, c] * phi[i] for i in range(n))) for c in range(classes)
                )
                if edge > best * (1 + 1e-6):
                    best, chosen = edge, phi
        votes = np.sign(chosen @ (w * y))
        alpha = 0.5 * np.log((1 + best) / (1 - best))
        h = chosen[:, None] * votes
        f += alpha * h
        w *= np.exp(-alpha * h * y)
        w /= w.sum()
    return f


@pytest.mark.parametrize("classes", [2, 3])
def test_equals_loops_over_images_features_and_thresholds(classes: int) -> None:
    images, labels = images_of(30, classes=classes)
    boosting = Boosting(Pixels.of(images), labels, classes=classes, plan=WHOLE, seed=0)
    for _ in range(6):
        boosting.advance()
    rows = images.reshape(30, -1).astype(np.float64)
    expected = brute_force(rows, labels, classes=classes, rounds=6)
    np.testing.assert_allclose(boosting.margins.numpy(), expected, atol=1e-9)
    found = scores(boosting.rounds, Pixels.of(images), classes=classes)
    np.testing.assert_allclose(found.numpy(), expected, atol=1e-9)


class LeastErrorStump(ClassifierMixin, BaseEstimator):
    """The stump of least weighted error: scikit-learn's own trees go by Gini's index."""

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> "LeastErrorStump":
        self.classes_ = np.unique(y)
        best = np.inf
        for feature in range(X.shape[1]):
            for cut in np.unique(X[:, feature]):
                above = X[:, feature] > cut
                for sign in (1, 0):
                    error = sample_weight[(above == sign) != y].sum()
                    if error < best * (1 - 1e-6):
                        best, self.found_ = error, (feature, cut, sign)
        return self

    def predict(self, X: Any) -> Any:
        feature, cut, sign = self.found_
        return ((X[:, feature] > cut) == sign).astype(np.int64)


def test_is_scikit_learns_adaboost_where_there_are_two_classes() -> None:
    images, labels = images_of(100, classes=2)
    rows = images.reshape(100, -1)
    theirs = AdaBoostClassifier(LeastErrorStump(), n_estimators=12).fit(rows, labels)
    boosting = Boosting(Pixels.of(images), labels, classes=2, plan=WHOLE, seed=0)
    for _ in range(12):
        boosting.advance()
    # Their weights are log((1 - e) / e), twice ours.
    weights = [2 * one.weight for one in boosting.rounds]
    np.testing.assert_allclose(weights, theirs.estimator_weights_, rtol=1e-6)
    # Their votes are 1 and -1 for either class, and they give the difference of the two.
    margins = 2 * 2 * boosting.margins.numpy() / np.sum(weights)
    np.testing.assert_allclose(margins[:, 1], theirs.decision_function(rows), atol=1e-6)
    np.testing.assert_allclose(margins[:, 0], -margins[:, 1], atol=1e-12)


def test_the_exponential_loss_falls_by_the_root_of_one_less_the_squared_edge() -> None:
    images, labels = images_of(80, classes=4)
    plan = Plan(factors=3, images=40, features=9, tried=5, period=5)
    boosting = Boosting(Pixels.of(images), labels, classes=4, plan=plan, seed=1)
    loss = 1.0
    signs = np.where(np.arange(4) == labels[:, None], 1.0, -1.0)
    first = np.where(signs > 0, 1 / 160, 1 / 160 / 3)
    for _ in range(4):
        boosting.advance()
        now = float((first * np.exp(-signs * boosting.margins.numpy())).sum())
        bound = loss
        for one in boosting.rounds[-5:]:
            edge = np.tanh(one.weight)
            bound *= np.sqrt(1 - edge**2)
        assert now == pytest.approx(bound, rel=1e-9)
        loss = now


def test_a_product_learns_what_no_sum_of_stumps_can() -> None:
    rng = np.random.default_rng(0)
    images = rng.integers(2, size=(400, 1, 1, 3)).astype(np.uint8)
    labels = (images.reshape(400, 3).sum(1) % 2).astype(np.int64)
    errors: list[float] = []
    for factors in (1, 3):
        plan = WHOLE._replace(factors=factors, period=10)
        boosting = Boosting(Pixels.of(images), labels, classes=2, plan=plan, seed=0)
        boosting.advance()
        errors.append(boosting.training_error)
    assert errors[0] > 0.3
    assert errors[1] == 0


def test_boosting_ends_where_everything_is_right() -> None:
    images = np.arange(8, dtype=np.uint8).reshape(8, 1, 1, 1)
    labels = (np.arange(8) > 3).astype(np.int64)
    boosting = Boosting(Pixels.of(images), labels, classes=2, plan=WHOLE, seed=0)
    boosting.advance()
    boosting.advance()
    assert boosting.ended
    assert len(boosting.rounds) == 1
    assert boosting.training_error == 0


def test_boosting_ends_where_nothing_can_be_told() -> None:
    images = np.zeros((8, 1, 2, 2), np.uint8)
    labels = np.arange(8) % 2
    boosting = Boosting(Pixels.of(images), labels, classes=2, plan=WHOLE, seed=0)
    boosting.advance()
    assert boosting.ended
    assert not boosting.rounds


def test_going_on_gives_the_same_rounds() -> None:
    images, labels = images_of(120, classes=3)
    plan = Plan(factors=3, images=50, features=30, tried=10, period=4)

    def begin() -> Boosting:
        return Boosting(HaarLike.of(images), labels, classes=3, plan=plan, seed=5)

    whole, half = begin(), begin()
    for _ in range(4):
        whole.advance()
    for _ in range(2):
        half.advance()
    rest = begin()
    rest.restore(half.rounds, half.margins, ended=half.ended)
    for _ in range(2):
        rest.advance()
    assert rest.rounds == whole.rounds
    assert torch.equal(rest.margins, whole.margins)


@pytest.mark.parametrize("far", [1000.0, -1000.0])
def test_margins_that_all_are_as_far_off_change_nothing(far: float) -> None:
    """What all weights share cancels out, be it as small as exp(-1000)."""
    images, labels = images_of(60, classes=3)
    plan = Plan(factors=2, images=25, features=9, tried=9, period=5)
    near, off = (
        Boosting(Pixels.of(images), labels, classes=3, plan=plan, seed=2) for _ in range(2)
    )
    near.advance()
    signs = torch.from_numpy(np.where(np.arange(3) == labels[:, None], 1.0, -1.0))
    off.restore(near.rounds, near.margins + far * signs, ended=False)
    for boosting in (near, off):
        boosting.advance()
    assert not off.ended
    assert [one.stumps for one in off.rounds] == [one.stumps for one in near.rounds]
    weights = [[one.weight for one in boosting.rounds] for boosting in (off, near)]
    np.testing.assert_allclose(weights[0], weights[1], rtol=1e-9)


def test_rounds_of_other_images_are_refused() -> None:
    images, labels = images_of(20, classes=3)
    boosting = Boosting(Pixels.of(images), labels, classes=3, plan=WHOLE, seed=0)
    with pytest.raises(CheckpointError, match=r"\(19, 3\).*expected \(20, 3\)"):
        boosting.restore([], torch.zeros(19, 3, dtype=torch.float64), ended=False)


def test_a_draw_by_weight_gives_sums_that_are_right_on_average() -> None:
    rng = np.random.default_rng(0)
    weights = rng.exponential(size=300) ** 2
    values = rng.normal(size=300) + 1
    sums: list[float] = []
    for seed in range(400):
        places, shares = draw_by_weight(weights, 60, np.random.default_rng(seed))
        assert 59 <= len(places) <= 61
        assert (np.diff(places) > 0).all()
        assert (shares <= 1).all()
        sums.append(float((weights[places] * values[places] / shares).sum()))
    error = np.std(sums) / len(sums) ** 0.5
    assert np.mean(sums) == pytest.approx((weights * values).sum(), abs=4 * error)


def test_a_draw_by_weight_takes_all_where_there_are_no_more() -> None:
    places, shares = draw_by_weight(np.array([0.0, 3.0]), 2, np.random.default_rng(0))
    assert places.tolist() == [0, 1]
    assert shares.tolist() == [1, 1]


def test_a_draw_by_weight_takes_the_heaviest_for_sure() -> None:
    weights = np.array([1e-3, 1.0, 1e-3, 1e-3])
    for seed in range(20):
        places, shares = draw_by_weight(weights, 2, np.random.default_rng(seed))
        assert 1 in places
        assert shares[places.tolist().index(1)] == 1


def test_a_draw_by_weight_takes_what_is_next_to_nothing_too() -> None:
    weights = np.array([1.0, 0.0, 1e-310, 0.0, 0.0])
    places, shares = draw_by_weight(weights, 3, np.random.default_rng(0))
    assert places.tolist() == [0, 2]
    assert shares.tolist() == [1, 1]
