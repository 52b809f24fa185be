"""The locally connected layer against JAX's, where that is installed."""

from typing import Any

import numpy as np
import pytest
import torch

from featlearn.geometry import Padding
from featlearn.ops.local import local2d

jax: Any = pytest.importorskip("jax", reason="needs JAX")


@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("padding", ["valid", "same"])
def test_jax_agrees_on_values_and_gradients(stride: int, padding: Padding) -> None:
    draw = torch.Generator().manual_seed(0)
    x = torch.randn(5, 3, 8, 7, generator=draw).requires_grad_()
    size = (-(-8 // stride), -(-7 // stride)) if padding == "same" else None
    rows, columns = size or ((8 - 3) // stride + 1, (7 - 3) // stride + 1)
    weight = torch.randn(rows, columns, 4, 3, 3, 3, generator=draw).requires_grad_()
    y = local2d(x, weight, stride=stride, padding=padding)
    slope = torch.randn(y.shape, generator=draw)
    found = torch.autograd.grad(y, [x, weight], slope)

    def layer(x: Any, weight: Any) -> Any:
        # JAX has one filter over the numbers of a window, channel by channel, at each position.
        flat = weight.transpose(2, 3, 4, 5, 0, 1).reshape(4, -1, rows, columns)
        return jax.lax.conv_general_dilated_local(
            x, flat, (stride, stride), padding.upper(), (3, 3)
        )

    there = [one.detach().numpy() for one in (x, weight)]
    expected, back = jax.vjp(layer, *there)
    for one, other in zip([y, *found], [expected, *back(slope.numpy())], strict=True):
        np.testing.assert_allclose(one.detach().numpy(), np.asarray(other), rtol=1e-4, atol=1e-4)
        assert one.shape == other.shape
