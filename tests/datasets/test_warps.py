import math
from collections.abc import Sequence

import numpy as np
import pytest
import torch
from scipy import ndimage
from torch import Tensor

from featlearn.datasets.warps import elastic_field, warp


def rng(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def blob(height: int = 13, width: int = 17) -> Tensor:
    """Draw one smooth, lopsided spot that stays away from the border."""
    y, x = torch.meshgrid(
        torch.arange(height, dtype=torch.float64),
        torch.arange(width, dtype=torch.float64),
        indexing="ij",
    )
    image = torch.exp(-((y - 5) ** 2) / 4 - ((x - 10) ** 2) / 6)
    image = image + 0.5 * torch.exp(-((y - 8) ** 2) / 3 - ((x - 7) ** 2) / 2)
    edge = torch.zeros_like(image)
    edge[2:-2, 2:-2] = 1
    return (image * edge)[None, None]


def warped(
    x: Tensor,
    *,
    shift: Sequence[float] = (0, 0),
    radians: float = 0,
    factor: float = 1,
    field: Tensor | None = None,
) -> Tensor:
    return warp(
        x,
        shift=x.new_tensor([list(shift)] * len(x)),
        radians=x.new_full((len(x),), radians),
        factor=x.new_full((len(x),), factor),
        field=field,
    )


@pytest.mark.parametrize("size", [(1, 1), (2, 3), (28, 28), (13, 64)])
def test_a_warp_by_nothing_changes_nothing(size: tuple[int, int]) -> None:
    x = torch.rand(3, 2, *size, generator=rng())
    torch.testing.assert_close(warped(x), x, rtol=0, atol=2e-5)


@pytest.mark.parametrize("shift", [(0.0, 1.0), (2.0, 0.0), (-1.5, 0.25), (0.5, -2.75)])
def test_a_shift_is_that_of_scipy(shift: tuple[float, float]) -> None:
    x = blob()
    expected = ndimage.shift(x[0, 0].numpy(), shift, order=1)
    np.testing.assert_allclose(warped(x, shift=shift)[0, 0], expected, atol=1e-12)


@pytest.mark.parametrize("degrees", [90, 10, -25, 180])
def test_a_turn_is_that_of_scipy(degrees: float) -> None:
    x = blob()
    expected = ndimage.rotate(x[0, 0].numpy(), degrees, reshape=False, order=1)
    y = warped(x, radians=math.radians(degrees))[0, 0]
    np.testing.assert_allclose(y, expected, atol=1e-6)


def test_a_quarter_turn_is_counter_clockwise() -> None:
    x = torch.arange(25, dtype=torch.float64).view(1, 1, 5, 5)
    torch.testing.assert_close(warped(x, radians=math.pi / 2), torch.rot90(x, 1, (2, 3)))


@pytest.mark.parametrize("factor", [0.8, 1.3])
def test_growth_is_about_the_centre(factor: float) -> None:
    x = blob()
    centre = (np.array(x.shape[2:]) - 1) / 2
    transform = np.eye(3) / factor
    transform[:2, 2] = centre - centre / factor
    transform[2, 2] = 1
    expected = ndimage.affine_transform(x[0, 0].numpy(), transform, order=1)
    np.testing.assert_allclose(warped(x, factor=factor)[0, 0], expected, atol=1e-12)
    assert (warped(x, factor=factor).sum() > x.sum()) == (factor > 1)


def test_parts_are_composed_as_documented() -> None:
    """Grow and turn about the centre, then move; the field displaces what is read."""
    x = blob()
    angle, factor, shift = 0.3, 1.15, np.array([1.25, -0.75])
    field = torch.randn(1, 2, *x.shape[2:], generator=rng(), dtype=torch.float64)
    height, width = x.shape[2:]
    centre = np.array([(height - 1) / 2, (width - 1) / 2])
    # Content at p goes to c + s R (p - c) + t: a turn by +angle on the screen takes the
    # axis that points right, (0, 1), to (-sin, cos).
    forward = factor * np.array(
        [[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]]
    )
    places = np.indices((height, width)).reshape(2, -1)
    source = np.linalg.solve(forward, places - centre[:, None] - shift[:, None]) + centre[:, None]
    source += field[0].reshape(2, -1).numpy()
    expected = ndimage.map_coordinates(x[0, 0].numpy(), source, order=1).reshape(height, width)
    y = warped(x, shift=shift.tolist(), radians=angle, factor=factor, field=field)[0, 0]
    np.testing.assert_allclose(y, expected, atol=1e-9)


@pytest.mark.parametrize(("alpha", "sigma"), [(1.0, 4.0), (3.0, 1.5), (0.5, 0.4), (2.0, 20.0)])
def test_an_elastic_field_has_its_strength_everywhere(alpha: float, sigma: float) -> None:
    field = elastic_field(4000, size=(7, 12), alpha=alpha, sigma=sigma, generator=rng())
    strength = field.square().sum(1).mean(0).sqrt()
    # About 4000 independent draws of chi-squared with 2 degrees: 0.8 % standard error.
    torch.testing.assert_close(strength, torch.full((7, 12), alpha), rtol=0.05, atol=0)
    assert field.mean(0).abs().max() < 0.1 * alpha
    both = torch.corrcoef(field[:, :, 3, 5].T)[0, 1]
    assert abs(both) < 0.08


@pytest.mark.parametrize("sigma", [1.0, 1.5, 4.0])
def test_an_elastic_field_is_as_smooth_as_white_noise_smoothed(sigma: float) -> None:
    """Smoothed white noise has the correlation exp(-d² / 4σ²) at the distance d."""
    field = elastic_field(8000, size=(1, 9), alpha=1.0, sigma=sigma, generator=rng())
    matrix = torch.corrcoef(field[:, 0, 0].T)
    distance = torch.arange(9) - torch.arange(9)[:, None]
    expected = torch.exp(-(distance**2) / (4 * sigma**2))
    torch.testing.assert_close(matrix, expected, rtol=0, atol=0.06)
