"""Pixels of tiles and mosaics, pixel by pixel."""

import numpy as np
import pytest

from featlearn.visualize.tiles import (
    best_columns,
    enlarged,
    image_tiles,
    mosaic,
    signed_tiles,
    spread,
    strips,
)


def test_zero_is_mid_grey_and_the_largest_weight_is_white_or_black() -> None:
    bank = np.array([[[[0.0, 2.0, -2.0, 1.0]]], [[[0.0, -0.1, 0.05, 0.0]]]])
    tiles = signed_tiles(bank)
    assert tiles[0, 0, :, 0].tolist() == [128, 255, 0, 191]
    assert tiles[1, 0, :, 0].tolist() == [128, 0, 191, 128]
    assert (tiles[..., 0] == tiles[..., 2]).all()
    assert (tiles[..., 3] == 255).all()


def test_a_zero_filter_is_plain_grey() -> None:
    assert (signed_tiles(np.zeros((1, 1, 2, 2)))[..., :3] == 128).all()


def test_colours_share_one_scale() -> None:
    bank = np.zeros((1, 3, 1, 1))
    bank[0, :, 0, 0] = [1.0, -0.5, 0.0]
    assert signed_tiles(bank)[0, 0, 0].tolist() == [255, 64, 128, 255]


def test_what_is_not_finite_is_clear() -> None:
    tiles = signed_tiles(np.array([[[[1.0, np.nan]]]]))
    assert tiles[0, 0, 1, 3] == 0


def test_images_run_from_low_to_high() -> None:
    images = np.array([[[[0.0, 0.5, 1.0]]], [[[2.0, 3.0, 9.0]]]])
    tiles = image_tiles(images, low=np.array([0.0, 2.0]), high=np.array([1.0, 4.0]))
    assert tiles[:, 0, :, 0].tolist() == [[0, 128, 255], [0, 128, 255]]


def test_a_constant_image_is_drawn() -> None:
    assert (image_tiles(np.ones((1, 1, 2, 2)), low=1.0, high=1.0)[..., 0] == 0).all()


def test_two_channels_are_shown_by_their_mean() -> None:
    images = np.stack([np.zeros((1, 1, 1)), np.ones((1, 1, 1))], axis=1)
    assert image_tiles(images)[0, 0, 0].tolist() == [128, 128, 128, 255]


def test_a_mosaic_is_read_like_a_page() -> None:
    tiles = np.arange(1, 6, dtype=np.uint8)[:, None, None, None].repeat(2, 1).repeat(3, 2)
    laid = mosaic(tiles.repeat(4, 3), columns=3, gap=1)[..., 0]
    assert laid.tolist() == [
        [1, 1, 1, 0, 2, 2, 2, 0, 3, 3, 3],
        [1, 1, 1, 0, 2, 2, 2, 0, 3, 3, 3],
        [0] * 11,
        [4, 4, 4, 0, 5, 5, 5, 0, 0, 0, 0],
        [4, 4, 4, 0, 5, 5, 5, 0, 0, 0, 0],
    ]


def test_a_mosaic_without_gaps() -> None:
    assert mosaic(np.ones((4, 1, 1, 4), np.uint8), columns=2, gap=0).shape == (2, 2, 4)


def test_strips_lay_channels_side_by_side_on_one_scale() -> None:
    bank = np.array([[[[1.0], [0.0]], [[-0.5], [1.0]]]])
    strip = strips(bank)
    assert strip.shape == (1, 2, 3, 4)
    assert strip[0, :, 0, 0].tolist() == [255, 128]
    assert strip[0, :, 2, 0].tolist() == [64, 255]
    assert strip[0, :, 1, 3].tolist() == [0, 0]


@pytest.mark.parametrize("count", [1, 2, 7, 16, 31, 64, 96, 100, 257])
def test_columns_make_a_wide_block(count: int) -> None:
    columns = best_columns(count, height=7, width=7)
    assert 1 <= columns <= count
    rows = -(-count // columns)
    assert count < 8 or 1.0 <= columns / rows <= 6.0


@pytest.mark.parametrize(("count", "columns"), [(16, 8), (64, 16), (96, 16), (100, 20)])
def test_columns_leave_no_hole_where_they_can(count: int, columns: int) -> None:
    assert best_columns(count, height=7, width=7) == columns


def test_wide_tiles_make_fewer_columns() -> None:
    assert best_columns(60, height=5, width=50) < best_columns(60, height=5, width=5)


@pytest.mark.parametrize(("count", "most"), [(1, 8), (5, 8), (8, 8), (9, 8), (22, 8), (1000, 12)])
def test_places_are_spread_from_end_to_end(count: int, most: int) -> None:
    places = spread(count, most)
    assert len(set(places.tolist())) == len(places) == min(count, most)
    assert (places[0], places[-1]) == (0, count - 1)
    assert np.ptp(np.diff(places)) <= 1 if len(places) > 1 else True


def test_pixels_are_repeated_whole() -> None:
    pixels = np.arange(2 * 3 * 4, dtype=np.uint8).reshape(2, 3, 4)
    large = enlarged(pixels, width=10)
    assert large.shape == (6, 9, 4)
    np.testing.assert_array_equal(large[1::3, 1::3], pixels)
    np.testing.assert_array_equal(enlarged(pixels, width=1), pixels)
