import math

import numpy as np
import pytest
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
from featlearn.datasets.augment import build_augment
from featlearn.errors import RecipeError, ShapeError

LOOKS: tuple[AugmentSpec, ...] = (
    ColourSpec(),
    ContrastChangeSpec(),
    BlurSpec(),
    CutOutSpec(size=1),
)
EVERY: tuple[AugmentSpec, ...] = (
    ShiftSpec(),
    RotateSpec(),
    ScaleSpec(),
    FlipSpec(),
    ElasticSpec(),
    CropSpec(),
    *LOOKS,
)


def rng(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


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


@pytest.mark.parametrize("spec", EVERY)
def test_half_precision_of_the_products_around_changes_nothing(spec: AugmentSpec) -> None:
    x = torch.rand(4, 3, 64, 64, generator=rng())
    augment = build_augment([spec])
    exact = augment(x, rng(1))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert torch.equal(augment(x, rng(1)), exact)


def test_zero_amounts_are_the_identity_exactly() -> None:
    x = torch.rand(5, 2, 8, 8, generator=rng())
    still: list[AugmentSpec] = [
        ShiftSpec(pixels=0),
        RotateSpec(degrees=0),
        ScaleSpec(amount=0),
        FlipSpec(rate=0),
        ElasticSpec(alpha=0),
        ColourSpec(brightness=0, saturation=0, hue=0),
        ContrastChangeSpec(amount=0),
        BlurSpec(sigma=0),
        MixupSpec(),  # for fine-tuning to apply, which has the labels
    ]
    assert build_augment(still)(x, rng()) is x
    assert build_augment([])(x, rng()) is x


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


@pytest.mark.parametrize("maps", [1, 3, 4])
def test_looks_leave_images_in_0_and_1_there(maps: int) -> None:
    x = torch.rand(300, maps, 6, 6, generator=rng())
    strong = [
        ColourSpec(brightness=0.9, saturation=0.9, hue=180),
        ContrastChangeSpec(amount=0.9),
        BlurSpec(sigma=3),
        CutOutSpec(size=4),
    ]
    y = build_augment(strong)(x, rng())
    assert 0 <= y.min() <= y.max() <= 1


@pytest.mark.parametrize("spec", EVERY)
def test_what_an_image_becomes_does_not_depend_on_the_others(spec: AugmentSpec) -> None:
    x, others = torch.rand(2, 6, 3, 12, 12, generator=rng())
    others[2] = x[2]
    augment = build_augment([spec])
    assert torch.equal(augment(x, rng(1))[2], augment(others, rng(1))[2])


@pytest.mark.parametrize("spec", LOOKS)
def test_one_look_does_not_move_the_draws_of_another(spec: AugmentSpec) -> None:
    """Where the others change nothing that can be seen, an image becomes what it does alone."""
    x = torch.rand(5, 1, 9, 9, generator=rng(), dtype=torch.float64)
    others = [
        ColourSpec(brightness=1e-9, saturation=1e-9, hue=1e-9),
        ContrastChangeSpec(amount=1e-9),
        BlurSpec(sigma=1e-9),
    ]
    beside = [other for other in others if type(other) is not type(spec)]
    together = build_augment([spec, *beside])(x, rng(1))
    torch.testing.assert_close(together, build_augment([spec])(x, rng(1)), rtol=0, atol=1e-8)


def test_looks_do_not_move_the_draws_of_places() -> None:
    x = torch.rand(5, 1, 9, 9, generator=rng())
    unseen = BlurSpec(sigma=1e-9)
    moved = build_augment([ShiftSpec(), FlipSpec()])(x, rng(1))
    torch.testing.assert_close(build_augment([unseen, ShiftSpec(), FlipSpec()])(x, rng(1)), moved)


def test_factors_of_brightness_stay_within_their_amounts() -> None:
    x = torch.full((2000, 1, 1, 1), 0.5)
    y = build_augment([ColourSpec(brightness=0.3)])(x, rng()).flatten() / 0.5
    assert 0.7 <= y.min() < 0.71
    assert 1.29 < y.max() <= 1.3
    assert y.mean() == pytest.approx(1, abs=0.02)


def test_factors_of_contrast_and_saturation_stay_within_their_amounts() -> None:
    grey = torch.tensor([0.4, 0.6]).view(1, 1, 1, 2).repeat(2000, 1, 1, 1)
    spread = build_augment([ContrastChangeSpec(amount=0.5)])(grey, rng())
    factor = (spread[..., 1] - spread[..., 0]).flatten() / 0.2
    assert 0.499 < factor.min() < 0.51
    assert 1.49 < factor.max() < 1.501
    red = torch.tensor([0.6, 0.4, 0.4]).view(1, 3, 1, 1).repeat(2000, 1, 1, 1)
    colour = ColourSpec(brightness=0, saturation=0.5, hue=0)
    vivid = build_augment([colour])(red, rng()).flatten(1)
    factor = (vivid[:, 0] - vivid[:, 1]) / 0.2
    assert 0.499 < factor.min() < 0.51
    assert 1.49 < factor.max() < 1.501


def test_hue_turns_both_ways_up_to_its_amount() -> None:
    red = torch.tensor([1.0, 0.0, 0.0]).view(1, 3, 1, 1).repeat(2000, 1, 1, 1)
    colour = ColourSpec(brightness=0, saturation=0, hue=30)
    y = build_augment([colour])(red, rng()).flatten(1)
    # Within a sixth of the circle green (or blue) is how far it turned, in sixths.
    turned = (y[:, 1] - y[:, 2]) * 60
    assert -30.01 < turned.min() < -29.8
    assert 29.8 < turned.max() < 30.01


def test_a_blur_draws_its_width_up_to_sigma() -> None:
    """A spot becomes a Gaussian, whose variance is its width squared."""
    x = torch.zeros(500, 1, 41, 41, dtype=torch.float64)
    x[:, :, 20, 20] = 1
    y = build_augment([BlurSpec(sigma=2)])(x, rng())[:, 0].sum(1)
    width = (y @ (torch.arange(41, dtype=torch.float64) - 20).square()).sqrt()
    assert width.min() < 0.2
    assert 1.97 < width.max() <= 2
    torch.testing.assert_close(y.sum(1), torch.ones(500, dtype=torch.float64))


def test_a_cut_out_is_centred_on_every_pixel() -> None:
    x = torch.eye(4).repeat(800, 1, 1, 1)
    y = build_augment([CutOutSpec(size=1)])(x, rng())[:, 0]
    hits = (y == 0.25).sum(0)
    assert int(hits.sum()) == 800
    # 50 on average; five standard deviations are 34.
    assert 15 < int(hits.min()) <= int(hits.max()) < 85


def test_a_kind_named_twice_is_refused() -> None:
    with pytest.raises(RecipeError, match="names the kind 'shift' twice"):
        build_augment([ShiftSpec(), FlipSpec(), ShiftSpec(pixels=1)])


@pytest.mark.parametrize("x", [torch.zeros(3, 4, 4), torch.zeros(2, 1, 4, 4, dtype=torch.uint8)])
def test_what_is_no_batch_of_floats_is_refused(x: Tensor) -> None:
    with pytest.raises(ShapeError, match="floating-point"):
        build_augment(EVERY)(x, rng())
