"""Gradient descent on a CUDA device, by gradients in lower precision than the weights."""

from typing import NamedTuple

import torch
from torch import Tensor

from featlearn.ops import local_cuda


class Descent(NamedTuple):
    """What a step is taken by, as in `torch.optim.SGD`.

    Attributes:
        lr: Learning rate.
        momentum: Factor of the velocity.
        decay: Factor of the weights that is added to the gradient.
        nesterov: Whether the step looks ahead.
    """

    lr: float
    momentum: float = 0.0
    decay: float = 0.0
    nesterov: bool = False


def usable(weight: Tensor) -> bool:
    """Tell whether there is a kernel for these weights."""
    return weight.dtype == torch.float32 and local_cuda.able(weight) and _dense(weight)


def descend_(
    weight: Tensor, gradient: Tensor, velocity: Tensor | None, descent: Descent, *, first: bool
) -> None:
    """Take a step: `weight` and `velocity` change in place.

    Args:
        weight: Weights in single precision, in any order in memory, without gaps.
        gradient: Of the same shape, in any precision.
        velocity: Of the same shape, laid out like the weights; `None` without momentum.
        descent: What the step is taken by.
        first: Whether the velocity is not set yet.
    """
    from featlearn.ops.triton import sgd as kernels

    if gradient.stride() != weight.stride():
        gradient = torch.empty_like(weight, dtype=gradient.dtype).copy_(gradient)
    assert velocity is None or velocity.stride() == weight.stride()
    kernels.descend_(weight, gradient, velocity, descent, first=first)


def _dense(x: Tensor) -> bool:
    """Tell whether numbers lie side by side, in whatever order."""
    return (
        x.numel() == 0
        or 1 + sum((size - 1) * stride for size, stride in zip(x.shape, x.stride(), strict=True))
        == x.numel()
    )
