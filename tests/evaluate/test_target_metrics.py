"""Figures of numbers and of sets of labels against their formulas."""

import numpy as np
import pytest

from featlearn.errors import DataError
from featlearn.evaluate.target_metrics import multi_label_report, regression_report

RNG = np.random.default_rng(0)


def test_numbers_are_scored_by_the_formulas() -> None:
    true = RNG.normal(size=(50, 2)).astype(np.float32)
    said = (true + 0.3 * RNG.normal(size=(50, 2))).astype(np.float32)
    found = regression_report(true, said, ("a", "b"))
    for k, score in enumerate(found.per_target):
        off = true[:, k].astype(float) - said[:, k]
        spread = true[:, k].astype(float) - true[:, k].mean(dtype=float)
        assert score.mae == pytest.approx(np.abs(off).mean())
        assert score.rmse == pytest.approx(np.sqrt((off**2).mean()))
        assert score.r2 == pytest.approx(1 - (off**2).sum() / (spread**2).sum())
        assert score.deviation == pytest.approx(np.sqrt((spread**2).mean()))
    shares = [score.r2 for score in found.per_target if score.r2 is not None]
    assert found.r2 == pytest.approx(np.mean(shares))


def test_a_target_that_never_varies_has_no_r2() -> None:
    still = regression_report(np.ones((3, 1), np.float32), np.zeros((3, 1), np.float32), ("a",))
    assert (still.r2, still.per_target[0].r2, still.per_target[0].mae) == (None, None, 1.0)


def average_precision(has: np.ndarray, share: np.ndarray) -> float:
    """Sum precision over the places at which a wanted image is found (no shares are equal)."""
    order = np.argsort(-share)
    hits = has[order]
    precision = np.cumsum(hits) / np.arange(1, len(hits) + 1)
    return float((precision * hits).sum() / hits.sum())


def test_labels_are_scored_by_the_formulas() -> None:
    has = (RNG.uniform(size=(60, 3)) < [0.2, 0.5, 0.0]).astype(np.float32)
    share = RNG.uniform(size=(60, 3)).astype(np.float32)
    found = multi_label_report(has, share, ("a", "b", "never"))
    named = share > 0.5
    for k in range(2):
        score = found.per_label[k]
        true = ((has[:, k] > 0) & named[:, k]).sum()
        precision, recall = true / named[:, k].sum(), true / has[:, k].sum()
        assert score.ap == pytest.approx(average_precision(has[:, k], share[:, k]))
        assert score.f1 == pytest.approx(2 * precision * recall / (precision + recall))
    assert (found.per_label[2].ap, found.per_label[2].f1) == (None, 0.0)
    aps = [score.ap for score in found.per_label if score.ap is not None]
    assert found.map == pytest.approx(np.mean(aps))
    assert found.error == pytest.approx(((has > 0) != named).mean())
    assert found.exact == pytest.approx(((has > 0) == named).all(1).mean())


def test_shapes_must_be_alike() -> None:
    for report in (regression_report, multi_label_report):
        with pytest.raises(DataError, match=r"got \(2, 1\) and \(3, 1\)"):
            report(np.zeros((2, 1), np.float32), np.zeros((3, 1), np.float32), ("a",))
        with pytest.raises(DataError, match="1 targets need as many names; got 2"):
            report(np.zeros((2, 1), np.float32), np.zeros((2, 1), np.float32), ("a", "b"))
