"""Orientation and spatial frequency of patterns, from the peak of their Fourier amplitude."""

from typing import NamedTuple

import torch
from torch import Tensor

from featlearn.errors import ShapeError

_FREQUENCIES = 128
"""Frequencies along an axis that are enough for any pattern, with a parabola between them."""

_BATCH = 32
"""Patterns whose spectra are held at a time."""


class Tuning(NamedTuple):
    """What gratings patterns are most like.

    Attributes:
        orientation: Of the bars, degrees in [0, 180) from the horizontal, counter-clockwise:
            0 for horizontal bars, 90 for vertical ones. NaN where the pattern is flat.
        frequency: Cycles per pixel, in (0, 0.71]. NaN where the pattern is flat.
        strength: How much of the power lies along one orientation, in [0, 1]: the length of
            the mean of exp(2iθ), weighted by power. 0 where no orientation stands out, or
            the pattern is flat.
    """

    orientation: Tensor
    frequency: Tensor
    strength: Tensor


def tuning(patterns: Tensor) -> Tuning:
    """Find the grating that each pattern is most like.

    The mean of each channel is taken out, and the power of the channels is added up, so
    that colour counts as brightness does. The peak is that of the amplitude, on frequencies
    two to four times finer than the pattern's own; a parabola through its neighbours places
    it between them.

    Args:
        patterns: `(n, channels, height, width)`.

    Returns:
        Orientation, frequency and strength, `(n,)` each, in double precision.

    Raises:
        ShapeError: If the patterns are not 4-D.

    Source:
        The preferred orientation as the angle of the largest Fourier amplitude: De Valois,
        Albrecht & Thorell, Vision Research 1982. The strength is one minus the circular
        variance of Ringach, Shapley & Hawken, J. Neurosci. 2002.
    """
    if patterns.ndim != 4:
        raise ShapeError(
            f"tuning needs patterns (n, channels, height, width); got {tuple(patterns.shape)}"
        )
    parts = [_tuned(part) for part in patterns.double().split(_BATCH) if part.numel()]
    if not parts:
        none = patterns.new_zeros(len(patterns), dtype=torch.float64)
        return Tuning(none + torch.nan, none + torch.nan, none)
    return Tuning(*(torch.cat(figure) for figure in zip(*parts, strict=True)))


def _tuned(patterns: Tensor) -> Tuning:
    """Find the gratings of a few patterns."""
    power = _power(patterns)
    rows, columns = power.shape[-2:]
    down, right = _axis(rows, power), _axis(columns, power)
    flat = power.flatten(1)
    # The spectrum of real numbers is the same at the opposite frequency.
    half = (right >= 0) | (right == -0.5)
    place = torch.where(half.expand(rows, columns).flatten(), flat, -1.0).argmax(1)
    row, column = place // columns, place % columns
    y = down[row] + _shift(power, row, column, axis=0) / rows
    x = right[column] + _shift(power, row, column, axis=1) / columns
    peak = flat.gather(1, place[:, None])[:, 0]
    seen = peak > 1e-12 * patterns.square().sum((1, 2, 3))
    nothing = torch.full_like(x, torch.nan)
    # Rows are counted downwards; bars run at a right angle to the direction they vary in.
    angle = torch.rad2deg(torch.atan2(-y, x)) + 90
    return Tuning(
        orientation=torch.where(seen, angle.remainder(180), nothing),
        frequency=torch.where(seen, torch.hypot(x, y), nothing),
        strength=torch.where(seen, _strength(power, down, right), 0.0),
    )


def _power(patterns: Tensor) -> Tensor:
    """Give the power of each pattern at each frequency, `(n, rows, columns)`."""
    centred = patterns - patterns.mean((2, 3), keepdim=True)
    sizes = [max(2 * size, min(4 * size, _FREQUENCIES), 8) for size in patterns.shape[2:]]
    return torch.fft.fft2(centred, s=sizes).abs().square().sum(1)


def _axis(size: int, like: Tensor) -> Tensor:
    """Give the frequencies along an axis, in cycles per pixel."""
    return torch.fft.fftfreq(size, dtype=like.dtype, device=like.device)


def _shift(power: Tensor, row: Tensor, column: Tensor, *, axis: int) -> Tensor:
    """Say how far from its bin the peak lies along an axis, in [-0.5, 0.5] bins."""
    n, size = torch.arange(len(power), device=power.device), power.shape[1 + axis]

    def amplitude(step: int) -> Tensor:
        if axis == 0:
            return power[n, (row + step) % size, column].sqrt()
        return power[n, row, (column + step) % size].sqrt()

    before, here, after = amplitude(-1), amplitude(0), amplitude(1)
    bend = before - 2 * here + after
    step = 0.5 * (before - after) / torch.where(bend < 0, bend, -1.0)
    return torch.where(bend < 0, step, 0.0).clamp(-0.5, 0.5)


def _strength(power: Tensor, down: Tensor, right: Tensor) -> Tensor:
    """Average exp(2iθ) over frequencies, by power, and give its length."""
    twice = 2 * torch.atan2(down[:, None], right[None])
    cosine = (power * twice.cos()).sum((1, 2))
    sine = (power * twice.sin()).sum((1, 2))
    total = power.sum((1, 2))
    return torch.hypot(cosine, sine) / torch.where(total > 0, total, 1.0)
