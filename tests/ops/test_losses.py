"""Terms of the objectives against their formulas, and at singular points."""

import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor

from featlearn.errors import ShapeError
from featlearn.ops.losses import (
    cross_entropy,
    kl_sparsity,
    l1,
    log_cosh,
    root_l1,
    squared_error,
)


def test_squared_error_is_summed_per_sample() -> None:
    prediction = torch.tensor([[[1.0, 2.0]], [[0.0, -1.0]]])
    target = torch.tensor([[[0.0, 2.0]], [[3.0, 1.0]]])
    torch.testing.assert_close(squared_error(prediction, target), torch.tensor([1.0, 13.0]))
    weight = torch.tensor([[[2.0, 1.0]], [[0.0, 0.5]]])
    weighted = squared_error(prediction, target, weight=weight)
    torch.testing.assert_close(weighted, torch.tensor([2.0, 2.0]))


def test_cross_entropy_equals_the_formula() -> None:
    logits = torch.randn(4, 2, 3, 3, dtype=torch.float64)
    target, weight = torch.rand_like(logits), torch.rand_like(logits)
    p, t = 1 / (1 + np.exp(-logits.numpy())), target.numpy()
    errors = -t * np.log(p) - (1 - t) * np.log(1 - p)
    np.testing.assert_allclose(cross_entropy(logits, target), errors.sum((1, 2, 3)))
    np.testing.assert_allclose(
        cross_entropy(logits, target, weight=weight), (errors * weight.numpy()).sum((1, 2, 3))
    )


@pytest.mark.parametrize("logit", [0.0, 80.0, -80.0, 1e4])
@pytest.mark.parametrize("target", [0.0, 0.5, 1.0])
def test_cross_entropy_is_finite_for_sure_answers(logit: float, target: float) -> None:
    logits = torch.full((1, 3), logit, requires_grad=True)
    loss = cross_entropy(logits, torch.full((1, 3), target))
    loss.sum().backward()
    assert loss.isfinite().all()
    assert logits.grad is not None
    assert logits.grad.isfinite().all()


def test_smooth_absolute_values_are_the_formulas() -> None:
    h = 3 * torch.randn(4, 2, 3, 3, dtype=torch.float64)
    axes = (1, 2, 3)
    np.testing.assert_allclose(root_l1(h, eps=0.3), np.sqrt(0.3 + h.numpy() ** 2).sum(axes))
    np.testing.assert_allclose(log_cosh(h), np.log(np.cosh(h.numpy())).sum(axes))


@pytest.mark.parametrize("value", [0.0, 1e-6, -0.5, 30.0, -1e4])
def test_smooth_absolute_values_have_their_slopes_everywhere(value: float) -> None:
    h = torch.tensor([[value]], requires_grad=True)
    for operation, slope in (
        (lambda h: root_l1(h, eps=1e-2), value / math.sqrt(1e-2 + value**2)),
        (log_cosh, math.tanh(value)),
    ):
        found = operation(h)
        (down,) = torch.autograd.grad(found.sum(), h)
        assert found.isfinite().all()
        assert float(down) == pytest.approx(slope, rel=1e-5, abs=1e-7)


def test_l1_is_summed_per_sample() -> None:
    h = torch.tensor([[[1.0, -2.0]], [[0.0, 0.5]]], requires_grad=True)
    torch.testing.assert_close(l1(h), torch.tensor([3.0, 0.5]))
    l1(h).sum().backward()
    torch.testing.assert_close(h.grad, torch.tensor([[[1.0, -1.0]], [[0.0, 1.0]]]))


def divergence(target: float, activity: float) -> float:
    return target * math.log(target / activity) + (1 - target) * math.log(
        (1 - target) / (1 - activity)
    )


def test_kl_of_untied_units_takes_each_alone() -> None:
    h = torch.rand(5, 2, 3, 2, dtype=torch.float64)
    expected = sum(divergence(0.1, float(activity)) for activity in h.mean(0).flatten())
    loss = kl_sparsity(h, target=0.1, shared=False)
    assert float(loss) == pytest.approx(expected, rel=1e-4)


