"""The products by blocks against the plain products of each position."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from featlearn.ops import local_blocks, local_plain
from featlearn.ops.local_blocks import Blocks, block_side

Shape = tuple[int, int, int, int, tuple[int, int], tuple[int, int], int]


@st.composite
def layers(draw: st.DrawFn) -> Shape:
    """Draw batch, channels, maps, positions beyond the first, kernel and stride."""
    kernel = draw(st.integers(1, 5)), draw(st.integers(1, 5))
    stride = draw(st.integers(1, 4))
    plane = (kernel[0] + draw(st.integers(0, 9)), kernel[1] + draw(st.integers(0, 9)))
    batch = draw(st.sampled_from([0, 1, 2, 7]))
    return batch, draw(st.integers(1, 3)), draw(st.integers(1, 5)), 0, plane, kernel, stride


def operands(shape: Shape) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
    """Make planes, weights, biases and codes that go together."""
    batch, channels, maps, seed, plane, kernel, stride = shape
    draw = torch.Generator().manual_seed(seed)
    grid = [(plane[axis] - kernel[axis]) // stride + 1 for axis in (0, 1)]
    shapes = [
        (*plane, channels, batch),
        (*grid, maps, *kernel, channels),
        (*grid, maps),
        (*grid, maps, batch),
    ]
    x, weight, bias, codes = (torch.randn(s, generator=draw, dtype=torch.float64) for s in shapes)
    return x, weight, bias, codes


def gradient(
    x: torch.Tensor, weight: torch.Tensor, codes: torch.Tensor, stride: int
) -> torch.Tensor:
    own = weight.clone().requires_grad_()
    (found,) = torch.autograd.grad(local_plain.local(x, own, None, stride), own, codes)
    return found


@given(layers(), st.integers(1, 8), st.booleans())
@settings(max_examples=100, deadline=None, derandomize=True)
def test_equals_the_plain_products(shape: Shape, side: int, in_bands: bool) -> None:
    plane, kernel, stride = shape[4:]
    x, weight, bias, codes = operands(shape)
    rows, columns = weight.shape[:2]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(local_blocks, "block_side", lambda *_: (min(side, rows), min(side, columns)))
        if in_bands:
            patch.setattr(local_blocks, "_MOST_COPIED", 1)
        torch.testing.assert_close(
            local_blocks.local(x, weight, bias, stride), local_plain.local(x, weight, bias, stride)
        )
        torch.testing.assert_close(
            local_blocks.transpose(codes, weight, *plane, stride),
            local_plain.transpose(codes, weight, *plane, stride),
        )
        found = local_blocks.gradient(x, codes, *kernel, stride)
    torch.testing.assert_close(found, gradient(x, weight, codes, stride))
    assert found.is_contiguous()


def test_derivatives_of_derivatives_are_right() -> None:
    given = [t.requires_grad_() for t in operands((2, 1, 2, 0, (5, 4), (2, 2), 1))]

    def all_three(
        x: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor, codes: torch.Tensor
    ) -> tuple[torch.Tensor, ...]:
        return (
            local_blocks.local(x, weight, bias, 1),
            local_blocks.transpose(codes, weight, 5, 4, 1),
            local_blocks.gradient(x, codes, 2, 2, 1),
        )

    assert torch.autograd.gradcheck(all_three, given)
    assert torch.autograd.gradgradcheck(all_three, given, fast_mode=True)


def test_half_precision_is_added_up_in_single() -> None:
    shape = (3, 2, 4, 0, (14, 14), (9, 9), 1)
    _, weight, _, codes = (t.bfloat16() for t in operands(shape))
    found = local_blocks.transpose(codes, weight, 14, 14, 1)
    exact = local_plain.transpose(codes.double(), weight.double(), 14, 14, 1)
    assert found.dtype == torch.bfloat16
    error = (found.double() - exact).abs().max() / exact.abs().max()
    assert error < 2**-7


@pytest.mark.parametrize(
    ("weight", "stride", "side"),
    [
        ((22, 22, 16, 7, 7, 1), 1, (2, 2)),
        ((13, 13, 32, 8, 8, 3), 2, (2, 2)),
        ((23, 23, 8, 18, 18, 8), 1, (6, 6)),
        ((1, 1, 8, 5, 5, 3), 1, (1, 1)),
        ((2, 9, 8, 5, 5, 3), 1, (2, 3)),
        ((9, 9, 512, 3, 3, 64), 1, (1, 1)),
    ],
)
def test_sizes_alone_choose_the_block(
    weight: tuple[int, ...], stride: int, side: tuple[int, int]
) -> None:
    assert block_side(weight, 128, stride) == side


def test_a_block_sees_what_its_positions_see_together() -> None:
    blocks = Blocks(grid=(5, 7), kernel=(4, 3), stride=2, side=(2, 3))
    assert blocks.window == (6, 7)
    assert blocks.counts == (3, 3)
    assert blocks.plane(3) == (14, 19)
