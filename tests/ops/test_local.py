"""Untied filters against plain loops and against convolution, and their adjoint."""

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch.autograd import forward_ad

from featlearn.errors import ShapeError
from featlearn.geometry import Padding, output_size
from featlearn.ops.conv import conv2d, conv_transpose2d
from featlearn.ops.local import local2d, local_transpose2d

GEOMETRIES = [
    (window, stride, padding)
    for window in ((1, 1), (3, 3), (2, 3), (4, 2))
    for stride in (1, 2, 3)
    for padding in ("valid", "same")
]


def positions(
    plane: tuple[int, int], window: tuple[int, int], stride: int, padding: Padding
) -> tuple[int, ...]:
    return tuple(
        output_size(length, window=side, stride=stride, padding=padding)
        for length, side in zip(plane, window, strict=True)
    )


def by_loops(
    x: NDArray[np.float64], weight: NDArray[np.float64], stride: int, padding: Padding
) -> NDArray[np.float64]:
    rows, columns, maps, _, height, width = weight.shape
    # All windows together reach from the first to (count - 1) · stride + side; what is
    # missing is shared by both ends, the odd zero after.
    border = [(0, 0), (0, 0)]
    if padding == "same":
        missing = [
            max((count - 1) * stride + side - length, 0)
            for count, side, length in zip(
                (rows, columns), (height, width), x.shape[2:], strict=True
            )
        ]
        border = [(zeros // 2, zeros - zeros // 2) for zeros in missing]
    x = np.pad(x, [(0, 0), (0, 0), *border])
    y = np.empty((len(x), maps, rows, columns))
    for row, column in np.ndindex(rows, columns):
        top, left = row * stride, column * stride
        seen = x[:, :, top : top + height, left : left + width]
        for unit in range(maps):
            y[:, unit, row, column] = (seen * weight[row, column, unit]).sum((1, 2, 3))
    return y


@pytest.mark.parametrize(("window", "stride", "padding"), GEOMETRIES)
def test_equals_plain_loops(window: tuple[int, int], stride: int, padding: Padding) -> None:
    rng = np.random.default_rng(0)
    grid = positions((7, 6), window, stride, padding)
    x = rng.standard_normal((3, 2, 7, 6))
    weight = rng.standard_normal((*grid, 4, 2, *window))
    y = local2d(torch.from_numpy(x), torch.from_numpy(weight), stride=stride, padding=padding)
    np.testing.assert_allclose(y.numpy(), by_loops(x, weight, stride, padding), rtol=1e-9)


@pytest.mark.parametrize(("window", "stride", "padding"), GEOMETRIES)
@pytest.mark.parametrize("plane", [(7, 6), (9, 5)])
def test_the_transpose_is_the_adjoint(
    window: tuple[int, int], stride: int, padding: Padding, plane: tuple[int, int]
) -> None:
    x = torch.randn(3, 2, *plane, dtype=torch.float64)
    grid = positions(plane, window, stride, padding)
    weight = torch.randn(*grid, 4, 2, *window, dtype=torch.float64)
    y = local2d(x, weight, stride=stride, padding=padding)
    h = torch.randn_like(y)
    back = local_transpose2d(h, weight, size=plane, stride=stride, padding=padding)
    assert back.shape == x.shape
    torch.testing.assert_close((y * h).sum(), (x * back).sum())


@pytest.mark.parametrize("padding", ["valid", "same"])
@pytest.mark.parametrize("stride", [1, 2])
def test_equal_weights_everywhere_are_a_convolution(stride: int, padding: Padding) -> None:
    x = torch.randn(2, 3, 8, 7, dtype=torch.float64)
    weight = torch.randn(4, 3, 3, 3, dtype=torch.float64)
    y = conv2d(x, weight, stride=stride, padding=padding)
    tied = weight.expand(*y.shape[2:], -1, -1, -1, -1)
    torch.testing.assert_close(local2d(x, tied, stride=stride, padding=padding), y)
    torch.testing.assert_close(
        local_transpose2d(y, tied, size=(8, 7), stride=stride, padding=padding),
        conv_transpose2d(y, weight, size=(8, 7), stride=stride, padding=padding),
    )


def test_every_unit_has_its_own_bias() -> None:
    weight, bias = torch.zeros(3, 2, 4, 1, 2, 2), torch.randn(3, 2, 4)
    y = local2d(torch.randn(5, 1, 4, 3), weight, bias)
    torch.testing.assert_close(y, bias.permute(2, 0, 1).expand(5, -1, -1, -1))


def test_the_layout_of_the_input_does_not_matter() -> None:
    weight = torch.randn(5, 4, 3, 2, 2, 2)
    x = torch.randn(4, 2, 6, 5)
    y = local2d(x, weight)
    for order in (torch.channels_last, torch.contiguous_format):
        torch.testing.assert_close(local2d(x.contiguous(memory_format=order), weight), y)
    back = local_transpose2d(y, weight, size=(6, 5))
    torch.testing.assert_close(local_transpose2d(y.contiguous(), weight, size=(6, 5)), back)


@pytest.mark.parametrize("padding", ["valid", "same"])
def test_gradients_are_right(padding: Padding) -> None:
    grid = positions((4, 5), (2, 3), 2, padding)
    x = torch.randn(2, 1, 4, 5, dtype=torch.float64, requires_grad=True)
    weight = torch.randn(*grid, 2, 1, 2, 3, dtype=torch.float64, requires_grad=True)
    bias = torch.randn(*grid, 2, dtype=torch.float64, requires_grad=True)

    def there_and_back(x: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor) -> torch.Tensor:
        h = local2d(x, weight, bias, stride=2, padding=padding)
        return local_transpose2d(h, weight, size=(4, 5), stride=2, padding=padding)

    assert torch.autograd.gradcheck(there_and_back, [x, weight, bias])
    assert torch.autograd.gradgradcheck(there_and_back, [x, weight, bias], fast_mode=True)


def test_gradients_reach_an_empty_batch() -> None:
    weight = torch.randn(5, 5, 2, 1, 3, 3, requires_grad=True)
    h = local2d(torch.zeros(0, 1, 7, 7), weight)
    assert h.shape == (0, 2, 5, 5)
    back = local_transpose2d(h, weight, size=(7, 7))
    assert back.shape == (0, 1, 7, 7)
    back.sum().backward()
    assert weight.grad is not None
    assert not weight.grad.any()


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16])
def test_the_precision_of_the_input_is_kept(dtype: torch.dtype) -> None:
    weight = torch.randn(3, 3, 2, 1, 2, 2).to(dtype)
    h = local2d(torch.randn(2, 1, 4, 4).to(dtype), weight)
    assert h.dtype == local_transpose2d(h, weight, size=(4, 4)).dtype == dtype


