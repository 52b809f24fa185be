"""The best-unit test on responses whose best unit is known, and AUC against scikit-learn's."""

import numpy as np
import pytest
import torch
from sklearn.metrics import roc_auc_score
from torch import Tensor

from featlearn.errors import DataError, ShapeError
from featlearn.evaluate.best_unit import best_unit_test, score, separability
from featlearn.evaluate.bootstrap import bootstrap_mean
from featlearn.evaluate.thresholds import Choice

Half = tuple[Tensor, Tensor]


def half(seed: int, images: int = 300) -> Half:
    """Unit 2 falls where an image is positive; the others know nothing."""
    draw = torch.Generator().manual_seed(seed)
    positive = torch.rand(images, generator=draw) < 0.4
    responses = torch.randn(images, 5, generator=draw)
    responses[:, 2] -= 4 * positive
    return responses, positive


def batches(data: Half, size: int = 64) -> list[Half]:
    return list(zip(data[0].split(size), data[1].split(size), strict=True))


def test_the_unit_that_knows_is_found_and_scored_on_the_other_half() -> None:
    ours, others = half(1), half(2)
    groups = np.arange(300) // 10
    found, selection = best_unit_test(
        lambda: batches(ours), lambda: batches(others), groups=groups, seed=3
    )
    assert (found.unit, found.sign) == (2, -1)
    assert selection.accuracy.shape == (5,)
    assert found.chosen_accuracy == float(selection.accuracy[2]) == float(selection.accuracy.max())
    column, positive = others[0][:, 2], others[1]
    right = ((column <= found.threshold) == positive).double().numpy()
    expected = bootstrap_mean(right, groups=groups, seed=3)
    assert (found.accuracy, found.low, found.high) == expected
    assert 0.9 < found.low < found.accuracy < found.high
    assert found.auc == pytest.approx(roc_auc_score(positive, -column), abs=1e-12)
    assert found.positives == int(positive.sum())
    assert found.majority == pytest.approx(1 - found.positives / found.images)


def test_among_many_that_know_nothing_choosing_flatters() -> None:
    draw = torch.Generator().manual_seed(0)
    data = [(torch.randn(60, 2000, generator=draw), torch.arange(60) % 2 == 0) for _ in range(2)]
    found, _ = best_unit_test(lambda: data[:1], lambda: data[1:])
    assert found.chosen_accuracy > 0.65
    assert found.low < 0.5 < found.high


def test_auc_is_that_of_scikit_learn_with_ties() -> None:
    responses, positive = half(4)
    responses[:, 0] = responses[:, 0].round()
    responses[:, 1] = 3.0
    ours = separability(responses, positive)
    expected = [roc_auc_score(positive, column) for column in responses.T]
    np.testing.assert_allclose(ours, expected, atol=1e-12)
    assert ours[1] == 0.5


def test_auc_in_parts_and_without_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    responses, positive = half(5)
    whole = separability(responses, positive)
    monkeypatch.setattr("featlearn.evaluate.best_unit._CELLS", 600)
    assert torch.equal(separability(responses, positive), whole)
    responses[7, 3] = torch.nan
    assert separability(responses, positive).isnan().tolist() == [False] * 3 + [True, False]
    assert separability(responses[:, :0], positive).shape == (0,)


def test_misuse_is_named() -> None:
    responses, positive = half(6)
    with pytest.raises(DataError, match="got 300 positives and 0 others"):
        separability(responses, torch.ones(300).bool())
    with pytest.raises(ShapeError, match=r"got \(300, 5\) and \(299,\)"):
        separability(responses, positive[1:])
    with pytest.raises(DataError, match="groups for"):
        score(Choice(0, 1, 0.0, 1.0), responses[:, 0], positive, groups=[1, 2])
    with pytest.raises(DataError, match="scored without images"):
        best_unit_test(lambda: [(responses, positive)], list)
    with pytest.raises(DataError, match="chosen without images"):
        best_unit_test(list, list)
