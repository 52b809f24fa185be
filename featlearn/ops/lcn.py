"""Local contrast normalisation."""

import math
from typing import Literal

import torch
from torch import Tensor

from featlearn.geometry import Padding, pads
from featlearn.ops import contrast_kernels, window_kernels
from featlearn.ops.planes import check_planes
from featlearn.ops.window_sums import window_roots, window_sums

Window = Literal["box", "gaussian"]


def lcn(
    x: Tensor,
    *,
    size: int,
    padding: Padding = "valid",
    window: Window = "box",
    across: bool = False,
    constant: Literal["mean"] | float = "mean",
    floor: float = 1e-4,
) -> Tensor:
    """Subtract the local mean, then divide by the local deviation.

    v = x - sum(w * x), s = sqrt(sum(w * v^2)), y = v / max(c, s), where the weights w >= 0
    of a window sum to 1.

    The local mean is taken on the whole plane, its weights renormalised by their true mass
    where the window hangs over the border. `padding` speaks of s alone: under `valid` only
    windows of v that lie inside count, and v is cropped to their centres, so that the whole
    operation takes one window, not two, from the plane (175 x 175 after a 5 x 5 window
    over 179 x 179, as in the network of 2012).

    Computed in single precision at least: small differences of nearly equal numbers are
    what is left of a plane, and half precision has lost them by then.

    Args:
        x: Responses, `(batch, maps, height, width)`, any unit.
        size: Side of the window, in positions; an even one is centred half a position
            before its middle.
        padding: `valid` gives `height - size + 1` rows; `same` gives `height` rows, with
            weights renormalised by their true mass.
        window: `box` weighs every position alike; `gaussian` reaches three standard
            deviations to either side.
        across: Whether a window reaches across all maps, which then share one mean and
            one deviation at each position; otherwise each map has its own.
        constant: c, the least divisor: `"mean"` takes the mean of s over the maps and
            positions of each image, a number takes that number.
        floor: Lower bound of c, in the unit of `x`, so that a constant image gives zeros.

    Returns:
        `(batch, maps, height', width')`, without a unit, in the precision of `x`. Finite in
        value and gradient wherever the squares of `x` are.

    Raises:
        ShapeError: If `x` is not 4-D, or is smaller than a valid window.
        ValueError: If `floor` is not above 0.

    Source:
        Jarrett et al., ICCV 2009; Le et al., ICML 2012, with c = 0.01.
    """
    check_planes(x, operation="lcn", window=(size, size), padding=padding)
    if not floor > 0:
        raise ValueError(f"lcn needs a floor above 0; got {floor}")
    v, s, least = _parts(
        x, size=size, padding=padding, window=window, across=across, constant=constant, floor=floor
    )
    centres = _centres(v, size=size, padding=padding).contiguous()
    fast = window_kernels.usable(centres.permute(3, 2, 0, 1))
    divide = contrast_kernels.contrast if fast else contrast_kernels.plain
    return divide(centres, s, least).to(x.dtype).permute(3, 2, 0, 1)


def lcn_statistics(
    x: Tensor,
    *,
    size: int,
    padding: Padding = "valid",
    window: Window = "box",
    across: bool = False,
    constant: Literal["mean"] | float = "mean",
    floor: float = 1e-4,
) -> tuple[Tensor, Tensor]:
    """Give what `lcn` subtracts and divides by, so that it can be undone.

    Args are those of `lcn`.

    Returns:
        The local mean, of the shape of `x`, and the divisor max(c, s), of the height and
        the width of what `lcn` gives; it has a single map if `across`.

    Raises:
        ShapeError: If `x` is not 4-D, or is smaller than a valid window.
    """
    check_planes(x, operation="lcn_statistics", window=(size, size), padding=padding)
    v, s, least = _parts(
        x, size=size, padding=padding, window=window, across=across, constant=constant, floor=floor
    )
    divisor = torch.maximum(s, least).permute(3, 2, 0, 1)
    return x - v.permute(3, 2, 0, 1).to(x.dtype), divisor.to(x.dtype)


def _parts(
    x: Tensor,
    *,
    size: int,
    padding: Padding,
    window: Window,
    across: bool,
    constant: Literal["mean"] | float,
    floor: float,
) -> tuple[Tensor, Tensor, Tensor]:
    """Compute v and s, `(height, width, maps, batch)`, and c, `(batch,)`."""
    # Everything below goes over whole rows of the batch, in the order of memory.
    x = x.to(torch.promote_types(x.dtype, torch.float32)).permute(2, 3, 1, 0).contiguous()
    # A shift of the whole plane changes nothing below, but keeps rounding errors of a
    # large mean out of the small differences; so it needs no gradient either.
    x = x - (x.flatten(0, 2) if across else x.flatten(0, 1)).mean(0).detach()
    weights = _gaussian(size) if window == "gaussian" else [1 / size] * size
    v = x - _local_mean(x.mean(2, keepdim=True) if across else x, weights)
    s = _deviation(v, weights, padding=padding, across=across)
    if constant == "mean":
        least = s.flatten(0, 2).mean(0).clamp_min(floor)
    else:
        least = s.new_full((s.shape[3],), max(constant, floor))
    return v, s, least


def _local_mean(x: Tensor, weights: list[float]) -> Tensor:
    """Average `(height, width, maps, batch)` over windows that may hang over the border."""
    means = window_sums(x.permute(3, 2, 0, 1), weights, padding="same", mean=True)
    return means.permute(2, 3, 1, 0)


def _deviation(v: Tensor, weights: list[float], *, padding: Padding, across: bool) -> Tensor:
    """Take the root of the mean square over the window, and over the maps if `across`.

    At least 1e-19 in single precision, where its derivative is 0.
    """
    tiny, hanging = torch.finfo(v.dtype).tiny, padding == "same"
    if not across:
        roots = window_roots(
            v.permute(3, 2, 0, 1), weights, eps=tiny, padding=padding, mean=hanging
        )
        return roots.permute(2, 3, 1, 0).contiguous()
    energy = v.square().mean(2, keepdim=True).permute(3, 2, 0, 1)
    means = window_sums(energy, weights, padding=padding, mean=hanging)
    return (means + tiny).sqrt().permute(2, 3, 1, 0).contiguous()


def _gaussian(size: int) -> list[float]:
    """Weights along one axis, which sum to 1; the standard deviation is a sixth of `size`."""
    weights = [math.exp(-0.5 * ((i - (size - 1) / 2) / (size / 6)) ** 2) for i in range(size)]
    return [weight / sum(weights) for weight in weights]


def _centres(v: Tensor, *, size: int, padding: Padding) -> Tensor:
    """Crop `(height, width, ...)` to the centres of the windows."""
    if padding == "same":
        return v
    first, _ = pads(v.shape[0], window=size, stride=1, padding="same")
    height, width = v.shape[0] - size + 1, v.shape[1] - size + 1
    return v[first : first + height, first : first + width]