def test_autocast_multiplies_in_low_precision() -> None:
    x, weight = torch.randn(2, 1, 4, 4), torch.randn(3, 3, 2, 1, 2, 2, requires_grad=True)
    with torch.autocast("cpu", torch.bfloat16):
        h = local2d(x, weight)
        back = local_transpose2d(h, weight, size=(4, 4))
    assert h.dtype == torch.bfloat16
    torch.testing.assert_close(h.float(), local2d(x, weight), rtol=0.05, atol=0.05)
    back.sum().backward()
    assert weight.grad is not None
    assert weight.grad.dtype == torch.float32


def test_a_weight_of_five_axes_is_named() -> None:
    with pytest.raises(ShapeError, match=r"\(rows, columns, maps.*got \(3, 3, 1, 2, 2\)"):
        local2d(torch.ones(1, 1, 4, 4), torch.ones(3, 3, 1, 2, 2))


def test_too_small_an_image_is_named() -> None:
    with pytest.raises(ShapeError, match=r"local2d needs .*height >= 3.*got \(1, 1, 2, 9\)"):
        local2d(torch.ones(1, 1, 2, 9), torch.ones(1, 7, 1, 1, 3, 3))


def test_weights_for_other_positions_are_named() -> None:
    with pytest.raises(ShapeError, match=r"weights for 4x4 positions .*got weights for 3x3"):
        local2d(torch.ones(1, 1, 5, 5), torch.ones(3, 3, 1, 1, 2, 2))
    with pytest.raises(ShapeError, match="local_transpose2d needs weights for 4x4"):
        local_transpose2d(torch.ones(1, 1, 3, 3), torch.ones(3, 3, 1, 1, 2, 2), size=(5, 5))


def test_a_bias_of_another_shape_is_named() -> None:
    with pytest.raises(ShapeError, match=r"bias \(4, 4, 2\).*got \(2,\)"):
        local2d(torch.ones(1, 1, 5, 5), torch.ones(4, 4, 2, 1, 2, 2), torch.ones(2))


def test_codes_of_another_shape_are_named() -> None:
    with pytest.raises(ShapeError, match=r"codes \(batch, 2, 4, 4\).*got \(1, 3, 4, 4\)"):
        local_transpose2d(torch.ones(1, 3, 4, 4), torch.ones(4, 4, 2, 1, 2, 2), size=(5, 5))


# Torch scripts its own rules for them when they are first loaded.
@pytest.mark.filterwarnings("ignore:.*torch.jit.script.*:DeprecationWarning")
def test_derivatives_taken_forwards_are_refused_and_not_zero() -> None:
    draw = torch.Generator().manual_seed(0)
    x, way = (torch.randn(3, 2, 7, 6, generator=draw) for _ in range(2))
    weight = torch.randn(5, 4, 3, 2, 3, 3, generator=draw)
    codes = torch.randn(3, 3, 5, 4, generator=draw)
    with forward_ad.dual_level():
        with pytest.raises(NotImplementedError, match="forward mode AD"):
            local2d(forward_ad.make_dual(x, way), weight)
        with pytest.raises(NotImplementedError, match="forward mode AD"):
            local_transpose2d(forward_ad.make_dual(codes, codes), weight, size=(7, 6))


@pytest.mark.parametrize(("maps", "groups"), [(5, 2), (2, 3), (4, 0), (4, -1), (4, 2.0), (4, True)])
def test_groups_that_do_not_divide_the_maps_are_named(maps: int, groups: int) -> None:
    weight = torch.ones(3, 3, maps, 2, 2, 2)
    said = rf"needs groups that divide its {maps} maps.*got {groups}"
    with pytest.raises(ShapeError, match=f"local2d {said}"):
        local2d(torch.ones(1, 4, 4, 4), weight, groups=groups)
    with pytest.raises(ShapeError, match=f"local_transpose2d {said}"):
        local_transpose2d(torch.ones(1, maps, 3, 3), weight, size=(4, 4), groups=groups)


@pytest.mark.parametrize("stride", [True, 1.0, 0, -1])
def test_a_stride_is_a_whole_number(stride: int) -> None:
    weight = torch.ones(3, 3, 1, 1, 2, 2)
    with pytest.raises(ShapeError, match=rf"local2d needs a whole number.*got {stride}"):
        local2d(torch.ones(1, 1, 4, 4), weight, stride=stride)
    with pytest.raises(ShapeError, match=rf"local_transpose2d needs a whole.*got {stride}"):
        local_transpose2d(torch.ones(1, 1, 3, 3), weight, size=(4, 4), stride=stride)
