"""The transpose of an operation's derivative."""

from collections.abc import Callable

import torch
from torch import Tensor


def adjoint_at(operation: Callable[[Tensor], Tensor], at: Tensor, maps: Tensor) -> Tensor:
    """Apply the transpose of the derivative of an operation.

    Args:
        operation: Any function of a tensor.
        at: Where it is differentiated.
        maps: Of the shape of what it gives.

    Returns:
        A tensor of the shape of `at`, through which `maps` get their gradient if they want
        one; `at` gets none.
    """
    later = torch.is_grad_enabled() and maps.requires_grad
    with torch.enable_grad():
        at = at.detach().requires_grad_()
        (down,) = torch.autograd.grad(operation(at), at, maps, create_graph=later)
    return down
