import math

import numpy as np
import pytest
import torch
from scipy import fft
from torch import Tensor

from featlearn.errors import ShapeError
from featlearn.ops.mel import cosine_transform, log_mel, mel_filterbank, mel_of

RATE, WINDOW, HOP = 8000, 64, 24


def bank(bands: int = 6) -> Tensor:
    return mel_filterbank(bands=bands, window=WINDOW, rate=RATE, low=100.0, high=3800.0)


def waves(count: int = 3, samples: int = 200) -> Tensor:
    return torch.randn(count, samples, generator=torch.Generator().manual_seed(0))


def looped(x: np.ndarray, weights: np.ndarray, depth: float) -> np.ndarray:
    """Follow the formula: window, sum of cosines and sines, squares, bands, decibels."""
    frames = (x.shape[1] - WINDOW) // HOP + 1
    hann = [0.5 - 0.5 * math.cos(2 * math.pi * n / WINDOW) for n in range(WINDOW)]
    found = np.zeros((len(x), len(weights), frames))
    for row, wave in enumerate(x):
        for frame in range(frames):
            part = wave[frame * HOP : frame * HOP + WINDOW] * hann
            powers = [
                abs(sum(v * np.exp(-2j * np.pi * k * n / WINDOW) for n, v in enumerate(part))) ** 2
                for k in range(WINDOW // 2 + 1)
            ]
            found[row, :, frame] = weights @ powers
    relative = found / found.max((1, 2), keepdims=True)
    return np.maximum(1 + 10 * np.log10(np.maximum(relative, 1e-20)) / depth, 0)


def test_mel_is_a_thousand_at_a_thousand_hertz() -> None:
    assert mel_of(1000.0) == pytest.approx(1000.0, abs=0.1)
    assert mel_of(0.0) == 0.0


def test_bands_are_triangles_even_on_the_mel_scale() -> None:
    corners = [
        700 * (10 ** (mel / 2595) - 1) for mel in np.linspace(mel_of(100.0), mel_of(3800.0), 8)
    ]
    expected = np.zeros((6, WINDOW // 2 + 1))
    for band in range(6):
        left, centre, right = corners[band : band + 3]
        for k in range(WINDOW // 2 + 1):
            f = k * RATE / WINDOW
            if left < f <= centre:
                expected[band, k] = (f - left) / (centre - left)
            elif centre < f < right:
                expected[band, k] = (right - f) / (right - centre)
    np.testing.assert_allclose(bank().numpy(), expected, atol=1e-6)


def test_a_band_without_a_frequency_is_named() -> None:
    with pytest.raises(ShapeError, match=r"40 mel bands .* lies in band 1; take fewer"):
        bank(40)


@pytest.mark.parametrize("depth", [20.0, 80.0])
def test_equals_a_loop_over_frames_and_frequencies(depth: float) -> None:
    x = waves()
    found = log_mel(x, bank(), window=WINDOW, hop=HOP, depth=depth)
    np.testing.assert_allclose(
        found.numpy(), looped(x.double().numpy(), bank().double().numpy(), depth), atol=2e-5
    )


def test_gain_changes_nothing_and_silence_is_zero() -> None:
    x = waves(2)
    found = log_mel(x, bank(), window=WINDOW, hop=HOP)
    louder = log_mel(1000 * x, bank(), window=WINDOW, hop=HOP)
    torch.testing.assert_close(found, louder, atol=1e-4, rtol=0)
    assert float(found.max()) == 1.0
    assert not log_mel(torch.zeros(2, 100), bank(), window=WINDOW, hop=HOP).any()


def test_a_recording_of_one_window_has_one_frame() -> None:
    assert log_mel(waves(1, WINDOW), bank(), window=WINDOW, hop=HOP).shape == (1, 6, 1)


def test_gradients_are_right_also_beside_silence() -> None:
    x = waves(2, 90).double()
    x[1] = 0
    x.requires_grad_()
    weights = bank().double()
    assert torch.autograd.gradcheck(
        lambda given: log_mel(given, weights, window=WINDOW, hop=HOP)[:1], (x,)
    )
    log_mel(x, weights, window=WINDOW, hop=HOP).sum().backward()
    assert x.grad is not None
    assert x.grad.isfinite().all()


@pytest.mark.parametrize("shape", [(2, WINDOW - 1), (WINDOW,)])
def test_too_short_a_recording_names_the_shape(shape: tuple[int, ...]) -> None:
    with pytest.raises(ShapeError, match=r"samples >= 64\); got"):
        log_mel(torch.ones(shape), bank(), window=WINDOW, hop=HOP)


def test_bands_for_another_window_are_refused() -> None:
    with pytest.raises(ShapeError, match="33 frequencies, but spectra of 32 samples have 17"):
        log_mel(waves(), bank(), window=32, hop=HOP)


@pytest.mark.parametrize("count", [1, 4, 6])
def test_coefficients_are_those_of_scipy(count: int) -> None:
    x = torch.randn(2, 6, 3, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    expected = np.asarray(fft.dct(x.numpy(), type=2, axis=1, norm="ortho"))[:, :count]
    np.testing.assert_allclose(cosine_transform(x, count=count).numpy(), expected, atol=1e-12)


def test_more_coefficients_than_bands_are_refused() -> None:
    with pytest.raises(ShapeError, match="6 bands have 1 to 6 coefficients; got 7"):
        cosine_transform(torch.ones(1, 6, 2), count=7)
