"""Products in bfloat16, by the matrix unit where there is one, against the plain ones."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from featlearn.ops import local_kernels, local_plain, local_tiles
from featlearn.ops.local import local2d, local_transpose2d

pytest.importorskip("llvmlite", reason="needs the extra `fast`")

from featlearn.ops.kernels.geometry import Local
from featlearn.ops.kernels.target import host
from featlearn.ops.kernels.tile_layouts import (
    pairs_kernel,
    turned_numbers_kernel,
    turned_samples_kernel,
)
from featlearn.ops.kernels.tile_plan import plan
from tests.ops.test_local_kernels import layers, operands

with_unit = pytest.mark.skipif(
    not local_tiles.available(), reason="needs a processor with a matrix unit"
)


def check(found: torch.Tensor, expected: torch.Tensor) -> None:
    """Compare with what single precision gives: one rounding to bfloat16, of 2**-9, is allowed."""
    assert found.dtype == torch.bfloat16
    torch.testing.assert_close(found.float(), expected, rtol=2**-8, atol=1e-4)


def check_all(sizes: Local) -> None:
    """Compare all three products with the plain ones of the same numbers."""
    given_half = operands(sizes, torch.bfloat16)
    x, weight, bias, codes = given_half
    seen, filters, own, given_codes = (one.float() for one in given_half)
    stride, plane = sizes.stride, (sizes.height, sizes.width)
    for some, exact in ((bias, own), (None, None)):
        found = local_kernels.local(x, weight, some, stride)
        check(found, local_plain.local(seen, filters, exact, stride))
    check(
        local_kernels.transpose(codes, weight, *plane, stride),
        local_plain.transpose(given_codes, filters, *plane, stride),
    )
    filters.requires_grad_()
    (expected,) = torch.autograd.grad(
        local_plain.local(seen, filters, None, stride), filters, given_codes
    )
    check(
        local_kernels.gradient(x, codes, sizes.kernel_height, sizes.kernel_width, stride), expected
    )


@pytest.mark.slow
@given(layers())
@settings(max_examples=40, deadline=None, derandomize=True)
def test_equals_the_plain_products(sizes: Local) -> None:
    check_all(sizes)


@pytest.mark.parametrize(
    "sizes",
    [
        Local(128, 6, 40, 1, 16, 3, 7, 1),  # windows that begin with odd numbers
        Local(40, 8, 20, 3, 70, 3, 5, 2),  # more maps than two tiles hold
        Local(33, 5, 5, 40, 9, 5, 5, 1),  # one position, and rows of a kernel longer than tiles
        Local(32, 9, 11, 2, 6, 3, 2, 4),  # windows that do not touch
        Local(64, 7, 12, 8, 8, 3, 4, 1),  # four positions abreast
    ],
)
def test_sizes_around_those_of_a_tile(sizes: Local) -> None:
    assert sizes.rows > 0
    check_all(sizes)


def test_without_the_unit_sums_are_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    sizes = Local(40, 9, 9, 3, 8, 3, 3, 1)
    monkeypatch.setattr(local_tiles, "available", lambda: False)
    assert not local_tiles.usable(sizes)
    assert local_kernels.precisions(operands(sizes, torch.bfloat16)[0])[0] == torch.float32
    check_all(sizes)


def test_what_needs_too_much_of_the_stack_is_computed_without(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    sizes = Local(40, 9, 9, 3, 8, 3, 3, 1)
    monkeypatch.setattr(local_tiles, "_MOST_SCRATCH", 1000)
    assert not local_tiles.usable(sizes)
    check_all(sizes)


@with_unit
def test_long_filters_are_too_long() -> None:
    assert local_tiles.usable(Local(64, 18, 18, 64, 8, 18, 18, 1))
    assert not local_tiles.usable(Local(64, 60, 60, 64, 8, 60, 60, 1))


@with_unit
@pytest.mark.parametrize(
    "sizes",
    [
        Local(32, 3, 20, 8, 2, 3, 3, 1),  # the last group has two positions of many
        Local(32, 4, 37, 3, 1, 2, 4, 1),
        Local(32, 6, 60, 8, 1, 3, 3, 1),
        Local(64, 9, 21, 5, 4, 3, 2, 2),
        Local(32, 4, 12, 2, 40, 4, 4, 1),
    ],
)
def test_nothing_behind_what_is_laid_out_is_read(
    monkeypatch: pytest.MonkeyPatch, sizes: Local
) -> None:
    """What is read there is multiplied with zeros, which only what is no number survives."""

    def guarded(like: torch.Tensor, count: int, behind: int) -> torch.Tensor:
        laid = like.new_full((count + behind + 2**18,), torch.nan)
        laid[count : count + behind] = 0
        return laid[: count + behind]

    monkeypatch.setattr(local_tiles, "_with_zeros", guarded)
    check_all(sizes)


@pytest.mark.parametrize("groups", [1, 2])
def test_the_layer_and_its_derivatives(groups: int) -> None:
    draw = torch.Generator().manual_seed(0)
    x = torch.randn(33, 4, 9, 8, generator=draw).bfloat16().requires_grad_()
    weight = torch.randn(4, 4, 6, 4 // groups, 3, 3, generator=draw).bfloat16().requires_grad_()
    options = {"stride": 2, "padding": "same" if groups == 2 else "valid", "groups": groups}
    if groups == 2:
        weight = torch.randn(5, 4, 6, 2, 3, 3, generator=draw).bfloat16().requires_grad_()
    else:
        weight = weight[:, :3].detach().requires_grad_()
    y = local2d(x, weight, **options)  # pyright: ignore[reportArgumentType]
    slope = torch.randn(y.shape, generator=draw).bfloat16()
    found = torch.autograd.grad(y, [x, weight], slope)
    exact = [one.detach().double().requires_grad_() for one in (x, weight)]
    whole = local2d(*exact, **options)  # pyright: ignore[reportArgumentType]
    expected = torch.autograd.grad(whole, exact, slope.double())
    for one, other in zip([y, *found], [whole, *expected], strict=True):
        torch.testing.assert_close(one.double(), other, rtol=2**-7, atol=0.02)


@with_unit
def test_under_autocast_products_are_in_bfloat16() -> None:
    draw = torch.Generator().manual_seed(0)
    h = torch.randn(32, 4, 5, 5, generator=draw)
    weight = torch.randn(5, 5, 4, 3, 3, 3, generator=draw)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found = local_transpose2d(h, weight, size=(7, 7))
    expected = local_transpose2d(h.bfloat16(), weight.bfloat16(), size=(7, 7))
    assert torch.equal(found, expected)


class TestLayouts:
    @pytest.mark.parametrize(("lines", "length", "batch"), [(3, 7, 32), (2, 40, 96), (1, 1, 32)])
    def test_pairs(self, lines: int, length: int, batch: int) -> None:
        x, pairs = drawn(lines, length, batch), -(-length // 2)
        found = torch.full((2, lines, pairs, batch, 2), torch.nan).bfloat16()
        pairs_kernel(lines, length, batch, shifts=2, target=host())(x, found)
        behind = torch.cat([x, torch.zeros(lines, 2, batch).bfloat16()], 1)
        for shift in (0, 1):
            expected = behind[:, shift : shift + 2 * pairs].unflatten(1, (pairs, 2))
            assert torch.equal(found[shift], expected.transpose(2, 3))

    @pytest.mark.parametrize(("lines", "length", "batch"), [(3, 7, 32), (2, 40, 96), (1, 1, 32)])
    def test_turned_samples(self, lines: int, length: int, batch: int) -> None:
        x = drawn(lines, length, batch)
        found = torch.full((lines, batch // 2, 48, 2), torch.nan).bfloat16()
        turned_samples_kernel(lines, length, batch, padded=48, target=host())(x, found)
        expected = x.unflatten(2, (batch // 2, 2)).transpose(1, 2)
        assert torch.equal(found[:, :, :length], expected)

    @pytest.mark.parametrize(("lines", "length", "batch"), [(3, 6, 32), (2, 40, 96), (1, 2, 32)])
    def test_turned_numbers(self, lines: int, length: int, batch: int) -> None:
        x = drawn(lines, length, batch)
        found = torch.full((lines, batch, 64), torch.nan).bfloat16()
        turned_numbers_kernel(lines, length, batch, padded=64, target=host())(x, found)
        assert torch.equal(found[:, :, :length], x.transpose(1, 2))


def drawn(*shape: int) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(0)).bfloat16()


class TestPlan:
    def test_few_maps_share_tiles_with_their_neighbours(self) -> None:
        assert plan(Local(128, 40, 40, 8, 8, 18, 18, 1)).abreast == 4
        assert plan(Local(128, 40, 40, 8, 8, 18, 18, 1)).tiles == 2

    def test_many_maps_fill_them_alone(self) -> None:
        assert plan(Local(128, 40, 40, 8, 70, 18, 18, 1)) == (1, [24, 23, 23])

    @given(st.integers(1, 40), st.integers(1, 9), st.integers(1, 5))
    @settings(max_examples=50, deadline=None, derandomize=True)
    def test_units_fit_two_tiles(self, maps: int, columns: int, stride: int) -> None:
        sizes = Local(32, 3, 3 + stride * (columns - 1), 2, maps, 3, 3, stride)
        chosen = plan(sizes)
        assert 1 <= chosen.abreast <= columns
        assert chosen.tiles in (1, 2)
        assert sum(chosen.maps) == maps
