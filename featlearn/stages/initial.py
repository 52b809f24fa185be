"""How weights start: one rule for every filter."""

import torch
from torch import Tensor, nn


def start_weights_(
    weight: Tensor, *, fan_in: float, generator: torch.Generator | None = None
) -> None:
    """Draw `weight` in place from a normal distribution of standard deviation 1/√fan_in.

    A response to an input of unit variance then has unit variance. The draws follow the
    canonical order of the weight, whatever a kernel stores.

    Args:
        weight: What to fill, any shape.
        fan_in: How many inputs one response sums.
        generator: Source of the draws; torch's global one if there is none.
    """
    nn.init.normal_(weight, std=fan_in**-0.5, generator=generator)