def test_kl_of_shared_units_takes_the_mean_over_positions() -> None:
    h = torch.rand(5, 2, 3, 2, dtype=torch.float64)
    expected = sum(6 * divergence(0.1, float(activity)) for activity in h.mean((0, 2, 3)))
    loss = kl_sparsity(h, target=0.1, shared=True)
    assert float(loss) == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize("shared", [False, True])
def test_kl_is_zero_at_the_target(shared: bool) -> None:
    loss = kl_sparsity(torch.full((4, 2, 3, 3), 0.2), target=0.2, shared=shared)
    assert float(loss) == pytest.approx(0, abs=1e-5)


@pytest.mark.parametrize(("value", "slope"), [(0.0, -1), (1.0, 1)])
def test_kl_pulls_units_that_never_or_always_fire(value: float, slope: int) -> None:
    h = torch.full((4, 2, 1, 1), value, requires_grad=True)
    loss = kl_sparsity(h, target=0.05, shared=False)
    loss.backward()
    assert loss.isfinite()
    assert h.grad is not None
    assert h.grad.isfinite().all()
    assert (h.grad.sign() == slope).all()


def test_gradients_are_right() -> None:
    h = (torch.rand(3, 2, 2, 2, dtype=torch.float64) * 0.8 + 0.1).requires_grad_()
    target = torch.rand(3, 2, 2, 2, dtype=torch.float64)
    for shared in (False, True):
        assert torch.autograd.gradcheck(lambda h: kl_sparsity(h, target=0.1, shared=shared), [h])  # noqa: B023
    assert torch.autograd.gradcheck(lambda h: squared_error(h, target), [h])
    assert torch.autograd.gradcheck(lambda h: cross_entropy(h, target), [h])
    assert torch.autograd.gradcheck(l1, [h])


def test_an_empty_batch_costs_nothing() -> None:
    h = torch.zeros(0, 2, 3, 3, requires_grad=True)
    for loss in (l1(h), squared_error(h, h), cross_entropy(h, h)):
        assert loss.shape == (0,)
    loss = kl_sparsity(h, target=0.1, shared=False)
    loss.backward()
    assert loss.item() == 0


def test_low_precision_is_summed_in_single() -> None:
    h = torch.full((2, 4, 50, 50), 0.01, dtype=torch.bfloat16)
    assert l1(h).dtype == torch.float32
    torch.testing.assert_close(l1(h), torch.full((2,), 1e4 * float(h[0, 0, 0, 0])))
    assert kl_sparsity(h, target=0.1, shared=True).dtype == torch.float32


def test_shapes_that_differ_are_named() -> None:
    a, b = torch.zeros(2, 3), torch.zeros(2, 1)
    with pytest.raises(ShapeError, match=r"squared_error .*got \(2, 3\) and \(2, 1\)"):
        squared_error(a, b)
    with pytest.raises(ShapeError, match=r"cross_entropy .*got \(2, 3\) and \(2, 1\)"):
        cross_entropy(a, b)
    with pytest.raises(ShapeError, match=r"kl_sparsity .*got \(2, 3\)"):
        kl_sparsity(a, target=0.1, shared=True)


def test_a_target_outside_is_refused() -> None:
    with pytest.raises(ValueError, match=r"target in \(0, 1\); got 1"):
        kl_sparsity(torch.zeros(1, 1, 1, 1), target=1.0, shared=True)


# Torch's own rules for derivatives taken forwards are scripted when they are first loaded.
@pytest.mark.filterwarnings("ignore:.*torch.jit.script.*:DeprecationWarning")
@pytest.mark.parametrize("loss", [lambda x: squared_error(x, torch.zeros_like(x)), l1])
def test_derivatives_may_be_taken_forwards(loss: Callable[[Tensor], Tensor]) -> None:
    x, way = (torch.randn(3, 4, 5, dtype=torch.float64) for _ in range(2))
    value, slope = torch.func.jvp(loss, (x,), (way,))[:2]
    torch.testing.assert_close(value, loss(x))
    step = 1e-6
    torch.testing.assert_close(slope, (loss(x + step * way) - loss(x - step * way)) / (2 * step))
    curvature = torch.func.hessian(lambda x: loss(x).sum())(x)
    bends = loss is not l1
    expected = 2.0 * bends * torch.eye(x.numel(), dtype=x.dtype)
    torch.testing.assert_close(curvature.reshape(x.numel(), -1), expected)
