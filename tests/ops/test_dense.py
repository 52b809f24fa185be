"""Filters over the whole input, against the definition, and their adjoint."""

import pytest
import torch

from featlearn.errors import ShapeError
from featlearn.ops.dense import dense, dense_transpose


def test_equals_the_inner_products() -> None:
    x, weight, bias = torch.randn(5, 2, 3, 4), torch.randn(7, 2, 3, 4), torch.randn(7)
    y = dense(x, weight, bias)
    assert y.shape == (5, 7, 1, 1)
    expected = torch.einsum("nchw,fchw->nf", x, weight) + bias
    torch.testing.assert_close(y[:, :, 0, 0], expected)


def test_the_transpose_is_the_adjoint() -> None:
    x = torch.randn(5, 2, 3, 4, dtype=torch.float64)
    weight = torch.randn(7, 2, 3, 4, dtype=torch.float64)
    y = dense(x, weight)
    h = torch.randn_like(y)
    back = dense_transpose(h, weight)
    assert back.shape == x.shape
    torch.testing.assert_close((y * h).sum(), (x * back).sum())


def test_gradients_are_right() -> None:
    x = torch.randn(2, 1, 2, 2, dtype=torch.float64, requires_grad=True)
    weight = torch.randn(3, 1, 2, 2, dtype=torch.float64, requires_grad=True)
    bias = torch.randn(3, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(
        lambda x, weight, bias: dense_transpose(dense(x, weight, bias), weight), [x, weight, bias]
    )


def test_an_empty_batch_passes() -> None:
    weight = torch.randn(3, 1, 2, 2)
    h = dense(torch.zeros(0, 1, 2, 2), weight)
    assert h.shape == (0, 3, 1, 1)
    assert dense_transpose(h, weight).shape == (0, 1, 2, 2)


def test_an_input_of_another_shape_is_named() -> None:
    with pytest.raises(ShapeError, match=r"dense needs \(batch, 1, 2, 3\).*got \(4, 1, 3, 2\)"):
        dense(torch.ones(4, 1, 3, 2), torch.ones(5, 1, 2, 3))


def test_codes_of_another_shape_are_named() -> None:
    with pytest.raises(ShapeError, match=r"codes \(batch, 5, 1, 1\).*got \(4, 3, 1, 1\)"):
        dense_transpose(torch.ones(4, 3, 1, 1), torch.ones(5, 1, 2, 3))
