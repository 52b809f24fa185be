"""Figures of units: against scikit-learn, numpy and plain loops."""

import numpy as np
import torch
from sklearn.metrics import roc_auc_score

from featlearn.report.answers import (
    activity,
    class_scores,
    histograms,
    lifetime_sparsity,
    neighbours,
    ranked,
)


def values(images: int = 60, units: int = 5) -> torch.Tensor:
    return torch.randn(images, units, generator=torch.Generator().manual_seed(0))


def test_a_score_is_of_the_half_that_did_not_choose() -> None:
    answers, labels = values(), torch.arange(60) // 2 % 3
    answers[:, 1] -= 2.0 * (labels == 2)  # one unit falls silent for a class
    found = class_scores(answers, labels, 4)
    assert found is not None
    for unit in range(5):
        chosen = [roc_auc_score(labels[::2] == c, answers[::2, unit]) for c in range(3)]
        best = int(np.abs(np.array(chosen) - 0.5).argmax())
        sign = 1 if chosen[best] >= 0.5 else -1
        other = roc_auc_score(labels[1::2] == best, sign * answers[1::2, unit])
        assert int(found.classes[unit]) == best
        assert int(found.sign[unit]) == sign
        np.testing.assert_allclose(float(found.auc[unit]), other)
        np.testing.assert_allclose(float(found.chosen[unit]), max(chosen[best], 1 - chosen[best]))
    assert int(found.classes[1]) == 2
    assert int(found.sign[1]) == -1


def test_images_that_belong_together_are_in_one_half() -> None:
    answers, groups = values(), torch.arange(60) // 6
    labels = groups // 5  # five groups of each class: three choose, two are scored
    answers[:, 0] = labels + torch.randn(60, generator=torch.Generator().manual_seed(1))
    found = class_scores(answers, labels, 2, groups=groups)
    assert found is not None
    chosen_on = torch.tensor([group % 5 % 2 == 0 for group in groups.tolist()])
    own = int(found.classes[0])
    for figure, half in ((found.chosen, chosen_on), (found.auc, ~chosen_on)):
        expected = roc_auc_score(labels[half] == own, found.sign[0] * answers[half, 0])
        np.testing.assert_allclose(float(figure[0]), expected)


def test_a_class_of_one_group_is_not_scored() -> None:
    labels = torch.arange(60) // 30
    assert class_scores(values(), labels, 2, groups=labels) is None
    alone = class_scores(values(), labels, 2, groups=torch.arange(60))
    plain = class_scores(values(), labels, 2)
    assert alone is not None
    assert plain is not None
    torch.testing.assert_close(alone.auc, plain.auc)


def test_classes_of_few_images_are_not_scored() -> None:
    labels = torch.zeros(60, dtype=torch.int64)
    assert class_scores(values(), labels, 2) is None  # there is no other class
    labels[:8] = 1
    assert class_scores(values(), labels, 2) is None  # four in each half
    assert class_scores(values(2), torch.tensor([0, 1]), 2) is None


def test_histograms_are_numpy_s() -> None:
    answers = values()
    own = (torch.arange(60) % 2 == 0)[:, None].expand(60, 5)
    for of, mask in ((None, torch.ones_like(own)), (own, own)):
        found = histograms(answers, of=of, bins=7)
        for unit in range(5):
            ends = (float(answers[:, unit].min()), float(answers[:, unit].max()))
            counts, _ = np.histogram(answers[mask[:, unit], unit].numpy(), bins=7, range=ends)
            assert found.counts[unit].tolist() == counts.tolist()


def test_a_unit_that_never_changes_fills_one_bin_and_is_like_none() -> None:
    answers = values()
    answers[:, 2] = 3.0
    assert histograms(answers).counts[2].tolist() == [60, *[0] * 23]
    places, alike = neighbours(answers, 4)
    assert alike[2].tolist() == [0.0] * 4
    assert all(float(r) == 0 for r, place in zip(alike[0], places[0], strict=True) if place == 2)


def test_neighbours_correlate_most() -> None:
    answers = values(units=6)
    answers[:, 4] = answers[:, 1] + 0.1 * answers[:, 0]
    places, alike = neighbours(answers, 3)
    matrix = np.corrcoef(answers.double().numpy().T)
    np.fill_diagonal(matrix, -2)
    for unit in range(6):
        order = np.argsort(-matrix[unit])[:3]
        assert places[unit].tolist() == order.tolist()
        np.testing.assert_allclose(alike[unit].numpy(), matrix[unit][order], atol=1e-9)
    assert neighbours(answers[:, :1])[0].shape == (1, 0)


def test_images_are_ranked_and_equal_ones_keep_their_order() -> None:
    answers = torch.tensor([[1.0, 0.0], [3.0, 0.0], [2.0, 0.0]])
    assert ranked(answers, 2).tolist() == [[1, 2], [0, 1]]
    assert ranked(answers, 2, least=True).tolist() == [[0, 2], [0, 1]]
    assert ranked(answers, 9).shape == (2, 3)


def test_activity_and_sparsity_are_over_images() -> None:
    answers = torch.zeros(9, 3)
    answers[4, 0] = -9.0
    answers[:, 1] = 2.0
    assert activity(answers).tolist() == [1.0, 2.0, 0.0]
    torch.testing.assert_close(lifetime_sparsity(answers), torch.tensor([1.0, 0.0, 1.0]).double())
