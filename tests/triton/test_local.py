"""Triton's products of the locally connected layer against the plain products."""

from types import SimpleNamespace
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from featlearn.ops import local_cuda, local_plain
from featlearn.ops.kernels.geometry import Local
from featlearn.ops.triton.tiles import (
    Tile,
    forward_tile,
    gradient_tile,
    transpose_tile,
)
from tests.ops.closeness import Operands, excess, operands


@st.composite
def layers(draw: st.DrawFn) -> Local:
    """Draw sizes: kernels that do not fit evenly, one-pixel outputs, strides beyond the kernel."""
    kernel = draw(st.integers(1, 4)), draw(st.integers(1, 4))
    stride = draw(st.integers(1, 4))
    plane = (kernel[0] + draw(st.integers(0, 4)), kernel[1] + draw(st.integers(0, 5)))
    batch = draw(st.sampled_from([1, 2, 16, 19, 40]))
    channels, maps = draw(st.integers(1, 5)), draw(st.sampled_from([1, 2, 7, 8, 9, 17]))
    return Local(batch, *plane, channels, maps, *kernel, stride)


def found(given: Operands, sizes: Local, tiles: tuple[Tile, Tile, Tile]) -> list[torch.Tensor]:
    """Take the three products by the kernels."""
    from featlearn.ops.triton.local_forward import local
    from featlearn.ops.triton.local_gradient import gradient
    from featlearn.ops.triton.local_transpose import transpose

    x, weight, bias, codes = given
    return [
        local(x, weight, bias, sizes, tiles[0]),
        local(x, weight, None, sizes, tiles[0]),
        transpose(codes, weight, sizes, tiles[1]),
        gradient(x, codes, sizes, tiles[2]),
    ]


def expected(given: Operands, sizes: Local) -> list[torch.Tensor]:
    """Take them in plain torch, in double precision."""
    x, weight, bias, codes = (t.double() for t in given)
    own = weight.clone().requires_grad_()
    y = local_plain.local(x, own, None, sizes.stride)
    (slope,) = torch.autograd.grad(y, own, codes)
    plane = (sizes.height, sizes.width)
    back = local_plain.transpose(codes, weight, *plane, sizes.stride)
    return [y.detach() + bias.unsqueeze(3), y.detach(), back, slope]


def worst(given: Operands, sizes: Local, tiles: tuple[Tile, Tile, Tile]) -> float:
    """Compare the kernels with the plain products: at most 1 is as exact as may be."""
    dtype = given[0].dtype
    allowed = 1e-5 if dtype == torch.float32 else 2**-6
    products = found(given, sizes, tiles)
    assert all(product.dtype == dtype for product in products)
    return max(
        excess(ours, exact, rtol=allowed, atol=allowed)
        for ours, exact in zip(products, expected(given, sizes), strict=True)
    )


def chosen(sizes: Local, itemsize: int) -> tuple[Tile, Tile, Tile]:
    """Take the tiles that the rules choose."""
    return (
        forward_tile(sizes, itemsize),
        transpose_tile(sizes, itemsize),
        gradient_tile(sizes, itemsize),
    )


@given(layers(), st.sampled_from([torch.float32, torch.bfloat16, torch.float16]))
@settings(max_examples=40, deadline=None, derandomize=True)
def test_equals_the_plain_products(sizes: Local, dtype: torch.dtype) -> None:
    assert worst(operands(sizes, dtype), sizes, chosen(sizes, dtype.itemsize)) <= 1


@pytest.mark.parametrize(
    ("down", "right", "units"), [(1, 1, 16), (4, 1, 4), (1, 8, 2), (2, 2, 8), (4, 4, 2)]
)
@pytest.mark.parametrize("stride", [1, 2, 3])
@pytest.mark.parametrize("spread", [1, 2])
def test_every_tile_gives_the_same(
    down: int, right: int, units: int, stride: int, spread: int
) -> None:
    reach = (right * spread - 1) * stride + 4
    sizes = Local(21, max(9, (down - 1) * stride + 4), max(8, reach), 3, 5, 4, 4, stride)
    block = Tile(down, right, spread, units, samples=16, inner=16, warps=4)
    row = Tile(down, 1, spread, right * units, samples=16, inner=16, warps=4)
    assert worst(operands(sizes, torch.float32), sizes, (block, row, block)) <= 1


