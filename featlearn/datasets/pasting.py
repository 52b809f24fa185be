"""Pasting patches into images so that nothing but their content tells where they are."""

import math
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from featlearn.datasets.warps import warp
from featlearn.errors import ShapeError

_EDGE = 0.12
"""Over which share of the ellipse's radius its mask fades out."""

_LEAST_DEVIATION = 1e-3


class Jitter(NamedTuple):
    """How far a patch is moved, turned and scaled at most, either way.

    Attributes:
        shift: Along each axis, as a share of the image's side.
        degrees: Of turning.
        scale: Least and greatest factor of its size.
    """

    shift: float
    degrees: float
    scale: tuple[float, float]


def paste(
    patches: Tensor, grounds: Tensor, *, side: int, jitter: Jitter, generator: torch.Generator
) -> Tensor:
    """Paste a patch into the middle of each image, jittered, through an elliptical mask.

    Under the mask, which fades out at its edge, the patch takes the mean and the deviation
    that the image has there: neither tells that something was pasted.

    Args:
        patches: `(n, 1, height, width)`, any unit.
        grounds: Images, `(n, 1, size, size)`, in [0, 1].
        side: Height of a patch before it is scaled, in pixels of the image; the mask's axes
            are as the patch's sides are.
        jitter: How far each is moved, turned and scaled; drawn uniformly.
        generator: Draws that.

    Returns:
        `(n, 1, size, size)` in [0, 1].

    Raises:
        ShapeError: If there is not one patch for each image.
    """
    count, size = len(grounds), grounds.shape[-1]
    if len(patches) != count:
        raise ShapeError(f"paste needs a patch for each of {count} images; got {len(patches)}")
    width = round(side * patches.shape[-1] / patches.shape[-2])
    small = F.interpolate(patches, (side, width), mode="bilinear", antialias=True)
    # The mask fades inside the patch, so that no pixel of its square's border is seen.
    layers = torch.cat([small, ellipse(side, width).expand(count, 1, -1, -1).to(small)], dim=1)
    top, left = (size - side) // 2, (size - width) // 2
    canvas = F.pad(layers, (left, size - width - left, top, size - side - top), mode="replicate")
    draws = torch.rand(4, count, generator=generator, device=generator.device).to(grounds)
    low, high = jitter.scale
    # Patch and mask are moved as one; beyond the mask's edge it is zero.
    moved = warp(
        canvas,
        shift=(2 * draws[:2].T - 1) * jitter.shift * size,
        radians=(2 * draws[2] - 1) * math.radians(jitter.degrees),
        factor=low * (high / low) ** draws[3],
    )
    face, mask = moved[:, :1], moved[:, 1:].clamp(0, 1)
    mean, deviation = _moments(grounds, mask)
    own_mean, own_deviation = _moments(face, mask)
    matched = (face - own_mean) / own_deviation.clamp_min(_LEAST_DEVIATION) * deviation + mean
    return (grounds + mask * (matched - grounds)).clamp(0, 1)


def ellipse(height: int, width: int) -> Tensor:
    """Make a mask `(height, width)`: 1 within an ellipse, fading to 0 at the outermost pixels."""
    rows, columns = torch.linspace(-1, 1, height), torch.linspace(-1, 1, width)
    radius = (rows[:, None].square() + columns.square()).sqrt()
    return ((1 - radius) / _EDGE).clamp(0, 1)


def shuffled_blocks(patches: Tensor, *, blocks: int, generator: torch.Generator) -> Tensor:
    """Cut each patch into `blocks` × `blocks` equal blocks and put them in another order.

    Args:
        patches: `(n, maps, side, side)`, the side a multiple of `blocks`.
        blocks: Blocks along a side.
        generator: Draws an order for each patch.
    """
    count, maps, side, _ = patches.shape
    if side % blocks:
        raise ShapeError(f"{side} pixels cannot be cut into {blocks} equal blocks")
    step = side // blocks
    cut = patches.unfold(2, step, step).unfold(3, step, step).flatten(2, 3)
    draws = torch.rand(count, blocks**2, generator=generator, device=generator.device)
    order = draws.argsort(1).to(patches.device)[:, None, :, None, None].expand_as(cut)
    laid = cut.gather(2, order).unflatten(2, (blocks, blocks))
    return laid.permute(0, 1, 2, 4, 3, 5).reshape(count, maps, side, side)


def scrambled_phases(patches: Tensor, *, generator: torch.Generator) -> Tensor:
    """Give each patch the phases of white noise, and leave its amplitude spectrum as it is.

    Args:
        patches: `(n, maps, height, width)`.
        generator: Draws the noise.
    """
    shape = (len(patches), 1, *patches.shape[2:])
    noise = torch.randn(shape, generator=generator, device=generator.device).to(patches)
    phases = torch.fft.rfft2(noise)
    mean = patches.mean((2, 3), keepdim=True)
    spectrum = torch.fft.rfft2(patches - mean).abs() * (phases / phases.abs().clamp_min(1e-12))
    return torch.fft.irfft2(spectrum, s=patches.shape[2:]) + mean


def _moments(x: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
    """Measure mean and deviation of each image, weighted by its mask."""
    mass = mask.sum((2, 3), keepdim=True)
    mean = (mask * x).sum((2, 3), keepdim=True) / mass
    energy = (mask * (x - mean).square()).sum((2, 3), keepdim=True) / mass
    return mean, energy.sqrt()
