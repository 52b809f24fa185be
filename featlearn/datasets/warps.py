"""Changes of where things are in an image: mirrored, cut, moved, turned, scaled, distorted."""

import math

import torch
import torch.nn.functional as F
from torch import Tensor


def mirror(x: Tensor, *, rate: float, generator: torch.Generator) -> Tensor:
    """Mirror each image left and right with probability `rate`."""
    draw = torch.rand(len(x), generator=generator, device=generator.device).to(x.device)
    return torch.where((draw < rate).view(-1, 1, 1, 1), x.flip(3), x)


def crop(x: Tensor, offset: Tensor, *, pixels: int) -> Tensor:
    """Pad by `pixels` of ground and cut a window of the old size out of each image."""
    batch, _, height, width = x.shape
    ground = _ground(x)
    padded = F.pad(x - ground, [pixels] * 4)
    start = offset + pixels
    rows = start[:, :1] + torch.arange(height, device=x.device)
    columns = start[:, 1:] + torch.arange(width, device=x.device)
    image = torch.arange(batch, device=x.device).view(-1, 1, 1)
    # Indices around a slice put the maps last.
    window = padded[image, :, rows[:, :, None], columns[:, None, :]]
    return window.permute(0, 3, 1, 2) + ground


def warp(
    x: Tensor, *, shift: Tensor, radians: Tensor, factor: Tensor, field: Tensor | None = None
) -> Tensor:
    """Scale and turn each image about its centre, move it, and displace its pixels.

    Args:
        x: Images, `(batch, maps, height, width)`.
        shift: `(batch, 2)`, how far the content moves down and right, in pixels.
        radians: `(batch,)`, by how much it turns counter-clockwise.
        factor: `(batch,)`, by how much it grows.
        field: `(batch, 2, height, width)`, added to the position (y, x) that each
            output pixel is read from, in pixels.

    Returns:
        Images of the same shape, interpolated bilinearly. What comes in from
        outside has the median of the image's border, map by map.
    """
    batch, _, height, width = x.shape
    # Where an output pixel comes from: undo the shift, then the turn and the growth.
    cosine, sine = torch.cos(radians) / factor, torch.sin(radians) / factor
    inverse = torch.stack([cosine, -sine, sine, cosine], dim=-1).view(batch, 2, 2)
    origin = inverse @ shift.flip(1)[:, :, None]
    rows = torch.cat([inverse, -origin], dim=2)  # of (x, y, 1), to (x, y) in pixels
    # Without aligned corners -1 and 1 are the outer edges of the outer pixels.
    unit = x.new_tensor([2 / width, 2 / height])
    grid = (_places(height, width, x) @ (rows * unit[:, None]).mT).view(batch, height, width, 2)
    if field is not None:
        grid += field.flip(1).permute(0, 2, 3, 1) * unit
    ground = _ground(x)
    # Outside reads as zero, which is the ground once that is taken off.
    moved = F.grid_sample(x - ground, grid, padding_mode="zeros", align_corners=False)
    return moved + ground


def elastic_field(
    count: int,
    *,
    size: tuple[int, int],
    alpha: float,
    sigma: float,
    generator: torch.Generator,
) -> Tensor:
    """Draw smooth random displacements.

    White noise, smoothed by a Gaussian: the noise lives on a grid of one `sigma`
    (at least one pixel), which reaches far enough beyond the image for the field
    to be equally strong everywhere. A finer grid would change nothing but the
    time: that coarse, the Gaussians still add up to a plane within 1e-7.

    Args:
        count: How many fields.
        size: Their height and width.
        alpha: Root mean square length of a displacement, in pixels.
        sigma: Standard deviation of the Gaussian, in pixels.
        generator: Draws the noise.

    Returns:
        `(count, 2, height, width)` float32: displacements down and right.

    Source:
        Simard, Steinkraus and Platt, ICDAR 2003; normal in place of uniform noise,
        and a scale that does not depend on `sigma`.
    """
    down, right = (_smoothing(length, sigma, generator.device) for length in size)
    noise = torch.randn(
        count, 2, down.shape[1], right.shape[1], generator=generator, device=generator.device
    )
    # Each component has standard deviation 1, and both are to give length alpha.
    return (down @ noise @ right.T) * (alpha / math.sqrt(2))


def _smoothing(length: int, sigma: float, device: torch.device) -> Tensor:
    """Give the matrix (length, knots) that smooths unit noise into unit variance."""
    step = max(1.0, sigma)
    beyond = math.ceil(3 * sigma / step)
    count = math.ceil((length - 1) / step) + 1 + 2 * beyond
    knots = (torch.arange(count, device=device) - beyond) * step
    distance = torch.arange(length, device=device)[:, None] - knots
    weights = torch.exp(-0.5 * (distance / sigma) ** 2)
    return weights / torch.linalg.vector_norm(weights, dim=1, keepdim=True)


def _places(height: int, width: int, like: Tensor) -> Tensor:
    """Give every pixel's place (x, y, 1), from the centre: `(height * width, 3)`."""
    y, x = (
        torch.arange(length, dtype=like.dtype, device=like.device) - (length - 1) / 2
        for length in (height, width)
    )
    return torch.cartesian_prod(y, x, like.new_ones(1))[:, [1, 0, 2]]


def _ground(x: Tensor) -> Tensor:
    """Take the median of each map's border for the ground: `(batch, maps, 1, 1)`."""
    edges = [x[..., 0, :], x[..., -1, :], x[..., :, 0], x[..., :, -1]]
    return torch.cat(edges, dim=-1).median(dim=-1).values[..., None, None]
