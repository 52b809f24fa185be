"""The squared hinge against a loop."""

import pytest
import torch

from featlearn.errors import ShapeError
from featlearn.ops.hinge import squared_hinge


def test_equals_a_loop_over_images_and_classes() -> None:
    draw = torch.Generator().manual_seed(0)
    scores = 2 * torch.randn(7, 4, generator=draw, dtype=torch.float64)
    labels = torch.tensor([0, 3, 1, 1, 2, 0, 3])
    expected: list[float] = []
    for row, label in zip(scores.tolist(), labels.tolist(), strict=True):
        signs = [1 if k == label else -1 for k in range(4)]
        expected.append(sum(max(0, 1 - y * s) ** 2 for y, s in zip(signs, row, strict=True)))
    assert squared_hinge(scores, labels).tolist() == pytest.approx(expected)
    assert torch.autograd.gradcheck(lambda x: squared_hinge(x, labels), (scores.requires_grad_(),))


def test_nothing_is_lost_beyond_the_margin_and_no_batch_is_none() -> None:
    scores = torch.tensor([[1.0, -1.0, -5.0]])
    assert squared_hinge(scores, torch.tensor([0])).tolist() == [0.0]
    assert squared_hinge(torch.zeros(0, 3), torch.zeros(0, dtype=torch.long)).shape == (0,)


def test_a_label_for_each_row_is_asked_for() -> None:
    with pytest.raises(ShapeError, match=r"labels \(n,\); got \(2, 3\) and \(3,\)"):
        squared_hinge(torch.zeros(2, 3), torch.zeros(3, dtype=torch.long))
