"""Gabor functions: their numbers, their pictures, and what frequencies they prefer."""

import math
from collections.abc import Sequence

import msgspec
import numpy as np
from numpy.typing import NDArray

GOOD = 0.7
"""R² from which a pattern is called a Gabor function."""

_STEPS_OF_SPECTRUM = 4001  # at which it is measured, from 0 on


class GaborFit(msgspec.Struct, frozen=True, kw_only=True):
    """The Gabor function that is nearest to a pattern by least squares.

    With u across the bars and v along them, from the centre,
    g = offset + amplitude · exp(-u² / 2 width² - v² / 2 length²) · cos(2π · frequency · u + phase).

    Attributes:
        row: Of the centre, from that of the first row of pixels.
        column: Of the centre, likewise.
        width: Deviation of the envelope across the bars, in pixels.
        length: Along the bars.
        orientation: Of the bars, in degrees from horizontal, counter-clockwise, in [0, 180).
        frequency: Of the wave, in cycles a pixel.
        phase: At the centre, in degrees, in (-180, 180]: 0 a bright bar, ±90 an edge; u grows to
            the right, and upwards where the bars are horizontal.
        amplitude: In the unit of the pattern, never negative.
        offset: Likewise.
        preferred: Frequency at which the spectrum across the bars is largest, in cycles a pixel:
            that of the wave where there are several bars; of an edge more, of a blob 0.
        bandwidth: Of that spectrum at half of its largest amplitude, in octaves; `None` where its
            lower flank has not fallen to half at frequency 0, as that of a blob.
        r2: Share of the pattern's variance that the function explains, at most 1.
    """

    row: float
    column: float
    width: float
    length: float
    orientation: float
    frequency: float
    phase: float
    amplitude: float
    offset: float
    preferred: float
    bandwidth: float | None
    r2: float


def gabor_patterns(fits: Sequence[GaborFit | None], height: int, width: int) -> NDArray[np.float64]:
    """Draw Gabor functions.

    Args:
        fits: Their numbers; `None` gives zeros.
        height: Rows of pixels.
        width: Columns.

    Returns:
        `(len(fits), height, width)`.
    """
    rows, columns = np.mgrid[:height, :width].astype(np.float64)
    patterns = np.zeros((len(fits), height, width))
    for pattern, fit in zip(patterns, fits, strict=True):
        if fit is None:
            continue
        across = math.radians(fit.orientation) - math.pi / 2  # counter-clockwise, rows go down
        right, up = columns - fit.column, fit.row - rows
        u = right * math.cos(across) + up * math.sin(across)
        v = up * math.cos(across) - right * math.sin(across)
        envelope = np.exp(-0.5 * np.square(u / fit.width) - 0.5 * np.square(v / fit.length))
        carrier = np.cos(2 * math.pi * fit.frequency * u + math.radians(fit.phase))
        pattern[:] = fit.offset + fit.amplitude * envelope * carrier
    return patterns


def tuning(frequency: float, width: float, phase: float) -> tuple[float, float | None]:
    """Measure the spectrum of a Gabor function across its bars, without its offset.

    The amplitude at f is |e^iφ E(f - f₀) + e^-iφ E(f + f₀)| with E(x) = exp(-2π² σ² x²). Where
    f₀ σ is large the peak is at f₀, and the flanks have fallen to half at √(ln 2 / 2) / (π σ)
    from it; with a bar or two the two parts meet, and the phase decides where the peak is.

    Args:
        frequency: f₀, in cycles a pixel.
        width: σ, deviation of the envelope across the bars, in pixels.
        phase: φ, in degrees.

    Returns:
        Frequency of the peak, in cycles a pixel, and bandwidth at half amplitude, in octaves;
        `None` if the lower flank has not fallen to half at frequency 0.
    """
    reach = math.sqrt(math.log(100) / 2) / (math.pi * width)  # where a flank has a hundredth left
    steps = np.linspace(0.0, frequency + reach, _STEPS_OF_SPECTRUM)
    near, far = (
        np.exp(-2 * np.square(math.pi * width * (steps + shift)))
        for shift in (-frequency, frequency)
    )
    twice = 2 * near * far * math.cos(2 * math.radians(phase))
    amplitude = np.sqrt(np.maximum(near * near + far * far + twice, 0.0))
    peak = int(amplitude.argmax())
    half = amplitude[peak] / 2
    preferred = float(steps[peak])
    below = np.flatnonzero(amplitude[:peak] <= half)
    above = np.flatnonzero(amplitude[peak:] <= half)
    if not len(below) or not len(above) or steps[below[-1]] == 0:
        return preferred, None
    return preferred, float(np.log2(steps[peak + above[0]] / steps[below[-1]]))


def share_of_gabors(fits: Sequence[GaborFit | None]) -> float:
    """Give the share of patterns with R² of at least 0.7; those that do not vary have none."""
    good = sum(fit is not None and fit.r2 >= GOOD for fit in fits)
    return good / len(fits) if fits else 0.0
