"""Activations: what becomes of a filter's response."""

from typing import Literal, assert_never

import torch
from torch import Tensor

Activation = Literal["identity", "sigmoid", "tanh", "relu"]


def activate(x: Tensor, kind: Activation) -> Tensor:
    """Apply the activation `kind` to each number of `x`.

    Args:
        x: Responses, any shape.
        kind: `identity`, `sigmoid` (into (0, 1)), `tanh` (into (-1, 1)) or `relu`
            (the positive part, with gradient 0 at 0).

    Returns:
        A tensor of the shape of `x`.
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
        case _:
            assert_never(kind)
