"""Random changes of images that leave what they show: labels for free.

`warps` and `appearance` hold the changes themselves, `mixing` the one that labels share.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple, assert_never, final

import torch
from torch import Tensor

from featlearn.config.data import (
    AugmentSpec,
    BlurSpec,
    ColourSpec,
    ContrastChangeSpec,
    CropSpec,
    CutOutSpec,
    ElasticSpec,
    FlipSpec,
    MixupSpec,
    RotateSpec,
    ScaleSpec,
    ShiftSpec,
)
from featlearn.datasets.appearance import blur, brighten, cut_out, saturate, stretch, turn_hue
from featlearn.datasets.warps import crop, elastic_field, mirror, warp
from featlearn.errors import RecipeError, ShapeError


class Amounts(NamedTuple):
    """How far each kind of change goes; at 0 (`flip`: probability) it is left out.

    `mixup` is not for `Augment` to apply: fine-tuning does, which has the labels.
    """

    flip: float = 0.0
    crop: float = 0
    shift: float = 0.0
    degrees: float = 0.0
    scale: float = 0.0
    alpha: float = 0.0
    sigma: float = 4.0
    brightness: float = 0.0
    saturation: float = 0.0
    hue: float = 0.0
    contrast: float = 0.0
    blur: float = 0.0
    cut_out: float = 0
    mixup: float = 0.0


@final
class Augment:
    """Draws one change per image and applies it: flip, crop, one warp, then its looks.

    Shift, rotation, scale and the elastic field are composed into one map of
    positions, so that an image is interpolated once. Brightness, saturation, hue,
    contrast, blur and cut-out follow, in this order.
    """

    def __init__(self, amounts: Amounts) -> None:
        """Take the amounts; all 0 makes an exact identity."""
        self.amounts = amounts

    def __call__(self, x: Tensor, generator: torch.Generator) -> Tensor:
        """Change each image by a draw of its own.

        Args:
            x: Images, `(batch, maps, height, width)`, floats of any unit. All
                maps of an image change place alike.
            generator: Draws the changes, on its own device.

        Returns:
            Images of the same shape, dtype and device; `x` itself if there is
            nothing to change. What comes in from outside has the median of the
            image's border, map by map. Images in [0, 1] stay there, but for
            rounding where a warp is the last change.

        Raises:
            ShapeError: If `x` is not 4-D or not floating-point, or smaller than
                what is to be cut out of it.
        """
        if x.ndim != 4 or not x.is_floating_point():
            raise ShapeError(
                "augmentation needs floating-point (batch, maps, height, width); "
                f"got {tuple(x.shape)} in {x.dtype}"
            )
        if x.numel() == 0:
            return x
        # Places within an image need more digits than half precision has, be it that of the
        # images or that of the products in a step.
        exact = x.float() if x.dtype in {torch.float16, torch.bfloat16} else x
        with torch.autocast(x.device.type, enabled=False):
            changed = self._new_looks(self._moved(exact, generator), generator)
        return x if changed is exact else changed.to(x.dtype)

    def _moved(self, x: Tensor, generator: torch.Generator) -> Tensor:
        """Draw and apply what changes places, in the precision of `x`."""
        amounts = self.amounts
        if amounts.flip:
            x = mirror(x, rate=amounts.flip, generator=generator)
        offset = x.new_zeros(len(x), 2)
        if amounts.crop:
            offset = _offsets(x, pixels=int(amounts.crop), generator=generator)
        if amounts.shift or amounts.degrees or amounts.scale or amounts.alpha:
            return self._warp(x, offset, generator)
        return crop(x, offset, pixels=int(amounts.crop)) if amounts.crop else x

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

    def _new_looks(self, x: Tensor, generator: torch.Generator) -> Tensor:
        """Draw and apply what changes looks, in the precision of `x`."""
        amounts = self.amounts
        looks = (amounts.brightness, amounts.saturation, amounts.hue, amounts.contrast)
        if not (any(looks) or amounts.blur or amounts.cut_out):
            return x
        # Always drawn all together, as for a warp.
        draws = _uniform((7, len(x)), x, generator)
        if amounts.brightness:
            x = brighten(x, 1 + draws[0] * amounts.brightness)
        if amounts.saturation:
            x = saturate(x, 1 + draws[1] * amounts.saturation)
        if amounts.hue:
            x = turn_hue(x, draws[2] * amounts.hue)
        if amounts.contrast:
            x = stretch(x, 1 + draws[3] * amounts.contrast)
        if amounts.blur:
            # Beyond four deviations a Gaussian has 1 / 16,000 of its weight.
            sigma = (draws[4] + 1) / 2 * amounts.blur
            x = blur(x, sigma, radius=math.ceil(4 * amounts.blur))
        if amounts.cut_out:
            x = cut_out(x, _pixels(draws[5:].T, x), size=int(amounts.cut_out))
        return x


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


def _offsets(x: Tensor, *, pixels: int, generator: torch.Generator) -> Tensor:
    """Draw how far down and right of the image's own place its window is cut."""
    shape = (len(x), 2)
    draw = torch.randint(-pixels, pixels + 1, shape, generator=generator, device=generator.device)
    return draw.to(x.device)


def _pixels(draws: Tensor, x: Tensor) -> Tensor:
    """Turn draws from [-1, 1), `(batch, 2)`, into rows and columns of pixels, all as likely."""
    size = torch.tensor(x.shape[2:], device=x.device)
    # Rounding may reach the end of the interval, which is no pixel.
    return torch.minimum(((draws + 1) / 2 * size).long(), size - 1)


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
            return _look_amounts(spec)


def _look_amounts(
    spec: ColourSpec | ContrastChangeSpec | BlurSpec | CutOutSpec | MixupSpec,
) -> dict[str, float]:
    """Read the amounts of one kind that leaves things where they are."""
    match spec:
        case ColourSpec():
            return {"brightness": spec.brightness, "saturation": spec.saturation, "hue": spec.hue}
        case ContrastChangeSpec():
            return {"contrast": spec.amount}
        case BlurSpec():
            return {"blur": spec.sigma}
        case CutOutSpec():
            return {"cut_out": spec.size}
        case MixupSpec():
            return {"mixup": spec.alpha}
        case _:
            assert_never(spec)
