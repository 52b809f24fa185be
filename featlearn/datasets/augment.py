"""Random changes of images that leave what they show: labels for free."""

import math
from collections.abc import Sequence
from typing import NamedTuple, assert_never, final

import torch
import torch.nn.functional as F
from torch import Tensor

from featlearn.config.data import (
    AugmentSpec,
    CropSpec,
    ElasticSpec,
    FlipSpec,
    RotateSpec,
    ScaleSpec,
    ShiftSpec,
)
from featlearn.errors import RecipeError, ShapeError


class Amounts(NamedTuple):
    """How far each kind of change goes; at 0 (`flip`: probability) it is left out."""

    flip: float = 0.0
    crop: float = 0
    shift: float = 0.0
    degrees: float = 0.0
    scale: float = 0.0
    alpha: float = 0.0
    sigma: float = 4.0


@final
class Augment:
    """Draws one change per image and applies it: flip, crop, then one warp.

    Shift, rotation, scale and the elastic field are composed into one map of
    positions, so that an image is interpolated once.
    """

    def __init__(self, amounts: Amounts) -> None:
        """Take the amounts; all 0 makes an exact identity."""
        self.amounts = amounts

    def __call__(self, x: Tensor, generator: torch.Generator) -> Tensor:
        """Change each image by a draw of its own.

        Args:
            x: Images, `(batch, maps, height, width)`, floats of any unit. All
                maps of an image change alike.
            generator: Draws the changes, on its own device.

        Returns:
            Images of the same shape, dtype and device; `x` itself if there is
            nothing to change. What comes in from outside has the median of the
            image's border, map by map.

        Raises:
            ShapeError: If `x` is not 4-D or not floating-point.
        """
        if x.ndim != 4 or not x.is_floating_point():
            raise ShapeError(
                "augmentation needs floating-point (batch, maps, height, width); "
                f"got {tuple(x.shape)} in {x.dtype}"
            )
        if x.numel() == 0:
            return x
        # Places within an image need more digits than half precision has.
        exact = x.float() if x.dtype in {torch.float16, torch.bfloat16} else x
        changed = self._changed(exact, generator)
        return x if changed is exact else changed.to(x.dtype)

    def _changed(self, x: Tensor, generator: torch.Generator) -> Tensor:
        """Draw and apply in the precision of `x`."""
        amounts = self.amounts
        if amounts.flip:
            x = _flip(x, rate=amounts.flip, generator=generator)
        offset = x.new_zeros(len(x), 2)
        if amounts.crop:
            offset = _offsets(x, pixels=int(amounts.crop), generator=generator)
        if amounts.shift or amounts.degrees or amounts.scale or amounts.alpha:
            return self._warp(x, offset, generator)
        return _crop(x, offset, pixels=int(amounts.crop)) if amounts.crop else x

    def _warp(self, x: Tensor, offset: Tensor, generator: torch.Generator) -> Tensor:
        """Draw the warp of each image, and apply it; a crop is a shift by whole pixels."""
        amounts = self.amounts
        # Always drawn all together: one amount does not move the draws of another.
        draws = _uniform((4, len(x)), x, generator)
        field = None
        if amounts.alpha:
            field = elastic_field(
                len(x),
                size=(x.shape[2], x.shape[3]),
                alpha=amounts.alpha,
                sigma=amounts.sigma,
                generator=generator,
            ).to(x)
        return warp(
            x,
            shift=draws[:2].T * amounts.shift - offset,
            radians=draws[2] * math.radians(amounts.degrees),
            factor=1 + draws[3] * amounts.scale,
            field=field,
        )


def build_augment(specs: Sequence[AugmentSpec]) -> Augment:
    """Build the augmentation of a recipe, in which order does not matter.

    Raises:
        RecipeError: If a kind is named twice.
    """
    amounts: dict[str, float] = {}
    for spec in specs:
        parts = _amounts(spec)
        if parts.keys() & amounts.keys():
            kind = type(spec).__struct_config__.tag
            raise RecipeError(f"`augment` names the kind {kind!r} twice; once is enough")
        amounts |= parts
    return Augment(Amounts(**amounts))


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


def _flip(x: Tensor, *, rate: float, generator: torch.Generator) -> Tensor:
    """Mirror each image left and right with probability `rate`."""
    draw = torch.rand(len(x), generator=generator, device=generator.device).to(x.device)
    return torch.where((draw < rate).view(-1, 1, 1, 1), x.flip(3), x)


def _offsets(x: Tensor, *, pixels: int, generator: torch.Generator) -> Tensor:
    """Draw how far down and right of the image's own place its window is cut."""
    shape = (len(x), 2)
    draw = torch.randint(-pixels, pixels + 1, shape, generator=generator, device=generator.device)
    return draw.to(x.device)


def _crop(x: Tensor, offset: Tensor, *, pixels: int) -> Tensor:
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


def _uniform(shape: tuple[int, ...], like: Tensor, generator: torch.Generator) -> Tensor:
    """Draw uniformly from [-1, 1)."""
    return torch.rand(shape, generator=generator, device=generator.device).mul_(2).sub_(1).to(like)


def _amounts(spec: AugmentSpec) -> dict[str, float]:
    """Read the amounts of one kind."""
    match spec:
        case FlipSpec():
            return {"flip": spec.rate}
        case CropSpec():
            return {"crop": spec.pixels}
        case ShiftSpec():
            return {"shift": spec.pixels}
        case RotateSpec():
            return {"degrees": spec.degrees}
        case ScaleSpec():
            return {"scale": spec.amount}
        case ElasticSpec():
            return {"alpha": spec.alpha, "sigma": spec.sigma}
        case _:
            assert_never(spec)
