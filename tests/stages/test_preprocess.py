"""Preparation of images: its purpose, its storage, and what it refuses."""

import copy

import pytest
import torch

from featlearn.config.data import ContrastSpec, PCASpec, PreprocessSpec, StandardizeSpec, ZCASpec
from featlearn.errors import DataError, RecipeError, ShapeError
from featlearn.geometry import MapShape
from featlearn.stages.preprocess import build_preprocess

SHAPE = MapShape(2, 3, 4)
SPECS = [
    ContrastSpec(),
    StandardizeSpec(),
    ZCASpec(),
    ZCASpec(eps=1e-6),
    PCASpec(keep=7),
    PCASpec(keep=0.9),
]
FITTED = SPECS[1:]


@pytest.fixture
def images() -> torch.Tensor:
    draw = torch.Generator().manual_seed(0)
    mix = torch.randn(24, 24, generator=draw) / 10
    return (torch.randn(600, 24, generator=draw) @ mix + 0.5).unflatten(1, SHAPE)


@pytest.mark.parametrize("spec", SPECS)
def test_the_shape_is_the_one_promised(spec: PreprocessSpec, images: torch.Tensor) -> None:
    step = build_preprocess(spec, SHAPE)
    step.fit(images)
    y = step(images)
    assert y.shape == (600, *step.output_shape)
    assert step.invert_linear(y).shape == images.shape
    assert step(images[:0]).shape == (0, *step.output_shape)
    assert not list(step.parameters())


def test_contrast_gives_every_image_zero_mean_and_unit_deviation(images: torch.Tensor) -> None:
    y = build_preprocess(ContrastSpec(), SHAPE)(images)
    dims = (1, 2, 3)
    torch.testing.assert_close(y.mean(dims), torch.zeros(600), atol=1e-5, rtol=0)
    torch.testing.assert_close(y.std(dims, correction=0), torch.ones(600))


@pytest.mark.parametrize("value", [0.0, 0.7])
def test_contrast_of_a_constant_image_is_zero(value: float) -> None:
    x = torch.full((2, *SHAPE), value, dtype=torch.float64, requires_grad=True)
    step = build_preprocess(ContrastSpec(), SHAPE)
    torch.testing.assert_close(step(x), torch.zeros_like(x))
    assert torch.autograd.gradcheck(step, [x])


def test_standardising_works_by_pixel(images: torch.Tensor) -> None:
    step = build_preprocess(StandardizeSpec(floor=1e-6), SHAPE)
    assert torch.equal(step(images), images)  # until fitted
    step.fit(images)
    y = step(images)
    torch.testing.assert_close(y.mean(0), torch.zeros(SHAPE), atol=1e-4, rtol=0)
    torch.testing.assert_close(y.std(0, correction=0), torch.ones(SHAPE))
    torch.testing.assert_close(step.invert_linear(y), images - images.mean(0), atol=1e-5, rtol=1e-4)


def test_a_pixel_that_hardly_varies_has_the_floor() -> None:
    images = torch.full((5, *SHAPE), 0.5)
    step = build_preprocess(StandardizeSpec(floor=0.25), SHAPE)
    step.fit(images)
    torch.testing.assert_close(step(images + 1), torch.full_like(images, 4.0))


@pytest.mark.parametrize("spec", [ZCASpec(eps=1e-9), PCASpec(keep=1.0, eps=1e-9)])
def test_whitening_makes_white(spec: PreprocessSpec, images: torch.Tensor) -> None:
    step = build_preprocess(spec, SHAPE)
    step.fit(images)
    white = step(images).flatten(1)
    torch.testing.assert_close(torch.cov(white.T), torch.eye(24), atol=1e-2, rtol=0)


@pytest.mark.parametrize("spec", [ZCASpec(), PCASpec(keep=24)])
def test_whitening_can_be_undone(spec: PreprocessSpec, images: torch.Tensor) -> None:
    step = build_preprocess(spec, SHAPE)
    step.fit(images)
    back = step.invert_linear(step(images))
    torch.testing.assert_close(back, images - images.mean(0), atol=1e-4, rtol=0)


def test_pictures_of_zero_stay_zero(images: torch.Tensor) -> None:
    for spec in SPECS:
        step = build_preprocess(spec, SHAPE)
        step.fit(images)
        assert not step.invert_linear(torch.zeros(1, *step.output_shape)).any()


@pytest.mark.parametrize("spec", SPECS)
def test_it_is_stored_with_the_model(spec: PreprocessSpec, images: torch.Tensor) -> None:
    step, loaded = build_preprocess(spec, SHAPE), copy.deepcopy(build_preprocess(spec, SHAPE))
    step.fit(images)
    loaded.load_state_dict(step.state_dict())
    assert torch.equal(loaded(images), step(images))
    assert loaded.output_shape == step.output_shape
    assert all(buffer.is_contiguous() for buffer in step.buffers())
    loaded.fit(2 * images)
    loaded.load_state_dict(step.state_dict())  # over what was fitted before
    assert torch.equal(loaded(images), step(images))
    assert "2 maps of 3x4" in repr(loaded)


def test_it_can_be_fitted_again(images: torch.Tensor) -> None:
    for spec in FITTED:
        step, fresh = build_preprocess(spec, SHAPE), build_preprocess(spec, SHAPE)
        step.fit(images)
        step.fit(2 * images)
        fresh.fit(2 * images)
        torch.testing.assert_close(step.state_dict(), fresh.state_dict())


def test_a_count_of_components_is_known_before_fitting() -> None:
    assert build_preprocess(PCASpec(keep=7), SHAPE).output_shape == MapShape(7, 1, 1)


def test_a_share_of_components_is_known_only_after() -> None:
    with pytest.raises(RecipeError, match=r"a share of 0\.9 of the variance is known only once"):
        _ = build_preprocess(PCASpec(keep=0.9), SHAPE).output_shape


def test_too_many_components_are_refused() -> None:
    with pytest.raises(RecipeError, match="keep must be at most 24, for 2 maps of 3x4; got 25"):
        build_preprocess(PCASpec(keep=25), SHAPE)


@pytest.mark.parametrize("spec", FITTED)
def test_what_cannot_be_fitted_is_refused(spec: PreprocessSpec, images: torch.Tensor) -> None:
    step = build_preprocess(spec, SHAPE)
    with pytest.raises(ShapeError, match=r"made for images \(2, 3, 4\); got \(2, 4, 3\)"):
        step.fit(images.transpose(2, 3))
    with pytest.raises(DataError, match="without a single image"):
        step.fit(images[:0])
    images[3, 0, 0, 0] = float("nan")
    with pytest.raises(DataError, match="NaN or infinity"):
        step.fit(images)


def test_images_of_another_shape_are_refused(images: torch.Tensor) -> None:
    for spec in FITTED:
        step = build_preprocess(spec, SHAPE)
        step.fit(images)
        with pytest.raises(ShapeError, match=r"got \(2, 4, 3\)"):
            step(images.transpose(2, 3))


@pytest.mark.parametrize("kind", [ZCASpec(), PCASpec(keep=4)])
def test_images_too_large_to_whiten_are_refused(kind: ZCASpec | PCASpec) -> None:
    build_preprocess(kind, MapShape(2, 64, 64))
    with pytest.raises(RecipeError, match=r"has 8256, more than 8192; use smaller images"):
        build_preprocess(kind, MapShape(1, 64, 129))
