"""Activations: what becomes of a filter's response."""

from typing import Literal, assert_never

import torch
import torch.nn.functional as F
from torch import Tensor

Activation = Literal[
    "identity", "sigmoid", "tanh", "relu", "leaky-relu", "elu", "abs", "soft-threshold"
]


def activate(
    x: Tensor,
    kind: Activation,
    *,
    slope: float = 0.01,
    alpha: float = 1.0,
    threshold: float = 0.1,
    one_sided: bool = False,
) -> Tensor:
    """Apply the activation `kind` to each number of `x`.

    Args:
        x: Responses, any shape.
        kind: `identity`, `sigmoid` (into (0, 1)), `tanh` (into (-1, 1)), `relu` (the
            positive part), `leaky-relu` (x, or `slope` · x where it is negative), `elu` (x,
            or `alpha` · (exp x - 1) where it is negative), `abs` (rectification) or
            `soft-threshold` (sign(x) · max(|x| - `threshold`, 0)).
        slope: Of `leaky-relu` below 0.
        alpha: Minus the limit of `elu` below 0.
        threshold: Of `soft-threshold`, in the unit of `x`.
        one_sided: Whether `soft-threshold` gives max(x - `threshold`, 0) instead.

    Returns:
        A tensor of the shape of `x`; the gradient of `relu`, `abs` and `soft-threshold`
        is 0 where it has none.

    Source:
        Jarrett et al., ICCV 2009 (`abs`); Maas et al., ICML 2013 (`leaky-relu`); Clevert
        et al., ICLR 2016 (`elu`); Kavukcuoglu et al., NIPS 2010 (`soft-threshold`); Coates & Ng,
        ICML 2011 (`soft-threshold`, one-sided).
    """
    match kind:
        case "identity":
            return x
        case "sigmoid":
            return torch.sigmoid(x)
        case "tanh":
            return torch.tanh(x)
        case "relu":
            return torch.relu(x)
        case "leaky-relu":
            return F.leaky_relu(x, slope)
        case "elu":
            return F.elu(x, alpha)
        case "abs":
            return x.abs()
        case "soft-threshold":
            return F.relu(x - threshold) if one_sided else F.softshrink(x, threshold)
        case _:
            assert_never(kind)


def steepness(h: Tensor, kind: Activation, *, slope: float = 0.01, alpha: float = 1.0) -> Tensor:
    """Give the size of the derivative of an activation, |φ'(x)|, from its value h = φ(x).

    Args:
        h: What `activate` gave, any shape.
        kind: Which activation.
        slope: Of `leaky-relu` below 0.
        alpha: Minus the limit of `elu` below 0.

    Returns:
        A tensor of the shape of `h`, with a gradient for `sigmoid`, `tanh` and `elu`, whose
        derivatives change with x; 0, or that from below, where there is no derivative.

    Source:
        Rifai et al., ICML 2011, equation 7, for the sigmoid: φ' = h (1 - h).
    """
    match kind:
        case "identity":
            return torch.ones_like(h)
        case "sigmoid":
            return h * (1 - h)
        case "tanh":
            return 1 - h.square()
        case "relu" | "abs" | "soft-threshold":
            return (h != 0).to(h.dtype)
        case "leaky-relu":
            return torch.where(h > 0, 1.0, slope).to(h.dtype)
        case "elu":
            return torch.where(h > 0, 1.0, h + alpha)
        case _:
            assert_never(kind)
