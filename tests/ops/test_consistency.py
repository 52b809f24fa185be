"""Agreement of answers, against loops and formulas written out."""

import math

import numpy as np
import pytest
import torch
from scipy.special import rel_entr, softmax
from torch import Tensor

from featlearn.errors import ShapeError
from featlearn.ops.consistency import (
    aligned,
    chosen_cross_entropy,
    divergence,
    entropy,
    pooled_opinions,
    ramp_up,
    squared_difference,
    worst_direction,
)


def draw(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def answers(seed: int) -> Tensor:
    return 3 * torch.randn(7, 4, dtype=torch.float64, generator=draw(seed))


@pytest.mark.parametrize(
    ("done", "expected"),
    [(0.0, 0.0), (0.09, 0.0), (0.1, math.exp(-5)), (0.2, math.exp(-1.25)), (0.3, 1.0), (1.0, 1.0)],
)
def test_the_weight_waits_and_rises(done: float, expected: float) -> None:
    assert ramp_up(done, wait=0.1, ramp=0.2) == pytest.approx(expected)


def test_without_a_ramp_the_weight_is_there_at_once() -> None:
    assert ramp_up(0.0, wait=0.0, ramp=0.0) == 1.0


def test_squared_difference_is_of_probabilities() -> None:
    a, b = answers(0), answers(1)
    expected = np.mean((softmax(a.numpy(), 1) - softmax(b.numpy(), 1)) ** 2)
    assert squared_difference(a, b).item() == pytest.approx(expected)
    assert squared_difference(a, a).item() == 0


def test_answers_of_two_shapes_are_refused() -> None:
    with pytest.raises(ShapeError, match=r"\(2, 3\) and \(3, 3\)"):
        squared_difference(torch.ones(2, 3), torch.ones(3, 3))


@pytest.mark.parametrize("threshold", [0.0, 0.6, 1.0])
def test_only_clear_answers_teach(threshold: float) -> None:
    logits, taught = answers(0), answers(1).softmax(1)
    total = 0.0
    for own, other in zip(softmax(logits.numpy(), 1), taught.numpy(), strict=True):
        if other.max() >= threshold:
            total -= math.log(own[other.argmax()])
    got = chosen_cross_entropy(logits, taught, threshold=threshold)
    assert got.item() == pytest.approx(total / 7)


def test_who_teaches_gets_no_gradient() -> None:
    logits = answers(0).requires_grad_()
    chosen_cross_entropy(answers(1), logits.softmax(1), threshold=0.0).requires_grad_().backward()
    assert logits.grad is None


def test_aligned_answers_have_the_known_shares_where_the_mean_was_theirs() -> None:
    taught = answers(0).softmax(1)
    share = torch.tensor([0.1, 0.2, 0.3, 0.4], dtype=torch.float64)
    got = aligned(taught, mean=taught.mean(0), share=share)
    rows = [p * (share / taught.mean(0)).numpy() for p in taught.numpy()]
    expected = np.stack([row / row.sum() for row in rows])
    np.testing.assert_allclose(got.numpy(), expected)
    same = aligned(taught, mean=share, share=share)
    torch.testing.assert_close(same, taught)


def test_a_class_that_was_never_answered_makes_no_infinity() -> None:
    taught = torch.tensor([[1.0, 0.0]])
    got = aligned(taught, mean=torch.tensor([1.0, 0.0]), share=torch.tensor([0.5, 0.5]))
    torch.testing.assert_close(got, taught)


@pytest.mark.parametrize("weight", [0.5, 3.0])
def test_two_answers_are_multiplied(weight: float) -> None:
    first, second = answers(0).softmax(1), answers(1).softmax(1)
    second[0] = torch.tensor([1.0, 0.0, 0.0, 0.0])
    products = first.numpy() * np.maximum(second.numpy(), 0.01) ** weight
    expected = products / products.sum(1, keepdims=True)
    np.testing.assert_allclose(pooled_opinions(first, second, weight=weight).numpy(), expected)


def test_an_answer_that_is_sure_is_not_outvoted_by_silence() -> None:
    sure, silent = torch.tensor([[1.0, 0.0]]), torch.tensor([[0.5, 0.5]])
    assert pooled_opinions(sure, silent, weight=3.0).tolist() == [[1.0, 0.0]]
    with pytest.raises(ShapeError, match=r"\(1, 2\) and \(2, 2\)"):
        pooled_opinions(sure, torch.ones(2, 2), weight=1.0)


def test_divergence_and_entropy_equal_scipy() -> None:
    a, b = answers(0), answers(1)
    p, q = softmax(a.numpy(), 1), softmax(b.numpy(), 1)
    assert divergence(a, b).item() == pytest.approx(rel_entr(p, q).sum(1).mean())
    assert entropy(a).item() == pytest.approx(-(p * np.log(p)).sum(1).mean())


def test_an_impossible_class_adds_no_entropy() -> None:
    assert entropy(torch.tensor([[0.0, -1e4]])).item() == 0.0


def test_the_worst_direction_is_the_first_eigenvector_of_the_divergence() -> None:
    """For a linear answer the Hessian is Wᵀ (diag p - p pᵀ) W."""
    W = torch.randn(3, 6, dtype=torch.float64, generator=draw(2))
    x = torch.randn(4, 1, 2, 3, dtype=torch.float64, generator=draw(3))

    def answer(images: Tensor) -> Tensor:
        return images.flatten(1) @ W.T

    found = worst_direction(answer, x, answer(x), probe=1e-3, iterations=60, generator=draw(4))
    for image, direction in zip(x, found, strict=True):
        p = (W @ image.flatten()).softmax(0)
        hessian = W.T @ (torch.diag(p) - torch.outer(p, p)) @ W
        best = torch.linalg.eigh(hessian).eigenvectors[:, -1]
        assert abs(float(best @ direction.flatten())) == pytest.approx(1, abs=1e-3)
        assert float(direction.norm()) == pytest.approx(1)


def test_an_answer_that_never_changes_has_a_direction_too() -> None:
    def answer(images: Tensor) -> Tensor:
        return 0 * images.flatten(1)[:, :2]

    x = torch.zeros(3, 1, 2, 2)
    found = worst_direction(answer, x, answer(x), probe=0.1, iterations=2, generator=draw())
    torch.testing.assert_close(found.flatten(1).norm(dim=1), torch.ones(3))
