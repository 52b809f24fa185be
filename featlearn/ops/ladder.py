"""How a layer of a ladder network is rebuilt from its own noisy response and the layer above."""

from typing import NamedTuple

import torch
from torch import Tensor

from featlearn.errors import ShapeError

NUMBERS = 10
"""How many numbers each unit has in `combine`."""


class Normalised(NamedTuple):
    """Responses normalised over a batch.

    Attributes:
        z: The responses, `(batch, maps, height, width)`, less the mean, by the deviation.
        mean: `(1, maps, 1, 1)`, or `(1, maps, height, width)`, each unit by itself.
        deviation: Of the shape of the mean.
    """

    z: Tensor
    mean: Tensor
    deviation: Tensor


def batch_normalised(x: Tensor, *, per_map: bool, eps: float = 1e-5) -> Normalised:
    """Subtract the mean over a batch, and divide by the deviation.

    Args:
        x: Responses, `(batch, maps, height, width)`.
        per_map: Whether the positions of a map are counted together.
        eps: Added to the variance, in the squared unit of `x`.

    Raises:
        ShapeError: If there is one number only to take a mean of.
    """
    dims = (0, 2, 3) if per_map else (0,)
    if len(x) * (x[0, 0].numel() if per_map else 1) < 2:
        raise ShapeError(
            f"a batch needs two images or more to be normalised over; got {tuple(x.shape)}"
        )
    mean = x.mean(dims, keepdim=True)
    deviation = (x.var(dims, correction=0, keepdim=True) + eps).sqrt()
    return Normalised((x - mean) / deviation, mean, deviation)


def combine(noisy: Tensor, above: Tensor, numbers: Tensor) -> Tensor:
    """Rebuild a layer: ẑ = (z̃ - m(u)) v(u) + m(u).

    Where the layer's own distribution is Gaussian given the layer above, with mean m and a
    variance to which v belongs, this is its best estimate from z̃.

    Args:
        noisy: z̃, the layer's noisy response, `(batch, maps, height, width)`.
        above: u, what the layer above says of it, of the same shape.
        numbers: a1 to a10 along the first axis; the others broadcast to the response.
            m(u) = a1 σ(a2 u + a3) + a4 u + a5, and v(u) with a6 to a10 likewise.

    Returns:
        ẑ, of the same shape.

    Raises:
        ShapeError: If shapes do not fit.

    Source:
        Rasmus et al., NIPS 2015, equation 2 and those above it.
    """
    if noisy.shape != above.shape or len(numbers) != NUMBERS:
        raise ShapeError(
            f"combining needs two responses of one shape and {NUMBERS} numbers a unit; got "
            f"{tuple(noisy.shape)}, {tuple(above.shape)} and {tuple(numbers.shape)}"
        )
    a = numbers.unbind(0)
    mean = a[0] * torch.sigmoid(a[1] * above + a[2]) + a[3] * above + a[4]
    trust = a[5] * torch.sigmoid(a[6] * above + a[7]) + a[8] * above + a[9]
    return (noisy - mean) * trust + mean
