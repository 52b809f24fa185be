"""Calibration against a loop, a grid and the formula."""

import math

import numpy as np
import pytest
from scipy.special import log_softmax, softmax

from featlearn.errors import DataError
from featlearn.evaluate.calibration import (
    COLDEST,
    cross_entropy,
    fit_temperature,
    reliability,
)

RNG = np.random.default_rng(0)
LOGITS = 3 * RNG.normal(size=(400, 5))
LABELS = np.array([RNG.choice(5, p=row) for row in softmax(LOGITS / 2.5, axis=1)], np.int64)


def test_the_calibration_error_is_that_of_a_loop() -> None:
    shares = softmax(LOGITS, axis=1)
    total = 0.0
    for k in range(15):
        inside = [
            (row.max(), row.argmax() == label)
            for row, label in zip(shares, LABELS, strict=True)
            if k / 15 < row.max() <= (k + 1) / 15
        ]
        if inside:
            sure, right = np.mean(inside, axis=0)
            total += len(inside) / 400 * abs(sure - right)
    found = reliability(shares, LABELS)
    assert found.ece == pytest.approx(total)
    assert found.nll == pytest.approx(-log_softmax(LOGITS, axis=1)[np.arange(400), LABELS].mean())
    assert sum(some.images for some in found.bins) == 400
    assert (found.bins[0].confidence, found.bins[0].accuracy) == (None, None)


def test_the_temperature_is_the_best_of_a_grid_and_undoes_what_was_done() -> None:
    grid = np.geomspace(0.1, 30, 4000)
    losses = [-np.mean(log_softmax(LOGITS / t, axis=1)[np.arange(400), LABELS]) for t in grid]
    best = fit_temperature(LOGITS, LABELS)
    assert best == pytest.approx(grid[int(np.argmin(losses))], rel=2e-3)
    assert cross_entropy(LOGITS, LABELS, temperature=best) <= min(losses) + 1e-9
    assert best == pytest.approx(2.5, rel=0.15)
    before = reliability(softmax(LOGITS, axis=1), LABELS).ece
    assert reliability(softmax(LOGITS / best, axis=1), LABELS).ece < 0.5 * before
    assert fit_temperature(7 * LOGITS, LABELS) == pytest.approx(7 * best, rel=1e-4)


def test_ends_of_the_intervals_belong_to_the_lower_one_and_certainty_to_the_last() -> None:
    shares = np.array([[0.6, 0.4], [0.5, 0.5], [1.0, 0.0], [1.0, 0.0]])
    found = reliability(shares, np.array([0, 0, 0, 1]), bins=10)
    assert [some.images for some in found.bins] == [0, 0, 0, 0, 1, 1, 0, 0, 0, 2]
    assert found.ece == pytest.approx((0.4 + 0.5 + 2 * 0.5) / 4)
    assert math.isfinite(found.nll)


def test_without_a_mistake_the_temperature_is_the_least() -> None:
    labels = LOGITS.argmax(1).astype(np.int64)
    assert fit_temperature(LOGITS, labels) == pytest.approx(COLDEST, rel=1e-2)


def test_no_images_are_refused() -> None:
    with pytest.raises(DataError, match=r"scores \(n >= 1, classes\)"):
        reliability(np.zeros((0, 2)), np.zeros(0, np.int64))
    with pytest.raises(DataError, match="labels"):
        fit_temperature(np.zeros((3, 2)), np.zeros(2, np.int64))
