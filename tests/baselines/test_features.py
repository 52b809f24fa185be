import numpy as np
import pytest

from featlearn.baselines import features
from featlearn.baselines.features import HaarLike, Pixels
from featlearn.errors import DataError

IMAGES = np.random.default_rng(0).integers(256, size=(7, 2, 3, 4)).astype(np.uint8)


def test_pixels_are_the_columns_of_flat_images() -> None:
    pixels = Pixels.of(IMAGES)
    assert len(pixels) == 7
    flat = IMAGES.reshape(7, -1)
    for place in range(24):
        np.testing.assert_array_equal(pixels.column((place,)), flat[:, place])
    some = pixels.some(np.array([5, 2]))
    np.testing.assert_array_equal(some.column((3,)), flat[[5, 2], 3])


def test_pixels_are_drawn_once_each() -> None:
    pixels, rng = Pixels.of(IMAGES), np.random.default_rng(0)
    assert pixels.draw(24, rng) == [(place,) for place in range(24)]
    assert pixels.draw(100, rng) == [(place,) for place in range(24)]
    drawn = pixels.draw(10, rng)
    assert len(set(drawn)) == 10
    assert all(0 <= place < 24 for (place,) in drawn)


def test_haar_like_features_of_some_images_are_those_of_all() -> None:
    whole = HaarLike.of(IMAGES)
    assert len(whole) == 7
    some = whole.some(np.array([1, 6]))
    for feature in whole.draw(20, np.random.default_rng(0)):
        np.testing.assert_array_equal(some.column(feature), whole.column(feature)[[1, 6]])


def test_what_memory_does_not_hold_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(features, "free_memory", lambda: 500)
    with pytest.raises(DataError, match=r"7 images of 3 x 4 would take 1\.1 kB of memory, more"):
        HaarLike.of(IMAGES)
