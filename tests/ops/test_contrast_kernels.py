"""Division by the local deviation, by kernels, against the plain formula."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.library import opcheck

from featlearn.ops import contrast_kernels

pytest.importorskip("llvmlite", reason="needs the extra `fast`")


def operands(maps: int, batch: int, *, shared: bool, dtype: torch.dtype) -> list[Tensor]:
    draw = torch.Generator().manual_seed(0)
    v = torch.randn(3, 4, maps, batch, generator=draw, dtype=dtype)
    s = torch.rand(3, 4, 1 if shared else maps, batch, generator=draw, dtype=dtype)
    least = torch.rand(batch, generator=draw, dtype=dtype) + 0.1
    return [one.requires_grad_() for one in (v, s, least)]


@given(
    maps=st.integers(1, 3),
    batch=st.sampled_from([1, 3, 16, 33]),
    shared=st.booleans(),
    dtype=st.sampled_from([torch.float32, torch.float64]),
)
@settings(max_examples=30, deadline=None, derandomize=True)
def test_equals_the_formula_and_its_derivative(
    maps: int, batch: int, shared: bool, dtype: torch.dtype
) -> None:
    given_all = operands(maps, batch, shared=shared, dtype=dtype)
    found, expected = contrast_kernels.contrast(*given_all), contrast_kernels.plain(*given_all)
    torch.testing.assert_close(found, expected)
    slope = torch.randn(found.shape, dtype=dtype, generator=torch.Generator().manual_seed(1))
    slopes = [torch.autograd.grad(y, given_all, slope) for y in (found, expected)]
    for one, other in zip(*slopes, strict=True):
        torch.testing.assert_close(one, other)


@pytest.mark.parametrize("shared", [False, True])
def test_derivatives_of_derivatives_are_right(shared: bool) -> None:
    given_all = operands(2, 3, shared=shared, dtype=torch.float64)
    assert torch.autograd.gradcheck(contrast_kernels.contrast, given_all)
    assert torch.autograd.gradgradcheck(contrast_kernels.contrast, given_all)


def test_the_operation_keeps_the_rules_of_torch() -> None:
    given_all = operands(2, 3, shared=True, dtype=torch.float64)
    checks = opcheck(contrast_kernels.contrast, tuple(given_all))
    assert set(checks.values()) == {"SUCCESS"}


def test_an_empty_batch_passes() -> None:
    given_all = operands(2, 0, shared=False, dtype=torch.float32)
    y = contrast_kernels.contrast(*given_all)
    y.sum().backward()
    assert y.shape == (3, 4, 2, 0)
    assert [one.grad is not None for one in given_all] == [True] * 3
