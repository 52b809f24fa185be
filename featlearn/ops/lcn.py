"""Local contrast normalisation."""

import math
from typing import Literal

import torch
from torch import Tensor

from featlearn.geometry import Padding, pads
from featlearn.ops.planes import batch_innermost, check_planes
from featlearn.ops.window_sums import window_sums

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
    # A shift of the whole plane changes nothing below, but keeps rounding errors of a
    # large mean out of the small differences; so it needs no gradient either.
    precision = x.dtype
    x = batch_innermost(x.to(torch.promote_types(precision, torch.float32)))
    x = x - x.mean(dim=(1, 2, 3) if across else (2, 3), keepdim=True).detach()
    v = x - _local_mean(x, size=size, padding="same", window=window, across=across)
    s = _root(_local_mean(v.square(), size=size, padding=padding, window=window, across=across))
    if constant == "mean":
        least = s.mean(dim=(1, 2, 3), keepdim=True).clamp_min(floor)
        # max(c, s) as c + relu(s - c), whose derivative is cheaper.
        divisor = least + torch.relu(s - least)
    else:
        divisor = s.clamp_min(max(constant, floor))
    return (_centres(v, size=size, padding=padding) / divisor).to(precision)


def _local_mean(x: Tensor, *, size: int, padding: Padding, window: Window, across: bool) -> Tensor:
    """Average over the window at every position, and over the maps if `across`."""
    if across:
        x = x.mean(dim=1, keepdim=True)
    weights = _gaussian(size) if window == "gaussian" else [1 / size] * size
    means = window_sums(x, weights, padding=padding)
    if padding == "valid":
        return means
    return means / window_sums(x.new_ones(1, 1, *x.shape[2:]), weights, padding=padding)


def _gaussian(size: int) -> list[float]:
    """Weights along one axis, which sum to 1; the standard deviation is a sixth of `size`."""
    weights = [math.exp(-0.5 * ((i - (size - 1) / 2) / (size / 6)) ** 2) for i in range(size)]
    return [weight / sum(weights) for weight in weights]


def _centres(v: Tensor, *, size: int, padding: Padding) -> Tensor:
    """Crop to the centres of the windows."""
    if padding == "same":
        return v
    first, _ = pads(v.shape[2], window=size, stride=1, padding="same")
    height, width = v.shape[2] - size + 1, v.shape[3] - size + 1
    return v[:, :, first : first + height, first : first + width]


def _root(energy: Tensor) -> Tensor:
    """Take the square root, at least 1e-19 in single precision, where its gradient is 0."""
    return energy.clamp_min(torch.finfo(energy.dtype).tiny).sqrt()
