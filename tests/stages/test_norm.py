"""Normalisation modules: what a recipe builds, and the shapes it promises."""

import pytest
import torch

from featlearn.config.pieces import BatchNormSpec, LCNSpec, LRNSpec
from featlearn.errors import ShapeError
from featlearn.geometry import MapShape
from featlearn.ops.lcn import lcn
from featlearn.ops.lrn import lrn
from featlearn.stages.norm import BatchNorm, build_norm


@pytest.mark.parametrize(
    "spec",
    [
        LCNSpec(size=3),
        LCNSpec(size=4, padding="same", window="gaussian", across=True, constant=0.01, floor=0.1),
    ],
)
def test_a_recipes_lcn_is_the_operation(spec: LCNSpec) -> None:
    x = torch.randn(2, 3, 7, 6)
    norm = build_norm(spec, 3)
    expected = lcn(
        x,
        size=spec.size,
        padding=spec.padding,
        window=spec.window,
        across=spec.across,
        constant=spec.constant,
        floor=spec.floor,
    )
    torch.testing.assert_close(norm(x), expected)
    assert norm.output_shape(MapShape(3, 7, 6)) == expected.shape[1:]
    assert f"window='{spec.window}'" in repr(norm)


def test_a_recipes_lrn_is_the_operation() -> None:
    x = torch.randn(2, 7, 4, 3)
    norm = build_norm(LRNSpec(size=3, k=1.5, alpha=0.3, beta=0.5), 7)
    assert torch.equal(norm(x), lrn(x, size=3, k=1.5, alpha=0.3, beta=0.5))
    assert norm.output_shape(MapShape(7, 4, 3)) == (7, 4, 3)
    assert "3, k=1.5, alpha=0.3, beta=0.5" in repr(norm)


def test_batch_normalisation_whitens_each_map_in_training() -> None:
    norm = build_norm(BatchNormSpec(momentum=0.5, eps=1e-3), 3)
    x = torch.randn(20, 3, 5, 5) * torch.tensor([1.0, 2, 3]).view(3, 1, 1) + 4
    y = norm(x)
    torch.testing.assert_close(y.mean((0, 2, 3)), torch.zeros(3), atol=1e-5, rtol=0)
    torch.testing.assert_close(y.var((0, 2, 3)), torch.ones(3), atol=1e-2, rtol=0)
    assert isinstance(norm, BatchNorm)
    assert norm.output_shape(MapShape(3, 5, 5)) == (3, 5, 5)
    torch.testing.assert_close(norm.running_mean, 0.5 * x.mean((0, 2, 3)))


def test_batch_normalisation_is_frozen_in_evaluation() -> None:
    norm = build_norm(BatchNormSpec(), 2).eval()
    x = torch.randn(4, 2, 3, 3)
    torch.testing.assert_close(norm(x), x / (1 + 1e-5) ** 0.5)
    assert norm(x[:0]).shape == (0, 2, 3, 3)


def test_batch_normalisation_is_finite_at_a_constant() -> None:
    x = torch.full((4, 2, 3, 3), 0.7, requires_grad=True)
    y = build_norm(BatchNormSpec(), 2)(x)
    y.sum().backward()
    torch.testing.assert_close(y, torch.zeros_like(y), atol=1e-3, rtol=0)
    assert x.grad is not None
    assert x.grad.isfinite().all()


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(ShapeError, match="a window of 5 does not fit into 3"):
        build_norm(LCNSpec(size=5), 1).output_shape(MapShape(1, 9, 3))
