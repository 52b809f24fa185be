"""Noise that a denoising auto-encoder learns to undo.

Numbers are drawn in single precision on the generator's device, and then moved, so that
one generator gives the same noise for every device and precision of the input.

Source:
    Vincent et al., JMLR 2010, section 3.2.
"""

from typing import NamedTuple

import torch
from torch import Tensor


class Corrupted(NamedTuple):
    """An input with noise, and where it was touched."""

    x: Tensor
    """The corrupted input, of the shape of the clean one."""

    mask: Tensor
    """True where the input was corrupted, of the same shape."""


def gaussian_noise(x: Tensor, *, std: float, generator: torch.Generator) -> Corrupted:
    """Add normal noise of standard deviation `std`, in the unit of `x`; every input is touched.

    Raises:
        ValueError: If `std` is negative.
    """
    if not std >= 0:
        raise ValueError(f"gaussian_noise needs a standard deviation of at least 0; got {std}")
    noise = torch.randn(x.shape, generator=generator, device=generator.device).to(x)
    return Corrupted(x + std * noise, torch.ones_like(x, dtype=torch.bool))


def mask_noise(x: Tensor, *, rate: float, generator: torch.Generator) -> Corrupted:
    """Set each input to zero with probability `rate`.

    Raises:
        ValueError: If `rate` lies outside [0, 1].
    """
    mask = _uniform(x, rate=rate, generator=generator, operation="mask_noise") < rate
    return Corrupted(x.masked_fill(mask, 0.0), mask)


def salt_pepper(
    x: Tensor,
    *,
    rate: float,
    low: float | Tensor,
    high: float | Tensor,
    generator: torch.Generator,
) -> Corrupted:
    """Set each input, with probability `rate`, to `low` or `high`, either with equal chance.

    Args:
        x: Clean input, any shape.
        rate: Probability that an input is touched, in [0, 1].
        low: Least value, a number or a tensor that broadcasts to `x`.
        high: Greatest value, likewise.
        generator: Source of the draws.

    Raises:
        ValueError: If `rate` lies outside [0, 1].
    """
    draw = _uniform(x, rate=rate, generator=generator, operation="salt_pepper")
    low = torch.as_tensor(low, dtype=x.dtype, device=x.device)
    high = torch.as_tensor(high, dtype=x.dtype, device=x.device)
    mask = draw < rate
    return Corrupted(torch.where(mask, torch.where(draw < rate / 2, low, high), x), mask)


def _uniform(x: Tensor, *, rate: float, generator: torch.Generator, operation: str) -> Tensor:
    """Draw from [0, 1), one number per input, after a look at `rate`."""
    if not 0 <= rate <= 1:
        raise ValueError(f"{operation} needs a rate in [0, 1]; got {rate}")
    return torch.rand(x.shape, generator=generator, device=generator.device).to(x.device)
