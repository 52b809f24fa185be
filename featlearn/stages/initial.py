"""How weights start: a rule for filters that rebuild, and one for deep networks of relu units."""

import math

import torch
from torch import Tensor, nn


def start_weights_(
    weight: Tensor,
    *,
    fan_in: float,
    fan_out: float | None = None,
    generator: torch.Generator | None = None,
) -> None:
    """Draw `weight` in place from a normal distribution of variance 1/√(fan_in · fan_out).

    A tied auto-encoder multiplies by the weights twice, once summing `fan_in` and once
    `fan_out` products; with this variance both passes together keep the variance of the
    input, so that the first reconstruction is of its size. Where the fans are equal it is
    the rule of Glorot & Bengio (AISTATS 2010), who take the arithmetic mean instead.

    The draws follow the canonical order of the weight, whatever a kernel stores.

    Args:
        weight: What to fill, any shape.
        fan_in: How many inputs one response sums.
        fan_out: How many responses see one input; as many as `fan_in` if not given,
            so that a response to an input of unit variance has unit variance.
        generator: Source of the draws; torch's global one if there is none.
    """
    std = (fan_in * (fan_in if fan_out is None else fan_out)) ** -0.25
    drawn = torch.empty(weight.shape, dtype=weight.dtype, device=weight.device)
    nn.init.normal_(drawn, std=std, generator=generator)
    with torch.no_grad():
        weight.copy_(drawn)


def start_for_relu_(weight: Tensor, *, generator: torch.Generator | None = None) -> None:
    """Draw `weight` in place from a normal distribution of variance 2 / fan_in.

    A relu passes on half of the energy that it is given: twice the variance makes up for it,
    however many layers there are. The last three axes are one filter.

    Source:
        He et al., ICCV 2015, equation 10.
    """
    std = (2 / math.prod(weight.shape[-3:])) ** 0.5
    drawn = torch.empty(weight.shape, dtype=weight.dtype, device=weight.device)
    nn.init.normal_(drawn, std=std, generator=generator)
    with torch.no_grad():
        weight.copy_(drawn)
