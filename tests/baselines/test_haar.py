import numpy as np
import pytest

from featlearn.baselines.haar import Haar, draw_haar, haar_response, integral
from featlearn.errors import DataError

PATTERNS = (
    [[1, -1]],
    [[1], [-1]],
    [[1, -2, 1]],
    [[1], [-2], [1]],
    [[1, -1], [-1, 1]],
)


def test_a_response_is_the_weighted_sum_of_pixels() -> None:
    rng = np.random.default_rng(0)
    images = rng.integers(256, size=(4, 2, 9, 7)).astype(np.uint8)
    sums = integral(images)
    drawn = draw_haar((2, 9, 7), 300, rng)
    assert {feature.pattern for feature in drawn} == set(range(5))
    for feature in drawn:
        kernel = np.kron(PATTERNS[feature.pattern], np.ones((feature.height, feature.width)))
        high, wide = kernel.shape
        patch = images[
            :,
            feature.map,
            feature.top : feature.top + high,
            feature.left : feature.left + wide,
        ]
        assert patch.shape[1:] == kernel.shape
        np.testing.assert_array_equal(haar_response(feature, sums), (patch * kernel).sum((1, 2)))


def test_a_flat_image_has_no_response() -> None:
    sums = integral(np.full((1, 1, 6, 6), 200, np.uint8))
    for feature in draw_haar((1, 6, 6), 100, np.random.default_rng(1)):
        assert haar_response(feature, sums) == 0


def test_placements_are_drawn_alike() -> None:
    # Of 1 x 3 pixels: two pairs of single pixels, and one of three.
    rng = np.random.default_rng(0)
    counts: dict[Haar, int] = {}
    for _ in range(600):
        for feature in draw_haar((1, 1, 3), 1, rng):
            counts[feature] = counts.get(feature, 0) + 1
    assert sorted(counts) == [
        Haar(0, 0, 0, 0, 1, 1),
        Haar(0, 0, 0, 1, 1, 1),
        Haar(2, 0, 0, 0, 1, 1),
    ]
    assert min(counts.values()) > 150


def test_a_single_pixel_has_no_features() -> None:
    with pytest.raises(DataError, match="1 x 1 are too small"):
        draw_haar((3, 1, 1), 5, np.random.default_rng(0))
