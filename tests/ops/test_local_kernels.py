"""Generated kernels of the locally connected layer against the plain products."""

import itertools

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.library import opcheck

from featlearn.ops import local_kernels, local_plain
from featlearn.ops.local import local2d

pytest.importorskip("llvmlite", reason="needs the extra `fast`")

from featlearn.ops.kernels.geometry import Local, evenly
from featlearn.ops.kernels.local_forward import forward_kernel
from featlearn.ops.kernels.local_gradient import gradient_kernel
from featlearn.ops.kernels.local_transpose import transpose_kernel
from featlearn.ops.kernels.target import Target, host, number
from tests.ops.closeness import operands


@st.composite
def layers(draw: st.DrawFn) -> Local:
    """Draw sizes: batches around a vector's, few and many maps, one-pixel outputs too."""
    kernel = draw(st.integers(1, 4)), draw(st.integers(1, 4))
    stride = draw(st.integers(1, 3))
    plane = (kernel[0] + draw(st.integers(0, 5)), kernel[1] + draw(st.integers(0, 5)))
    batch = draw(st.sampled_from([1, 3, 15, 16, 17, 33, 48, 70]))
    channels, maps = draw(st.integers(1, 5)), draw(st.sampled_from([1, 2, 7, 8, 9, 16, 19, 33]))
    return Local(batch, *plane, channels, maps, *kernel, stride)


@given(layers(), st.sampled_from([torch.float32, torch.float64]))
@settings(max_examples=60, deadline=None, derandomize=True)
def test_equals_the_plain_products(sizes: Local, dtype: torch.dtype) -> None:
    x, weight, bias, codes = operands(sizes, dtype)
    stride, plane = sizes.stride, (sizes.height, sizes.width)
    torch.testing.assert_close(
        local_kernels.local(x, weight, bias, stride), local_plain.local(x, weight, bias, stride)
    )
    torch.testing.assert_close(
        local_kernels.transpose(codes, weight, *plane, stride),
        local_plain.transpose(codes, weight, *plane, stride),
    )
    plain = weight.clone().requires_grad_()
    (expected,) = torch.autograd.grad(local_plain.local(x, plain, None, stride), plain, codes)
    found = local_kernels.gradient(x, codes, sizes.kernel_height, sizes.kernel_width, stride)
    torch.testing.assert_close(found, expected)


@pytest.mark.parametrize("vector_bytes", [16, 32])
@pytest.mark.parametrize("registers", [16, 32])
def test_narrower_vectors_give_the_same(vector_bytes: int, registers: int) -> None:
    target = Target(vector_bytes, registers, host().features)
    for bytes_of_one, dtype in ((4, torch.float32), (8, torch.float64)):
        sizes = Local(9, 7, 8, 3, 10, 3, 2, 2)
        kind = number(bytes_of_one, target)
        x, weight, bias, codes = operands(sizes, dtype)
        y, back, slope = (torch.full_like(t, torch.nan) for t in (codes, x, weight))
        forward_kernel(sizes, kind, target, biased=True)(x, weight, bias, y)
        transpose_kernel(sizes, kind, target)(codes, weight, back)
        gradient_kernel(sizes, kind, target)(x, codes, slope)
        torch.testing.assert_close(y, local_plain.local(x, weight, bias, 2))
        torch.testing.assert_close(back, local_plain.transpose(codes, weight, 7, 8, 2))
        torch.testing.assert_close(slope, local_kernels.gradient(x, codes, 3, 2, 2))


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_bytes_do_not_depend_on_the_threads(dtype: torch.dtype) -> None:
    x, weight, bias, codes = operands(Local(40, 11, 12, 3, 8, 4, 3, 1), dtype)
    found: list[list[torch.Tensor]] = []
    for threads in (1, 2, 5):
        torch.set_num_threads(threads)
        found.append(
            [
                local_kernels.local(x, weight, bias, 1),
                local_kernels.transpose(codes, weight, 11, 12, 1),
                local_kernels.gradient(x, codes, 4, 3, 1),
            ]
        )
    for one, other in itertools.pairwise(found):
        for a, b in zip(one, other, strict=True):
            assert torch.equal(a, b)


