"""Tuning: gratings whose orientation and frequency are known, and patterns that have none."""

import math

import pytest
import torch
from torch import Tensor

from featlearn.errors import ShapeError
from featlearn.evaluate.tuning import tuning


def gabor(*, degrees: float, frequency: float, phase: float = 0.0, size: int = 25) -> Tensor:
    """Draw bars under a Gaussian, straight from their definition."""
    image = torch.zeros(1, 1, size, size, dtype=torch.float64)
    angle = math.radians(degrees)
    for row in range(size):
        for column in range(size):
            x, y = column - size // 2, size // 2 - row  # y upwards
            across = -x * math.sin(angle) + y * math.cos(angle)
            hill = math.exp(-(x * x + y * y) / (2 * (size / 6) ** 2))
            image[0, 0, row, column] = hill * math.cos(2 * math.pi * frequency * across + phase)
    return image


def apart(one: float, other: float) -> float:
    """Give the angle between two orientations, in degrees."""
    return abs((one - other + 90) % 180 - 90)


@pytest.mark.parametrize("degrees", [0.0, 20.0, 45.0, 90.0, 117.0, 178.0])
@pytest.mark.parametrize("frequency", [0.12, 0.2, 0.31])
@pytest.mark.parametrize("phase", [0.0, 1.5])
def test_a_gabor_has_the_orientation_and_frequency_it_was_drawn_with(
    degrees: float, frequency: float, phase: float
) -> None:
    found = tuning(gabor(degrees=degrees, frequency=frequency, phase=phase))
    assert apart(float(found.orientation[0]), degrees) < 2.0
    assert float(found.frequency[0]) == pytest.approx(frequency, abs=0.01)
    assert float(found.strength[0]) > 0.8


def test_horizontal_bars_are_at_zero_and_vertical_ones_at_ninety() -> None:
    rows = torch.tensor([1.0, -1.0]).repeat(8)[:, None].expand(16, 16)
    found = tuning(torch.stack([rows, rows.T])[:, None])
    assert apart(float(found.orientation[0]), 0) < 1e-6
    assert apart(float(found.orientation[1]), 90) < 1e-6
    torch.testing.assert_close(found.frequency, torch.tensor([0.5, 0.5]).double())


def test_scale_sign_and_mean_do_not_matter() -> None:
    bars = gabor(degrees=30, frequency=0.2)
    for changed in (-bars, 1e-6 * bars, bars + 0.5):
        for one, other in zip(tuning(changed), tuning(bars), strict=True):
            torch.testing.assert_close(one, other, rtol=1e-6, atol=1e-6)


def test_colour_counts_as_brightness_does() -> None:
    bars = gabor(degrees=60, frequency=0.2)
    opponent = torch.cat([bars, -bars, torch.zeros_like(bars)], 1)  # its mean over channels is 0
    assert apart(float(tuning(opponent).orientation[0]), 60) < 2.0


def test_a_round_spot_has_no_orientation() -> None:
    place = torch.arange(21.0) - 10
    spot = (-(place[:, None] ** 2 + place**2) / 18).exp()[None, None]
    assert float(tuning(spot).strength[0]) < 1e-6


@pytest.mark.parametrize("value", [0.0, 3.7])
@pytest.mark.parametrize("shape", [(1, 1, 1, 1), (1, 3, 6, 4)])
def test_a_flat_pattern_has_nothing(value: float, shape: tuple[int, ...]) -> None:
    found = tuning(torch.full(shape, value))
    assert found.orientation.isnan().all()
    assert found.frequency.isnan().all()
    assert found.strength.tolist() == [0.0]


def test_no_patterns_give_no_figures() -> None:
    assert [figure.shape for figure in tuning(torch.zeros(0, 1, 5, 5))] == [(0,)] * 3


def test_other_shapes_are_refused() -> None:
    with pytest.raises(ShapeError, match=r"\(n, channels, height, width\); got \(5, 5\)"):
        tuning(torch.zeros(5, 5))
