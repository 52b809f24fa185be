"""Triton's division by the local deviation against the plain formula and its derivative."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from featlearn.ops import contrast_kernels


@given(
    st.tuples(st.integers(1, 20), st.integers(1, 20), st.integers(1, 3)),
    st.sampled_from([1, 3, 64, 70]),
    st.booleans(),
    st.sampled_from([torch.float32, torch.float64]),
)
@settings(max_examples=20, deadline=None, derandomize=True)
def test_equals_the_formula_and_its_derivative(
    shape: tuple[int, int, int], batch: int, shared: bool, dtype: torch.dtype
) -> None:
    from featlearn.ops.triton.contrast import quotient, slopes

    rows, columns, maps = shape
    draw = torch.Generator().manual_seed(0)
    v, slope = (torch.randn(*shape, batch, generator=draw, dtype=dtype) for _ in range(2))
    s = torch.rand(rows, columns, 1 if shared else maps, batch, generator=draw, dtype=dtype)
    least = torch.rand(batch, generator=draw, dtype=dtype) + 0.1
    given_all = [one.clone().requires_grad_() for one in (v, s, least)]
    expected = contrast_kernels.plain(*given_all)
    y = quotient(v, s, least)
    torch.testing.assert_close(y, expected.detach())
    plain = torch.autograd.grad(expected, given_all, slope)
    error = 1e-4 if dtype == torch.float32 else 1e-10
    for one, other in zip(slopes(slope, y, s, least), plain, strict=True):
        torch.testing.assert_close(one, other, rtol=error, atol=error)


@pytest.mark.parametrize("shared", [False, True])
def test_an_empty_batch_passes(shared: bool) -> None:
    from featlearn.ops.triton.contrast import quotient, slopes

    v, s, least = torch.zeros(3, 4, 2, 0), torch.zeros(3, 4, 1 if shared else 2, 0), torch.zeros(0)
    y = quotient(v, s, least)
    found = slopes(v, y, s, least)
    assert [one.shape for one in (y, *found)] == [v.shape, v.shape, s.shape, least.shape]
