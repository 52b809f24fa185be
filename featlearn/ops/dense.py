"""Filters that see the whole input, and their adjoint."""

import torch.nn.functional as F
from torch import Tensor

from featlearn.errors import ShapeError
from featlearn.ops.planes import check_codes


def dense(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """Take the inner product of the whole input with every filter.

    Args:
        x: Input, `(batch, channels, height, width)`.
        weight: Filters of the shape of the input, `(maps, channels, height, width)`.
        bias: One number per map, `(maps,)`, or none.

    Returns:
        `(batch, maps, 1, 1)`.

    Raises:
        ShapeError: If a sample of `x` has not the shape of a filter.
    """
    if x.ndim != 4 or x.shape[1:] != weight.shape[1:]:
        channels, height, width = weight.shape[1:]
        raise ShapeError(
            f"dense needs (batch, {channels}, {height}, {width}), the shape of its filters; "
            f"got {tuple(x.shape)}"
        )
    return F.linear(x.flatten(1), weight.flatten(1), bias)[:, :, None, None]


def dense_transpose(h: Tensor, weight: Tensor) -> Tensor:
    """Apply the adjoint of `dense`: the sum of the filters, each weighted by its code.

    Args:
        h: Codes, `(batch, maps, 1, 1)`.
        weight: The filters of the forward direction, `(maps, channels, height, width)`.

    Returns:
        `(batch, channels, height, width)`.

    Raises:
        ShapeError: If `h` is not `(batch, maps, 1, 1)`.
    """
    check_codes(h, weight.shape[0], operation="dense_transpose", positions=(1, 1))
    return (h.flatten(1) @ weight.flatten(1)).unflatten(1, weight.shape[1:])
