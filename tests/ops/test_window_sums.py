"""Sums over windows against indexing, by kernels and in plain torch; and their adjoint."""

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.library import opcheck

from featlearn.geometry import Padding
from featlearn.ops import window_kernels
from featlearn.ops.planes import borders, grid
from featlearn.ops.window_sums import window_roots, window_sums

KERNELS = pytest.mark.skipif(not window_kernels.INSTALLED, reason="needs the extra `fast`")


def by_windows(
    x: torch.Tensor, weights: list[float], stride: int, padding: Padding
) -> torch.Tensor:
    size = len(weights)
    plane = (x.shape[2], x.shape[3])
    border = borders(plane, window=(size, size), stride=stride, padding=padding)
    rows, columns = grid(plane, window=(size, size), stride=stride, padding=padding)
    windows = F.pad(x, border).unfold(2, size, stride).unfold(3, size, stride)
    line = torch.tensor(weights, dtype=x.dtype)
    return torch.einsum("nfpquv,u,v->nfpq", windows[:, :, :rows, :columns], line, line)


@given(
    weights=st.lists(st.floats(0.1, 2), min_size=1, max_size=5),
    stride=st.integers(1, 3),
    padding=st.sampled_from(["valid", "same"]),
    shape=st.tuples(st.sampled_from([1, 3, 65]), st.integers(1, 3), st.integers(5, 9)),
    mean=st.booleans(),
    square=st.booleans(),
    by_kernels=st.booleans(),
)
@settings(max_examples=60, deadline=None, derandomize=True)
def test_equals_the_sum_of_each_window(
    weights: list[float],
    stride: int,
    padding: Padding,
    shape: tuple[int, int, int],
    mean: bool,
    square: bool,
    by_kernels: bool,
) -> None:
    draw = torch.Generator().manual_seed(0)
    x = torch.randn(*shape, 6, dtype=torch.float64, generator=draw)
    with pytest.MonkeyPatch.context() as patch:
        if not by_kernels:
            patch.setattr(window_kernels, "INSTALLED", False)
        sums = window_sums(x, weights, stride=stride, padding=padding, mean=mean, square=square)
        roots = window_roots(x, weights, eps=0.1, stride=stride, padding=padding, mean=mean)
    mass = by_windows(torch.ones_like(x), weights, stride, padding) if mean else 1.0
    expected = by_windows(x.square() if square else x, weights, stride, padding) / mass
    torch.testing.assert_close(sums, expected)
    energy = by_windows(x.square(), weights, stride, padding) / mass
    torch.testing.assert_close(roots, (energy + 0.1).sqrt())


@KERNELS
@pytest.mark.parametrize("stride", [1, 2, 3, 4])
@pytest.mark.parametrize("size", [1, 2, 3])
@pytest.mark.parametrize("mean", [False, True])
def test_the_spread_is_the_adjoint(size: int, stride: int, mean: bool) -> None:
    weights, windows, border = [0.5, 1.0, 2.0][:size], [7 // stride, 9 // stride], [size // 2, 0]
    x = torch.randn(7, 9, 70, dtype=torch.float64)
    sums = window_kernels.window_sum(x, weights, stride, windows, border, mean, False)
    other = torch.randn_like(sums)
    back = window_kernels.window_spread(other, weights, stride, [7, 9], border, mean)
    torch.testing.assert_close((sums * other).sum(), (x * back).sum())


@KERNELS
@pytest.mark.parametrize("square", [False, True])
def test_derivatives_of_derivatives_are_right(square: bool) -> None:
    x = torch.randn(2, 1, 4, 5, dtype=torch.float64, requires_grad=True)

    def sums(x: torch.Tensor) -> torch.Tensor:
        return window_sums(x, [0.5, 2.0], stride=2, padding="same", square=square).sin()

    assert torch.autograd.gradcheck(sums, [x])
    assert torch.autograd.gradgradcheck(sums, [x])


@KERNELS
@pytest.mark.parametrize("mean", [False, True])
def test_derivatives_of_roots_are_right(mean: bool) -> None:
    x = torch.randn(2, 1, 4, 5, dtype=torch.float64, requires_grad=True)

    def roots(x: torch.Tensor) -> torch.Tensor:
        return window_roots(x, [0.5, 2.0], eps=0.1, stride=2, padding="same", mean=mean)

    assert torch.autograd.gradcheck(roots, [x])
    assert torch.autograd.gradgradcheck(roots, [x])


@KERNELS
def test_the_operations_keep_the_rules_of_torch() -> None:
    x = torch.randn(5, 6, 3, dtype=torch.float64, requires_grad=True)
    sums = torch.randn(2, 3, 3, dtype=torch.float64, requires_grad=True)
    found = [
        opcheck(window_kernels.window_sum, (x, [1.0, 2.0], 2, [2, 3], [0, 0], False, True)),
        opcheck(window_kernels.window_root, (x, [1.0, 2.0], 2, [2, 3], [0, 0], True, 0.1)),
        opcheck(window_kernels.window_spread, (sums, [1.0, 2.0], 2, [5, 6], [0, 0], True)),
    ]
    assert all(set(checks.values()) == {"SUCCESS"} for checks in found)


def test_an_empty_batch_passes() -> None:
    assert window_sums(torch.zeros(0, 2, 5, 5), [1.0] * 3).shape == (0, 2, 3, 3)


@pytest.mark.parametrize("maps", [8, 9])
def test_maps_of_a_convolution_stay_as_they_lie(maps: int) -> None:
    x = torch.randn(2, maps, 5, 5).contiguous(memory_format=torch.channels_last)
    sums = window_sums(x, [1.0] * 3)
    assert sums.is_contiguous(memory_format=torch.channels_last)
    torch.testing.assert_close(sums, by_windows(x, [1.0] * 3, 1, "valid"))


@KERNELS
def test_what_would_not_fit_on_a_stack_is_left_to_torch() -> None:
    assert window_kernels.usable(torch.zeros(1, 1, 1, 60))
    x = torch.randn(1, 1, 3, 5000)
    assert not window_kernels.usable(x)
    torch.testing.assert_close(window_sums(x, [1.0] * 3), by_windows(x, [1.0] * 3, 1, "valid"))
