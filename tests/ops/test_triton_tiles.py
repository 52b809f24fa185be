"""What a program of Triton's kernels computes, by sizes alone."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from featlearn.ops.kernels.geometry import Local
from featlearn.ops.triton import tiles
from featlearn.ops.triton.tiles import Tile, forward_tile, gradient_tile, transpose_tile


@st.composite
def layers(draw: st.DrawFn) -> Local:
    """Draw sizes, from one position and one map to many."""
    kernel = draw(st.integers(1, 20)), draw(st.integers(1, 20))
    plane = (kernel[0] + draw(st.integers(0, 200)), kernel[1] + draw(st.integers(0, 200)))
    channels, maps = draw(st.integers(1, 100)), draw(st.integers(1, 300))
    return Local(
        draw(st.integers(1, 5000)), *plane, channels, maps, *kernel, draw(st.integers(1, 5))
    )


@given(layers(), st.sampled_from([2, 4]))
def test_tensor_cores_can_multiply_every_tile(sizes: Local, itemsize: int) -> None:
    for choose in (forward_tile, transpose_tile, gradient_tile):
        tile = choose(sizes, itemsize)
        assert 16 <= tile.rows <= 128
        assert min(tile.samples, tile.inner) >= 16
        assert max(tile.samples, tile.inner) <= 128
        assert all(n & (n - 1) == 0 for n in tile)


@given(
    st.integers(1, 5),
    st.integers(1, 4),
    st.integers(1, 6),
    st.sampled_from([1, 2, 4, 8, 16]),
    st.integers(1, 4),
)
def test_all_codes_that_reach_a_tile_are_counted(
    kernel: int, stride: int, channels: int, units: int, down: int
) -> None:
    sizes = Local(1, kernel + 20, kernel + 20, channels, 1, kernel, kernel, stride)
    for left in range(0, sizes.width * channels, units):
        pixels = {t // channels for t in range(left, left + units)}
        reaching = {q for q in range(100) for w in pixels if q * stride <= w < q * stride + kernel}
        first = max(left // channels - kernel + stride, 0) // stride
        assert reaching <= set(range(first, first + tiles.reaching_columns(sizes, units)))
    for top in range(sizes.height):
        rows = range(top, top + down)
        reaching = {p for p in range(100) for h in rows if p * stride <= h < p * stride + kernel}
        first = max(top - kernel + stride, 0) // stride
        assert reaching <= set(range(first, first + tiles.reaching_rows(sizes, down)))


@pytest.mark.parametrize(
    ("sizes", "forward", "transpose", "gradient"),
    [
        (
            Local(256, 175, 175, 8, 8, 18, 18, 1),  # the second stage of `catnet-2012`
            Tile(4, 4, 8, 128, 64, 8),
            Tile(4, 1, 32, 128, 64, 8),
            Tile(4, 4, 8, 64, 128, 8),
        ),
        (
            Local(128, 28, 28, 1, 16, 7, 7, 1),
            Tile(2, 2, 16, 32, 64, 4),
            Tile(4, 1, 8, 32, 64, 4),
            Tile(2, 2, 16, 64, 64, 4),
        ),
        (
            Local(3, 5, 5, 2, 3, 5, 5, 1),
            Tile(1, 1, 16, 16, 64, 4),
            Tile(2, 1, 16, 16, 64, 4),
            Tile(1, 1, 16, 16, 64, 4),
        ),
    ],
)
def test_sizes_alone_choose_the_tile(
    sizes: Local, forward: Tile, transpose: Tile, gradient: Tile
) -> None:
    assert forward_tile(sizes, 2) == forward
    assert transpose_tile(sizes, 2) == transpose
    assert gradient_tile(sizes, 2) == gradient


def test_few_positions_split_the_batch() -> None:
    samples = [
        forward_tile(Local(1024, side, side, 8, 8, 18, 18, 1), 2).samples for side in (18, 40, 160)
    ]
    assert samples == sorted(samples)
    assert samples[0] < samples[-1]


def test_powers_of_two_hold_what_they_must() -> None:
    for count, least in itertools.product(range(1, 300), [16]):
        assert tiles.power_of_two(count) >= max(count, least)
    assert [tiles.power_of_two(count) for count in (1, 16, 17, 64)] == [16, 16, 32, 64]
