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
        assert max(tile.samples, tile.inner) <= 256
        assert all(n & (n - 1) == 0 for n in tile)


@given(layers(), st.sampled_from([2, 4]))
def test_all_positions_of_a_tile_exist(sizes: Local, itemsize: int) -> None:
    for choose in (forward_tile, gradient_tile):
        tile = choose(sizes, itemsize)
        assert tile.down <= sizes.rows
        assert tile.right * tile.spread <= sizes.columns or tile.right == 1


@given(
    st.integers(1, 5),
    st.integers(1, 4),
    st.integers(1, 6),
    st.sampled_from([1, 2, 4, 8, 16]),
    st.integers(1, 4),
    st.sampled_from([1, 2]),
)
def test_all_codes_that_reach_a_tile_are_counted(
    kernel: int, stride: int, channels: int, units: int, down: int, spread: int
) -> None:
    sizes = Local(1, kernel + 20, kernel + 20, channels, 1, kernel, kernel, stride)
    tile = Tile(down, 1, spread, units, 16, 16, 4)
    even = tiles.even_part(sizes, tile)
    assert units % even == 0
    for phase in range(min(spread, sizes.columns)):
        count = tiles.reaching_columns(sizes, tile, phase)
        columns = range(phase, sizes.columns, spread)
        start = -tiles.before(sizes, even, phase)
        # Filters of these columns lie in groups from where the tiles begin.
        assert all((start - q * stride * channels) % even == 0 for q in columns)
        for left in range(start, sizes.width * channels, units):
            pixels = {t // channels for t in range(max(left, 0), left + units)}
            reaching = {q for q in columns if any(0 <= w - q * stride < kernel for w in pixels)}
            first = max(max(left, 0) // channels - kernel + stride, 0) // stride
            turn = min(max(first - phase + spread - 1, 0) // spread, len(columns) - count)
            assert reaching <= set(columns[turn : turn + count])
    rows = tiles.reaching_rows(sizes, down)
    for top in range(0, sizes.height, down):
        of_tile = range(top, top + down)
        reaching = {p for p in range(sizes.rows) for h in of_tile if 0 <= h - p * stride < kernel}
        first = min(max(top - kernel + stride, 0) // stride, sizes.rows - rows)
        assert reaching <= set(range(first, first + rows))


@pytest.mark.parametrize(
    ("sizes", "forward", "transpose", "gradient"),
    [
        (
            Local(256, 175, 175, 8, 8, 18, 18, 1),  # the second stage of `catnet-2012`
            Tile(4, 4, 1, 8, 256, 64, 8),
            Tile(4, 1, 1, 32, 256, 64, 8),
            Tile(4, 4, 1, 8, 64, 128, 4),
        ),
        (
            Local(256, 200, 200, 3, 8, 18, 18, 1),  # and the first
            Tile(8, 2, 2, 8, 256, 64, 8),
            Tile(8, 1, 2, 16, 256, 64, 8),
            Tile(4, 4, 1, 8, 64, 128, 4),
        ),
        (
            Local(128, 28, 28, 1, 16, 7, 7, 1),
            Tile(2, 2, 1, 16, 32, 64, 4),
            Tile(4, 1, 1, 32, 32, 64, 4),
            Tile(2, 2, 1, 16, 64, 64, 4),
        ),
        (
            Local(3, 5, 5, 2, 3, 5, 5, 1),
            Tile(1, 1, 1, 16, 16, 64, 4),
            Tile(4, 1, 1, 16, 16, 16, 4),
            Tile(1, 1, 1, 16, 16, 64, 4),
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
