"""Figures of a classifier against scikit-learn's."""

import numpy as np
import pytest
from sklearn import metrics

from featlearn.errors import DataError
from featlearn.evaluate.metrics import classification_report


def test_agrees_with_scikit_learn() -> None:
    draw = np.random.default_rng(0)
    labels, predictions = draw.integers(0, 4, (2, 200))
    result = classification_report(labels, predictions, ["a", "b", "c", "d"])
    assert result.accuracy == pytest.approx(metrics.accuracy_score(labels, predictions))
    assert result.error == pytest.approx(1 - result.accuracy)
    np.testing.assert_array_equal(result.confusion, metrics.confusion_matrix(labels, predictions))
    recalls = [
        metrics.accuracy_score(labels[labels == c], predictions[labels == c]) for c in range(4)
    ]
    assert [score.accuracy for score in result.per_class] == pytest.approx(recalls)
    assert [score.images for score in result.per_class] == list(np.bincount(labels))


def test_rows_are_the_truth() -> None:
    result = classification_report(np.array([0]), np.array([1]), ["cat", "dog"])
    assert result.confusion == ((0, 1), (0, 0))


def test_a_class_without_images_has_no_accuracy() -> None:
    result = classification_report(np.array([0, 0]), np.array([0, 1]), ["cat", "dog"])
    assert result.per_class[1].images == 0
    assert result.per_class[1].accuracy is None
    assert result.accuracy == 0.5


@pytest.mark.parametrize(
    ("labels", "predictions"), [([], []), ([0, 1], [0]), ([0, 2], [0, 0]), ([0, 0], [0, -1])]
)
def test_misuse_is_refused(labels: list[int], predictions: list[int]) -> None:
    with pytest.raises(DataError):
        classification_report(
            np.array(labels, dtype=np.int64), np.array(predictions, dtype=np.int64), ["a", "b"]
        )