def test_python_threads_do_where_torch_has_none_of_gnu(monkeypatch: pytest.MonkeyPatch) -> None:
    from featlearn.ops.kernels import compiler

    monkeypatch.setattr(compiler, "openmp", lambda: None)
    monkeypatch.setattr(torch, "get_num_threads", lambda: 3)
    sizes = Local(4, 5, 6, 1, 2, 2, 2, 1)
    x, weight, bias, codes = operands(sizes, torch.float32)
    forward_kernel(sizes, number(4, host()), host(), biased=True)(x, weight, bias, codes)
    torch.testing.assert_close(codes, local_plain.local(x, weight, bias, 1))


def test_derivatives_of_derivatives_are_right() -> None:
    x, weight, bias, codes = (t.requires_grad_() for t in operands(Local(2, 4, 3, 1, 2, 2, 2, 1)))

    def all_three(
        x: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor, codes: torch.Tensor
    ) -> tuple[torch.Tensor, ...]:
        return (
            local_kernels.local(x, weight, bias, 1),
            local_kernels.transpose(codes, weight, 4, 3, 1),
            local_kernels.gradient(x, codes, 2, 2, 1),
        )

    assert torch.autograd.gradcheck(all_three, [x, weight, bias, codes])
    assert torch.autograd.gradgradcheck(all_three, [x, weight, bias, codes], fast_mode=True)


def test_a_batch_larger_than_the_scratch_memory_is_summed_in_parts() -> None:
    x, weight, _, codes = operands(Local(9000, 3, 3, 1, 2, 2, 2, 1))
    found = local_kernels.gradient(x, codes, 2, 2, 1)
    plain = weight.requires_grad_()
    (expected,) = torch.autograd.grad(local_plain.local(x, plain, None, 1), plain, codes)
    torch.testing.assert_close(found, expected)


def test_the_operations_keep_the_rules_of_torch() -> None:
    x, weight, bias, codes = (t.requires_grad_() for t in operands(Local(3, 4, 3, 1, 2, 2, 2, 1)))
    found = [
        opcheck(local_kernels.local, (x, weight, bias, 1)),
        opcheck(local_kernels.transpose, (codes, weight, 4, 3, 1)),
        opcheck(local_kernels.gradient, (x, codes, 2, 2, 1)),
    ]
    assert all(set(checks.values()) == {"SUCCESS"} for checks in found)


def test_parts_are_as_even_as_can_be() -> None:
    assert evenly(8, 3) == [3, 3, 2]
    assert evenly(24, 24) == [24]
    assert evenly(25, 24) == [13, 12]


def test_what_would_not_fit_on_a_stack_is_left_to_the_plain_products() -> None:
    x = torch.zeros(1, 1, 1, 1)
    assert local_kernels.usable(x, torch.zeros(1, 1, 1, 4, 1, 5))
    wide = torch.zeros(1, 1, 1, 2, 1, 5000)
    assert not local_kernels.usable(x, wide)


def test_a_stride_beyond_the_kernel_leaves_columns_out() -> None:
    sizes = Local(3, 9, 9, 2, 3, 2, 2, 4)
    x, weight, bias, codes = operands(sizes, torch.float32)
    torch.testing.assert_close(
        local_kernels.local(x, weight, bias, 4), local_plain.local(x, weight, bias, 4)
    )
    back = local_kernels.transpose(codes, weight, 9, 9, 4)
    torch.testing.assert_close(back, local_plain.transpose(codes, weight, 9, 9, 4))
    plain = weight.clone().requires_grad_()
    (expected,) = torch.autograd.grad(local_plain.local(x, plain, None, 4), plain, codes)
    torch.testing.assert_close(local_kernels.gradient(x, codes, 2, 2, 4), expected)


def test_transforms_of_torch_go_through_the_plain_products() -> None:
    x, weight = torch.randn(5, 2, 4, 4), torch.randn(3, 3, 2, 2, 2, 2)

    def energy(weight: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
        return local2d(x.unsqueeze(0), weight).square().sum()

    each = torch.func.vmap(torch.func.grad(energy), in_dims=(None, 0))(weight, x)
    own = weight.clone().requires_grad_()
    (expected,) = torch.autograd.grad(energy(own, x[3]), own)
    torch.testing.assert_close(each[3], expected)


def test_operands_that_do_not_go_together_are_never_read() -> None:
    with pytest.raises(AssertionError):
        local_kernels.local(torch.zeros(3, 3, 1, 2), torch.zeros(3, 3, 1, 3, 3, 1), None, 1)
