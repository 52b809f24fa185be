"""Images changed by known amounts, to see what a unit's response bears."""

import math
from itertools import pairwise
from typing import Literal, get_args

import msgspec
import torch
import torch.nn.functional as F
from torch import Tensor

from featlearn.errors import UsageError
from featlearn.geometry import MapShape

TransformationKind = Literal["shift-x", "shift-y", "rotation", "scale", "contrast", "noise"]

NEUTRAL: dict[TransformationKind, float] = {
    "shift-x": 0.0,
    "shift-y": 0.0,
    "rotation": 0.0,
    "scale": 1.0,
    "contrast": 1.0,
    "noise": 0.0,
}
"""The amount of each kind that changes nothing."""


class Transformation(msgspec.Struct, frozen=True, kw_only=True):
    """One kind of change, by several amounts.

    Attributes:
        kind: `shift-x` to the right and `shift-y` down, in pixels; `rotation`
            counter-clockwise, in degrees; `scale`, a factor by which things grow;
            `contrast`, a factor on the distance of each pixel from the image's mean, map
            by map; `noise`, the standard deviation of normal noise, in the unit of the
            pixels. Nothing is cut off at 0 and 1.
        amounts: Ascending; the one that changes nothing is among them.
        about: What stays in place when an image is turned or scaled: the middle of what
            the unit sees, or of the image.
        seed: Seed of the noise. Every amount scales the same noise.

    Raises:
        UsageError: If the amounts are not ascending, finite, possible and as said.
    """

    kind: TransformationKind
    amounts: tuple[float, ...]
    about: Literal["window", "image"] = "window"
    seed: int = 0

    def __post_init__(self) -> None:
        """Refuse amounts that make no curve."""
        if self.kind not in get_args(TransformationKind):
            kinds = ", ".join(get_args(TransformationKind))
            raise UsageError(f"a transformation is one of {kinds}; got {self.kind!r}")
        amounts = self.amounts
        ascending = all(low < high for low, high in pairwise(amounts))
        if not ascending or self.neutral not in amounts or not all(map(math.isfinite, amounts)):
            raise UsageError(
                f"amounts of {self.kind} are finite, ascending, and {self.neutral:g} is among "
                f"them; got {amounts}"
            )
        if (self.kind == "scale" and amounts[0] <= 0) or (
            self.kind in {"contrast", "noise"} and amounts[0] < 0
        ):
            raise UsageError(f"{self.kind} cannot be by {amounts[0]:g}")

    @property
    def neutral(self) -> float:
        """The amount that changes nothing."""
        return NEUTRAL[self.kind]

    @property
    def unchanged(self) -> int:
        """The place of that amount among the amounts."""
        return self.amounts.index(self.neutral)


def standard_transformation(kind: TransformationKind, shape: MapShape) -> Transformation:
    """Give the amounts that show where most units give up.

    Shifts reach 40 % of the side of an image of `shape`, turns 45°, scales from a half to
    twice, contrast from none to twice, noise a deviation of 0.4. Steps are finer near nothing.
    """
    match kind:
        case "shift-x" | "shift-y":
            side = shape.width if kind == "shift-x" else shape.height
            amounts = [side * share for share in _both(0.025, 0.05, 0.1, 0.15, 0.2, 0.3, 0.4)]
        case "rotation":
            amounts = _both(2.5, 5.0, 10.0, 15.0, 20.0, 30.0, 45.0)
        case "scale":
            amounts = [0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 1.0, 1.05, 1.1, 1.25, 1.4, 1.7, 2.0]
        case "contrast":
            amounts = [step / 8 for step in range(17)]
        case "noise":
            amounts = [0.0, 0.0125, 0.025, 0.05, 0.1, 0.2, 0.3, 0.4]
    return Transformation(kind=kind, amounts=tuple(amounts))


def _both(*steps: float) -> list[float]:
    """Give steps to both sides, and none."""
    return [-step for step in reversed(steps)] + [0.0, *steps]


def transformed(
    images: Tensor,
    kind: TransformationKind,
    amount: float,
    *,
    centre: tuple[float, float],
    noise: Tensor | None = None,
) -> Tensor:
    """Change images by one amount; the neutral amount gives them back as they are.

    Shifted, turned and scaled images are interpolated bilinearly. What comes in from
    outside is the image mirrored at its border, as a ground would make an edge there.

    Args:
        images: `(n, maps, height, width)`.
        kind: The kind of change.
        amount: How much; see `Transformation` for the units.
        centre: The place (x, y), in pixels, that stays when images are turned or scaled.
        noise: Standard normal, of the shape of the images; needed for noise alone.

    Returns:
        A tensor of the same shape.
    """
    if amount == NEUTRAL[kind]:
        return images
    match kind:
        case "shift-x":
            return _moved(images, shift=(amount, 0.0), centre=centre)
        case "shift-y":
            return _moved(images, shift=(0.0, amount), centre=centre)
        case "rotation":
            return _moved(images, degrees=amount, centre=centre)
        case "scale":
            return _moved(images, factor=amount, centre=centre)
        case "contrast":
            mean = images.mean(dim=(2, 3), keepdim=True)
            return mean + amount * (images - mean)
        case "noise":
            assert noise is not None
            return images + amount * noise


def _moved(
    images: Tensor,
    *,
    centre: tuple[float, float],
    shift: tuple[float, float] = (0.0, 0.0),
    degrees: float = 0.0,
    factor: float = 1.0,
) -> Tensor:
    """Turn and scale images about a place, then move them to the right and down."""
    n, _, height, width = images.shape
    angle = math.radians(degrees)
    cosine, sine = math.cos(angle) / factor, math.sin(angle) / factor
    inverse = images.new_tensor([[cosine, -sine], [sine, cosine]])  # of (x, y)
    origin, moved = images.new_tensor(centre), images.new_tensor(shift)
    x, y = (
        torch.arange(size, dtype=images.dtype, device=images.device) for size in (width, height)
    )
    places = torch.stack(torch.meshgrid(x, y, indexing="xy"), dim=-1)
    source = (places - origin - moved) @ inverse.T + origin
    # Without aligned corners -1 and 1 are the outer edges of the outer pixels.
    grid = (2 * source + 1) / images.new_tensor([width, height]) - 1
    return F.grid_sample(
        images, grid.expand(n, -1, -1, -1), padding_mode="reflection", align_corners=False
    )
