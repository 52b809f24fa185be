"""Activations against their formulas."""

import math
from typing import get_args

import pytest
import torch

from featlearn.ops.activations import Activation, activate


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("identity", [-2.0, 0.0, 0.5]),
        ("sigmoid", [1 / (1 + math.exp(2)), 0.5, 1 / (1 + math.exp(-0.5))]),
        ("tanh", [math.tanh(-2), 0.0, math.tanh(0.5)]),
        ("relu", [0.0, 0.0, 0.5]),
        ("leaky-relu", [-0.4, 0.0, 0.5]),
        ("elu", [1.5 * (math.exp(-2) - 1), 0.0, 0.5]),
        ("abs", [2.0, 0.0, 0.5]),
        ("soft-threshold", [-1.7, 0.0, 0.2]),
    ],
)
def test_equals_the_formula(kind: Activation, expected: list[float]) -> None:
    y = activate(torch.tensor([-2.0, 0.0, 0.5]), kind, slope=0.2, alpha=1.5, threshold=0.3)
    torch.testing.assert_close(y, torch.tensor(expected))


def test_a_one_sided_threshold_passes_what_lies_above() -> None:
    y = activate(torch.tensor([-2.0, 0.1, 0.5]), "soft-threshold", threshold=0.3, one_sided=True)
    torch.testing.assert_close(y, torch.tensor([0.0, 0.0, 0.2]))


@pytest.mark.parametrize("kind", get_args(Activation))
@pytest.mark.parametrize("value", [0.0, 1e4, -1e4])
def test_finite_in_value_and_gradient(kind: Activation, value: float) -> None:
    x = torch.full((3,), value, requires_grad=True)
    y = activate(x, kind)
    y.sum().backward()
    assert y.isfinite().all()
    assert x.grad is not None
    assert x.grad.isfinite().all()


@pytest.mark.parametrize("kind", ["relu", "abs", "soft-threshold"])
def test_there_is_no_gradient_at_a_kink(kind: Activation) -> None:
    x = torch.zeros(3, requires_grad=True)
    activate(x, kind).sum().backward()
    assert x.grad is not None
    assert not x.grad.any()
