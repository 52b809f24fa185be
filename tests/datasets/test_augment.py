import math
from collections.abc import Sequence

import numpy as np
import pytest
import torch
from scipy import ndimage
from torch import Tensor

from featlearn.config.data import (
    AugmentSpec,
    CropSpec,
    ElasticSpec,
    FlipSpec,
    RotateSpec,
    ScaleSpec,
    ShiftSpec,
)
from featlearn.datasets.augment import build_augment, elastic_field, warp
from featlearn.errors import RecipeError, ShapeError

EVERY: tuple[AugmentSpec, ...] = (
    ShiftSpec(),
    RotateSpec(),
    ScaleSpec(),
    FlipSpec(),
    ElasticSpec(),
    CropSpec(),
)


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


@pytest.mark.parametrize("spec", EVERY)
@pytest.mark.parametrize("shape", [(4, 1, 9, 12), (3, 2, 1, 1), (0, 1, 5, 5), (2, 3, 7, 1)])
def test_shape_and_dtype_are_kept_and_values_finite(
    spec: AugmentSpec, shape: tuple[int, ...]
) -> None:
    x = torch.rand(shape, generator=rng(), dtype=torch.float64)
    y = build_augment([spec])(x, rng(1))
    assert y.shape == x.shape
    assert y.dtype == x.dtype
    assert torch.isfinite(y).all()


@pytest.mark.parametrize("spec", EVERY)
def test_something_changes_and_the_input_does_not(spec: AugmentSpec) -> None:
    x = torch.rand(8, 1, 12, 12, generator=rng())
    before = x.clone()
    y = build_augment([spec])(x, rng(1))
    assert (y - x).abs().amax() > 0.01
    assert torch.equal(x, before)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float64])
def test_every_change_at_once_depends_on_the_generator_alone(dtype: torch.dtype) -> None:
    x = torch.rand(8, 1, 12, 12, generator=rng()).to(dtype)
    augment = build_augment(EVERY)
    first = augment(x, rng(5))
    assert first.dtype == dtype
    assert torch.equal(first, augment(x, rng(5)))
    assert not torch.equal(first, augment(x, rng(6)))
    assert torch.equal(first, build_augment(EVERY[::-1])(x, rng(5)))


def test_half_precision_differs_by_its_rounding_only() -> None:
    x = torch.rand(4, 1, 64, 64, generator=rng()).to(torch.bfloat16)
    augment = build_augment(EVERY)
    exact = augment(x.float(), rng(1))
    torch.testing.assert_close(augment(x, rng(1)).float(), exact, rtol=0.01, atol=0)


def test_zero_amounts_are_the_identity_exactly() -> None:
    x = torch.rand(5, 2, 8, 8, generator=rng())
    still: list[AugmentSpec] = [
        ShiftSpec(pixels=0),
        RotateSpec(degrees=0),
        ScaleSpec(amount=0),
        FlipSpec(rate=0),
        ElasticSpec(alpha=0),
    ]
    assert build_augment(still)(x, rng()) is x
    assert build_augment([])(x, rng()) is x


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


@pytest.mark.parametrize("ground", [0.0, 1.0, -3.5])
@pytest.mark.parametrize("spec", [ShiftSpec(pixels=5), CropSpec(pixels=5), ScaleSpec(amount=0.5)])
def test_the_ground_comes_in_from_outside(spec: AugmentSpec, ground: float) -> None:
    x = torch.full((20, 2, 8, 8), ground)
    x[:, 1] += 1
    torch.testing.assert_close(build_augment([spec])(x, rng()), x)


def test_each_image_has_a_draw_of_its_own_and_its_maps_move_together() -> None:
    image = torch.rand(1, 1, 10, 10, generator=rng())
    x = image.repeat(6, 2, 1, 1)
    y = build_augment(EVERY)(x, rng(1))
    assert torch.equal(y[:, 0], y[:, 1])
    for one in range(6):
        for other in range(one):
            assert not torch.equal(y[one], y[other])


def test_draws_stay_within_their_amounts() -> None:
    """A spot's centre of mass tells how far a shift went."""
    x = torch.zeros(300, 1, 21, 21, dtype=torch.float64)
    x[:, :, 10, 10] = 1
    y = build_augment([ShiftSpec(pixels=3)])(x, rng())[:, 0]
    places = torch.arange(21, dtype=torch.float64) - 10
    down, right = (y.sum(2) @ places).numpy(), (y.sum(1) @ places).numpy()
    for moved in (down, right):
        assert np.abs(moved).max() <= 3
        # Uniform: standard deviation 3 / sqrt(3); ten per cent is five standard errors.
        assert moved.std() == pytest.approx(math.sqrt(3), rel=0.1)
        assert abs(moved.mean()) < 0.5
    assert abs(np.corrcoef(down, right)[0, 1]) < 0.3


def test_a_flip_mirrors_left_and_right_at_its_rate() -> None:
    image = torch.rand(1, 2, 4, 5, generator=rng())
    y = build_augment([FlipSpec(rate=0.25)])(image.repeat(400, 1, 1, 1), rng())
    mirrored = torch.tensor([torch.equal(one, image[0].flip(2)) for one in y])
    kept = torch.tensor([torch.equal(one, image[0]) for one in y])
    assert bool((mirrored ^ kept).all())
    # 100 of 400; five standard deviations are 43.
    assert 57 < int(mirrored.sum()) < 143


def test_a_crop_is_a_window_of_the_padded_image_at_every_place() -> None:
    image = 1 + torch.arange(12, dtype=torch.float32).view(1, 1, 3, 4)
    image[:, :, [0, -1]] = 0
    image[..., [0, -1]] = 0
    y = build_augment([CropSpec(pixels=1)])(image.repeat(200, 1, 1, 1), rng())
    padded = torch.nn.functional.pad(image, [1] * 4)
    windows = [padded[0, :, t : t + 3, s : s + 4] for t in range(3) for s in range(3)]
    found = [[torch.equal(one, window) for window in windows].index(True) for one in y]
    assert len(set(found)) == 9


def test_a_crop_beside_a_warp_moves_by_whole_pixels() -> None:
    x = torch.zeros(100, 1, 15, 15, dtype=torch.float64)
    x[:, :, 7, 7] = 1
    still = RotateSpec(degrees=1e-9)
    y = build_augment([CropSpec(pixels=2), still])(x, rng())
    moved = y[:, 0].flatten(1).argmax(1)
    torch.testing.assert_close(y.flatten(1).amax(1), x.new_ones(100))
    assert len(set(moved.tolist())) == 25
    assert {place % 15 for place in moved.tolist()} == {5, 6, 7, 8, 9}


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


def test_a_kind_named_twice_is_refused() -> None:
    with pytest.raises(RecipeError, match="names the kind 'shift' twice"):
        build_augment([ShiftSpec(), FlipSpec(), ShiftSpec(pixels=1)])


@pytest.mark.parametrize("x", [torch.zeros(3, 4, 4), torch.zeros(2, 1, 4, 4, dtype=torch.uint8)])
def test_what_is_no_batch_of_floats_is_refused(x: Tensor) -> None:
    with pytest.raises(ShapeError, match="floating-point"):
        build_augment(EVERY)(x, rng())
