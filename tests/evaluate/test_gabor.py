"""Gabor functions: known ones are found again, and what is none is told apart."""

import math

import numpy as np
import pytest
from numpy.typing import NDArray

from featlearn.errors import ShapeError
from featlearn.evaluate.gabor import (
    GaborFit,
    gabor_patterns,
    share_of_gabors,
    tuning,
)
from featlearn.evaluate.gabor_fits import _Search, fit_gabors

Floats = NDArray[np.floating]


def plain(p: dict[str, float], height: int, width: int) -> Floats:
    """Write Daugman's function pixel by pixel, rows counted downwards, angles upwards."""
    found = np.empty((height, width))
    across = math.radians(p["orientation"] - 90)
    for row in range(height):
        for column in range(width):
            right, up = column - p["column"], p["row"] - row
            u = right * math.cos(across) + up * math.sin(across)
            v = -right * math.sin(across) + up * math.cos(across)
            envelope = math.exp(-(u**2) / (2 * p["width"] ** 2) - v**2 / (2 * p["length"] ** 2))
            wave = math.cos(2 * math.pi * p["frequency"] * u + math.radians(p["phase"]))
            found[row, column] = p["offset"] + p["amplitude"] * envelope * wave
    return found


def drawn(count: int, seed: int) -> list[dict[str, float]]:
    draw = np.random.default_rng(seed)
    low_high = {
        "row": (3, 9), "column": (3, 8), "width": (1, 2), "length": (1.2, 3),
        "orientation": (0, 180), "frequency": (0.1, 0.3), "phase": (-180, 180),
        "amplitude": (0.5, 3), "offset": (-1, 1),
    }  # fmt: skip
    return [{key: draw.uniform(*ends) for key, ends in low_high.items()} for _ in range(count)]


def apart(a: float, b: float, period: float) -> float:
    return abs((a - b + period / 2) % period - period / 2)


def test_known_functions_are_found_again() -> None:
    true = drawn(40, 0)
    patterns = np.stack([plain(p, 13, 12) for p in true])
    fits = fit_gabors(patterns)
    for p, fit in zip(true, fits, strict=True):
        assert fit is not None
        assert fit.r2 == pytest.approx(1)
        assert apart(fit.orientation, p["orientation"], 180) < 1e-4
        assert apart(fit.phase, p["phase"], 360) < 1e-3
        for name in ("row", "column", "width", "length", "frequency", "amplitude", "offset"):
            assert getattr(fit, name) == pytest.approx(p[name], rel=1e-5, abs=1e-5)
    np.testing.assert_allclose(gabor_patterns(fits, 13, 12), patterns, atol=1e-6)


def test_they_are_found_under_noise() -> None:
    true, draw = drawn(60, 1), np.random.default_rng(2)
    patterns = np.stack([plain(p, 12, 12) for p in true])
    noise = 0.4 * patterns.std((1, 2), keepdims=True) * draw.normal(size=patterns.shape)
    fits = [fit for fit in fit_gabors(patterns + noise) if fit is not None]
    turned = [
        apart(fit.orientation, p["orientation"], 180) for fit, p in zip(fits, true, strict=True)
    ]
    off = [abs(fit.frequency - p["frequency"]) for fit, p in zip(fits, true, strict=True)]
    assert np.median(turned) < 2
    assert np.quantile(turned, 0.9) < 6
    assert np.median(off) < 0.01
    # What remains is noise: 1 / 1.16 of the variance is explained, and a little of the noise.
    assert np.median([fit.r2 for fit in fits]) == pytest.approx(1 / 1.16, abs=0.04)


def test_noise_is_no_gabor_function() -> None:
    fits = fit_gabors(np.random.default_rng(3).normal(size=(20, 12, 12)))
    assert max(fit.r2 for fit in fits if fit is not None) < 0.4
    assert share_of_gabors(fits) == 0


