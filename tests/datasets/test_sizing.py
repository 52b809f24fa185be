from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from featlearn.config.data import Fit
from featlearn.datasets.sizing import fit_images, random_crops
from featlearn.errors import DataError

IMAGES = np.arange(2 * 3 * 5 * 6, dtype=np.uint8).reshape(2, 3, 5, 6)


def fitted(fit: Fit, size: tuple[int, int] | None, images: NDArray[Any] = IMAGES) -> NDArray[Any]:
    return fit_images(images, size=size, fit=fit, name="leaf.png")


@pytest.mark.parametrize("fit", ["exact", "crop", "pad", "resize"])
def test_the_right_size_is_left_alone(fit: Fit) -> None:
    assert fitted(fit, (5, 6)) is IMAGES
    assert fitted(fit, None) is IMAGES


def test_exact_names_the_image_both_sizes_and_the_way_out() -> None:
    with pytest.raises(
        DataError, match=r"leaf\.png is 5 x 6, but `data\.size` is 4 x 6.*`data\.fit`"
    ):
        fitted("exact", (4, 6))


def test_crop_takes_the_centre() -> None:
    np.testing.assert_array_equal(fitted("crop", (3, 2)), IMAGES[:, :, 1:4, 2:4])


@pytest.mark.parametrize("size", [(6, 6), (5, 7)])
def test_crop_cannot_enlarge(size: tuple[int, int]) -> None:
    with pytest.raises(DataError, match=r"leaf\.png is 5 x 6.*cannot be cut"):
        fitted("crop", size)


def test_pad_repeats_the_border() -> None:
    padded = fitted("pad", (6, 9))
    np.testing.assert_array_equal(padded[:, :, :5, 1:7], IMAGES)
    np.testing.assert_array_equal(padded[:, :, 5, 1:7], IMAGES[:, :, 4])
    np.testing.assert_array_equal(padded[:, :, :5, 0], IMAGES[..., 0])
    np.testing.assert_array_equal(padded[:, :, :5, 8], IMAGES[..., 5])


@pytest.mark.parametrize("size", [(4, 6), (9, 5)])
def test_pad_cannot_shrink(size: tuple[int, int]) -> None:
    with pytest.raises(DataError, match=r"leaf\.png is 5 x 6.*to shrink it"):
        fitted("pad", size)


@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
def test_resize_keeps_a_constant(dtype: type[np.generic]) -> None:
    images = np.full((1, 2, 5, 6), 100, dtype)
    resized = fitted("resize", (3, 9), images)
    assert resized.dtype == dtype
    np.testing.assert_array_equal(resized, np.full((1, 2, 3, 9), 100, dtype))


def test_resize_averages_when_it_shrinks() -> None:
    stripes = np.tile(np.array([0, 1], np.float32), (1, 1, 16, 8))
    # Away from the border, every window holds as much of both.
    np.testing.assert_allclose(fitted("resize", (4, 4), stripes)[..., 1:3], 0.5, atol=0.02)


def test_resize_of_a_ramp_is_a_ramp_per_map() -> None:
    ramp = np.arange(8, dtype=np.float32)
    images = np.stack([np.tile(ramp, (4, 1)), np.tile(10 + ramp, (4, 1))])[None]
    resized = fitted("resize", (4, 4), images)
    # Centres of 4 pixels over 8: 0.5, 2.5, 4.5, 6.5.
    np.testing.assert_allclose(resized[0, 0, :, 1:3], [[2.5, 4.5]] * 4, atol=1e-5)
    np.testing.assert_allclose(resized[0, 1, :, 1:3], [[12.5, 14.5]] * 4, atol=1e-5)


@pytest.mark.parametrize("fit", ["pad", "resize"])
def test_a_size_beyond_memory_is_refused(fit: Fit, monkeypatch: pytest.MonkeyPatch) -> None:
    few = np.zeros((5, 1, 2, 2), np.float32)
    with pytest.raises(DataError, match=r"it would become 10000 x 10000 by `data.size`"):
        fit_images(few, size=(10_000, 10_000), fit=fit, name="it")
    monkeypatch.setattr("featlearn.datasets.limits.MAX_SET_BYTES", 1999)
    with pytest.raises(DataError, match=r"it would take 2.0 kB"):
        fit_images(few, size=(10, 10), fit=fit, name="it")


def test_crops_are_windows_of_their_image_at_every_place() -> None:
    image = np.arange(6, dtype=np.float32).reshape(1, 1, 2, 3)
    crops = random_crops(image, size=(1, 2), count=200, rng=np.random.default_rng(0), name="it")
    assert crops.shape == (200, 1, 1, 2)
    firsts, counts = np.unique(crops[:, 0, 0, 0], return_counts=True)
    assert firsts.tolist() == [0, 1, 3, 4]
    np.testing.assert_array_equal(crops[:, 0, 0, 1], crops[:, 0, 0, 0] + 1)
    # Fifty of each; five standard deviations are 31.
    assert np.abs(counts - 50).max() < 31


def test_crops_of_one_image_are_next_to_each_other() -> None:
    images = np.repeat(np.arange(3, dtype=np.uint8), 16).reshape(3, 1, 4, 4)
    crops = random_crops(images, size=(2, 2), count=2, rng=np.random.default_rng(0), name="it")
    assert crops[:, 0, 0, 0].tolist() == [0, 0, 1, 1, 2, 2]


def test_a_crop_larger_than_the_image_is_refused() -> None:
    with pytest.raises(DataError, match=r"it is 5 x 6, smaller than crops of 5 x 7"):
        random_crops(IMAGES, size=(5, 7), count=1, rng=np.random.default_rng(0), name="it")