def test_an_empty_batch_passes() -> None:
    sizes = Local(0, 6, 5, 2, 3, 3, 2, 1)
    y, _, back, slope = found(operands(sizes, torch.float32), sizes, chosen(sizes, 4))
    assert y.shape == (4, 4, 3, 0)
    assert back.shape == (6, 5, 2, 0)
    assert not slope.any()


def test_nothing_is_read_or_written_beside_the_operands(monkeypatch: pytest.MonkeyPatch) -> None:
    memory: list[torch.Tensor] = []
    beside = 4096

    def guarded(t: torch.Tensor) -> torch.Tensor:
        """Lay numbers out with others around that spoil every sum."""
        whole = torch.full((t.numel() + 2 * beside,), torch.nan)
        memory.append(whole)
        return whole[beside : beside + t.numel()].view(t.shape).copy_(t)

    def new_empty(like: torch.Tensor, *shape: int, **kind: Any) -> torch.Tensor:
        return torch.empty(0) if kind else guarded(torch.full(shape, torch.nan))

    sizes = Local(17, 11, 10, 3, 5, 4, 3, 3)
    x, weight, bias, codes = (guarded(t) for t in operands(sizes, torch.float32))
    plain = expected(operands(sizes, torch.float32), sizes)
    monkeypatch.setattr(torch.Tensor, "new_empty", new_empty)
    ours = found((x, weight, bias, codes), sizes, chosen(sizes, 4))
    monkeypatch.undo()
    assert len(memory) == 8
    assert all(whole[:beside].isnan().all() and whole[-beside:].isnan().all() for whole in memory)
    for one, exact in zip(ours, plain, strict=True):
        torch.testing.assert_close(one.double(), exact, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float32, torch.float64])
def test_precision_decides_what_multiplies(
    dtype: torch.dtype, monkeypatch: pytest.MonkeyPatch
) -> None:
    called: list[str] = []

    def able(x: torch.Tensor) -> bool:
        called.append(str(x.dtype))
        return True

    monkeypatch.setattr(local_cuda, "able", able)
    sizes = Local(5, 8, 6, 2, 3, 3, 2, 2)
    x, weight, bias, codes = operands(sizes, dtype)
    error = 2**-6 if dtype == torch.bfloat16 else 1e-4
    exact = expected((x, weight, bias, codes), sizes)
    ours = [
        local_cuda.local(x, weight, bias, 2),
        local_cuda.local(x, weight, None, 2),
        local_cuda.transpose(codes, weight, 8, 6, 2),
        local_cuda.gradient(x, codes, 3, 2, 2),
    ]
    # Single precision is rounded to that of the tensor cores only where torch may do so.
    assert called == (["torch.bfloat16"] * 4 if dtype == torch.bfloat16 else [])
    for one, other in zip(ours, exact, strict=True):
        torch.testing.assert_close(one.double(), other, rtol=error, atol=error)


def test_single_precision_goes_to_tensor_cores_where_torch_may_round(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(local_cuda, "able", lambda _: True)
    single, small = torch.zeros(1), Local(16, 8, 8, 2, 4, 3, 3, 1)
    assert local_cuda._tile(forward_tile, small, single) is None
    monkeypatch.setattr(torch.backends.cuda, "matmul", SimpleNamespace(fp32_precision="tf32"))
    assert local_cuda._tile(forward_tile, small, single) == forward_tile(small, 4)
    assert local_cuda._tile(forward_tile, small, single.double()) is None


def test_what_a_kernel_cannot_count_is_taken_by_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(local_cuda, "able", lambda _: True)
    half = torch.zeros(1, dtype=torch.bfloat16)
    wide = Local(2**21, 200, 200, 3, 8, 18, 18, 1)
    for choose in (forward_tile, transpose_tile, gradient_tile):
        assert local_cuda._tile(choose, wide._replace(batch=256), half) is not None
        assert local_cuda._tile(choose, wide, half) is None