def test_the_scale_and_the_mean_do_not_matter() -> None:
    patterns = np.random.default_rng(4).normal(size=(3, 9, 9)) + np.stack(
        [3 * plain(p, 9, 9) for p in drawn(3, 5)]
    )
    for fit, other in zip(fit_gabors(patterns), fit_gabors(1e-8 * patterns - 3e-8), strict=True):
        assert fit is not None
        assert other is not None
        assert other.r2 == pytest.approx(fit.r2, abs=1e-6)
        assert other.amplitude == pytest.approx(1e-8 * fit.amplitude, rel=1e-3)
        assert other.offset == pytest.approx(1e-8 * fit.offset - 3e-8, rel=1e-3)
        assert apart(other.orientation, fit.orientation, 180) < 0.1
        assert other.frequency == pytest.approx(fit.frequency, rel=1e-3)


def test_fits_are_the_same_each_time() -> None:
    patterns = np.random.default_rng(6).normal(size=(4, 8, 8))
    assert fit_gabors(patterns) == fit_gabors(patterns)


def test_a_constant_pattern_has_no_fit() -> None:
    one = np.random.default_rng(7).normal(size=(6, 6))
    flat = np.full((6, 6), 0.3)
    flat[2, 3] += 1e-9  # what rounding leaves
    fits = fit_gabors(np.stack([flat, one, np.zeros((6, 6))]))
    assert [fit is None for fit in fits] == [True, False, True]
    assert not gabor_patterns(fits, 6, 6)[0].any()
    assert fit_gabors(np.zeros((0, 6, 6))) == []
    assert share_of_gabors([]) == 0


def test_slopes_equal_finite_differences() -> None:
    search, draw = _Search(7, 6), np.random.default_rng(8)
    values = draw.normal(size=42)
    p = np.array([2.2, 3.1, 0.3, 0.6, 0.7, 0.2, 0.8, -0.5, 0.1])
    slopes = search._slopes(p, values)
    for place in range(9):
        step = np.zeros(9)
        step[place] = 1e-6
        numeric = (search._residuals(p + step, values) - search._residuals(p - step, values)) / 2e-6
        np.testing.assert_allclose(slopes[:, place], numeric, atol=1e-8)


def test_tuning_of_many_bars_is_that_of_the_wave() -> None:
    frequency, width = 0.2, 4.0
    preferred, octaves = tuning(frequency, width, 30)
    assert preferred == pytest.approx(frequency, abs=1e-3)
    half = math.sqrt(math.log(2) / 2) / (math.pi * width)
    assert octaves == pytest.approx(math.log2((frequency + half) / (frequency - half)), abs=0.01)


@pytest.mark.parametrize("phase", [0.0, 40.0, 90.0])
def test_tuning_is_that_of_the_sampled_function(phase: float) -> None:
    frequency, width = 0.08, 1.5
    x = np.arange(-400, 400) / 10
    function = np.exp(-0.5 * (x / width) ** 2) * np.cos(
        2 * np.pi * frequency * x + math.radians(phase)
    )
    spectrum = np.abs(np.fft.rfft(function, 1 << 16))
    grid = np.fft.rfftfreq(1 << 16, 0.1)
    peak = int(spectrum.argmax())
    preferred, octaves = tuning(frequency, width, phase)
    assert preferred == pytest.approx(grid[peak], abs=2e-3)
    lower = np.flatnonzero(spectrum[:peak] <= spectrum[peak] / 2)
    if not len(lower):
        assert octaves is None
        return
    upper = peak + np.flatnonzero(spectrum[peak:] <= spectrum[peak] / 2)[0]
    assert octaves == pytest.approx(math.log2(grid[upper] / grid[lower[-1]]), abs=0.02)


def test_a_blob_prefers_no_frequency() -> None:
    assert tuning(0.01, 2.0, 0.0) == (0.0, None)


@pytest.mark.parametrize("shape", [(3, 4, 9), (3, 9, 4), (9, 9)])
def test_too_few_pixels_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ShapeError, match=r"height >= 5, width >= 5\); got"):
        fit_gabors(np.zeros(shape))


def test_a_function_is_written_in_one_way() -> None:
    for fit in fit_gabors(np.stack([plain(p, 12, 12) for p in drawn(20, 9)])):
        assert isinstance(fit, GaborFit)
        assert 0 <= fit.orientation < 180
        assert -180 < fit.phase <= 180
        assert fit.amplitude >= 0
