"""Images that are two at once, and how much of each: for labels that mix alike."""

import math
from typing import NamedTuple

import torch
from torch import Tensor


class Mixed(NamedTuple):
    """A batch mixed with itself.

    Attributes:
        images: share x + (1 - share) x[partner], of the shape of x.
        partner: `(batch,)`, the place of the other image.
        share: `(batch,)`, how much of the image itself there is, in [0, 1].
    """

    images: Tensor
    partner: Tensor
    share: Tensor


def mix_up(x: Tensor, *, alpha: float, generator: torch.Generator) -> Mixed:
    """Mix each image with another of its batch.

    Args:
        x: Images, `(batch, maps, height, width)`; those in [0, 1] stay there.
        alpha: Shares are drawn from Beta(alpha, alpha): mostly near 0 and 1 below 1, evenly
            at 1, mostly near a half above.
        generator: Draws the partners, a random order of the batch (so that an image may
            meet itself), and the shares.

    Source:
        Zhang, Cisse, Dauphin and Lopez-Paz, ICLR 2018; with a share for every image, where
        their code draws one for the batch.
    """
    device = generator.device
    partner = torch.randperm(len(x), generator=generator, device=device).to(x.device)
    share = symmetric_beta(len(x), alpha=alpha, generator=generator).to(x)
    return Mixed(torch.lerp(x[partner], x, share.view(-1, 1, 1, 1)), partner, share)


def symmetric_beta(count: int, *, alpha: float, generator: torch.Generator) -> Tensor:
    """Draw from Beta(alpha, alpha), `(count,)` float32 on the generator's device.

    Of two uniform numbers: with r = 1 - U^(1/alpha) and c = cos(2 pi V), half of
    1 + c sqrt(r / (1 - r + r c²)). No draw is thrown away, so that they take the same
    numbers from the generator for every alpha.

    Source:
        Devroye, Winter Simulation Conference 1996, "Random variate generation in one line
        of code", after Bailey, Mathematics of Computation 62 (1994).
    """
    draws = torch.rand(2, count, generator=generator, device=generator.device)
    rest = -torch.expm1(draws[0].log() / alpha)  # 1 at a draw of 0
    cosine = torch.cos(2 * math.pi * draws[1])
    far = cosine * torch.sqrt(rest / (1 - rest + rest * cosine.square()))
    return ((1 + far) / 2).clamp(0, 1)
