"""Local response normalisation: neighbouring maps inhibit one another."""

import torch.nn.functional as F
from torch import Tensor

from featlearn.ops.planes import check_planes


def lrn(
    x: Tensor, *, size: int = 5, k: float = 2.0, alpha: float = 1e-4, beta: float = 0.75
) -> Tensor:
    """Divide by a power of the energy of neighbouring maps at the same position.

    y[n,f,p] = x[n,f,p] / (k + alpha · sum over f' of x[n,f',p]^2)^beta, over the `size`
    maps around f that exist; an even `size` has one more before f than after.

    Args:
        x: Responses, `(batch, maps, height, width)`, any unit.
        size: Maps in a neighbourhood, n in the paper.
        k: Offset, above 0, so that nothing is divided by zero.
        alpha: Weight of the sum of squares (not of their mean, which is what
            `torch.nn.LocalResponseNorm` weighs).
        beta: Exponent.

    Returns:
        A tensor of the shape of `x`.

    Raises:
        ShapeError: If `x` is not 4-D.
        ValueError: If `k` is not above 0.

    Source:
        Krizhevsky et al., NIPS 2012, section 3.3.
    """
    check_planes(x, operation="lrn")
    if not k > 0:
        raise ValueError(f"lrn needs k above 0; got {k}")
    # PyTorch divides the sum by `size`.
    return F.local_response_norm(x, size, alpha=alpha * size, beta=beta, k=k)
