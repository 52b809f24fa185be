"""Activations against their formulas."""

import math

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
    ],
)
def test_equals_the_formula(kind: Activation, expected: list[float]) -> None:
    y = activate(torch.tensor([-2.0, 0.0, 0.5]), kind)
    torch.testing.assert_close(y, torch.tensor(expected))


@pytest.mark.parametrize("kind", ["identity", "sigmoid", "tanh", "relu"])
@pytest.mark.parametrize("value", [0.0, 1e4, -1e4])
def test_finite_in_value_and_gradient(kind: Activation, value: float) -> None:
    x = torch.full((3,), value, requires_grad=True)
    y = activate(x, kind)
    y.sum().backward()
    assert y.isfinite().all()
    assert x.grad is not None
    assert x.grad.isfinite().all()


def test_relu_has_no_gradient_at_zero() -> None:
    x = torch.zeros(3, requires_grad=True)
    activate(x, "relu").sum().backward()
    assert x.grad is not None
    assert not x.grad.any()
