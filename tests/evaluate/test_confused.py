"""Mistakes against a count by hand."""

import numpy as np
import pytest
import torch
from sklearn.metrics import confusion_matrix

from featlearn.errors import ShapeError
from featlearn.evaluate.confused import most_confused


def test_the_most_frequent_pair_and_the_most_confident_image_come_first() -> None:
    labels = torch.tensor([0, 0, 0, 1, 1, 2, 2])
    said = torch.tensor([1, 0, 1, 2, 1, 2, 0])
    sure = torch.tensor([1.0, 9.0, 2.0, 3.0, 9.0, 9.0, 5.0])
    logits = torch.nn.functional.one_hot(said, 3) * sure[:, None]
    first, second, third = most_confused(logits, labels, pairs=5)
    assert (first.true, first.predicted, first.places.tolist()) == (0, 1, [2, 0])
    assert first.share == pytest.approx(2 / 3)
    assert first.confidence[0] == pytest.approx(np.exp(2) / (np.exp(2) + 2))
    assert [(c.true, c.predicted, c.places.tolist()) for c in (second, third)] == [
        (1, 2, [3]),
        (2, 0, [6]),
    ]
    assert len(most_confused(logits, labels, pairs=1)) == 1


def test_counts_are_those_of_the_confusion_matrix() -> None:
    draw = torch.Generator().manual_seed(0)
    logits, labels = torch.randn(200, 4, generator=draw), torch.arange(200) % 4
    matrix = confusion_matrix(labels, logits.argmax(1))
    found = most_confused(logits, labels, pairs=100)
    assert len(found) == 12
    for one in found:
        assert len(one.places) == matrix[one.true, one.predicted]
        assert (labels[one.places] == one.true).all()
        assert (one.confidence.diff() <= 0).all()


def test_nothing_wrong_and_nothing_at_all() -> None:
    assert most_confused(torch.eye(3), torch.arange(3), pairs=4) == []
    assert most_confused(torch.zeros(0, 3), torch.zeros(0, dtype=torch.int64), pairs=4) == []
    with pytest.raises(ShapeError, match=r"got \(2, 3\) and \(3,\)"):
        most_confused(torch.zeros(2, 3), torch.arange(3), pairs=1)
