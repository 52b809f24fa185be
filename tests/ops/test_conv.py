"""Convolution against SciPy, and its adjoint."""

from typing import Any

import pytest
import scipy.signal
import torch

from featlearn.errors import ShapeError
from featlearn.geometry import Padding
from featlearn.ops.conv import conv2d, conv_transpose2d
from featlearn.ops.local import local2d, local_transpose2d
from featlearn.ops.tiled import tiled2d, tiled_transpose2d

GEOMETRIES = [
    (size, stride, padding)
    for size in (1, 2, 3, 4)
    for stride in (1, 2, 3)
    for padding in ("valid", "same")
]


def test_equals_scipys_correlation() -> None:
    x, weight = torch.randn(2, 3, 7, 8).double(), torch.randn(4, 3, 3, 3).double()
    bias = torch.randn(4).double()
    y = conv2d(x, weight, bias)
    for sample in range(2):
        for unit in range(4):
            expected = scipy.signal.correlate(x[sample].numpy(), weight[unit].numpy(), "valid")
            torch.testing.assert_close(
                y[sample, unit], torch.from_numpy(expected[0]) + bias[unit], rtol=1e-9, atol=1e-9
            )


@pytest.mark.parametrize("size", [2, 3, 4])
def test_same_equals_scipys_with_the_odd_zero_after(size: int) -> None:
    x, weight = torch.randn(1, 1, 7, 8).double(), torch.randn(1, 1, size, size).double()
    expected = scipy.signal.correlate2d(x[0, 0].numpy(), weight[0, 0].numpy(), "full")
    after = size // 2  # of the full correlation, (size - 1) // 2 zeros stay before
    expected = expected[after : after + 7, after : after + 8]
    y = conv2d(x, weight, padding="same")
    torch.testing.assert_close(y[0, 0], torch.from_numpy(expected), rtol=1e-9, atol=1e-9)


def test_a_stride_takes_every_second_position() -> None:
    x, weight = torch.randn(2, 1, 9, 8), torch.randn(3, 1, 3, 3)
    torch.testing.assert_close(conv2d(x, weight, stride=2), conv2d(x, weight)[:, :, ::2, ::2])


@pytest.mark.parametrize(("size", "stride", "padding"), GEOMETRIES)
@pytest.mark.parametrize("plane", [(7, 8), (9, 5)])
def test_the_transpose_is_the_adjoint(
    size: int, stride: int, padding: Padding, plane: tuple[int, int]
) -> None:
    x = torch.randn(2, 3, *plane, dtype=torch.float64)
    weight = torch.randn(4, 3, size, size, dtype=torch.float64)
    y = conv2d(x, weight, stride=stride, padding=padding)
    h = torch.randn_like(y)
    back = conv_transpose2d(h, weight, size=plane, stride=stride, padding=padding)
    assert back.shape == x.shape
    torch.testing.assert_close((y * h).sum(), (x * back).sum())


@pytest.mark.parametrize("padding", ["valid", "same"])
def test_gradients_are_right(padding: Padding) -> None:
    x = torch.randn(2, 1, 5, 4, dtype=torch.float64, requires_grad=True)
    weight = torch.randn(2, 1, 2, 2, dtype=torch.float64, requires_grad=True)

    def there_and_back(x: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
        h = conv2d(x, weight, stride=2, padding=padding)
        return conv_transpose2d(h, weight, size=(5, 4), stride=2, padding=padding)

    assert torch.autograd.gradcheck(there_and_back, [x, weight])


def test_an_empty_batch_passes() -> None:
    weight = torch.randn(4, 3, 3, 3)
    h = conv2d(torch.zeros(0, 3, 7, 7), weight, stride=2, padding="same")
    assert h.shape == (0, 4, 4, 4)
    back = conv_transpose2d(h, weight, size=(7, 7), stride=2, padding="same")
    assert back.shape == (0, 3, 7, 7)


def test_too_small_an_image_names_the_shape() -> None:
    with pytest.raises(ShapeError, match=r"conv2d needs .*height >= 3.*got \(1, 1, 2, 9\)"):
        conv2d(torch.ones(1, 1, 2, 9), torch.ones(1, 1, 3, 3))


def test_another_number_of_channels_is_named() -> None:
    with pytest.raises(ShapeError, match=r"3 maps.*got \(1, 1, 9, 9\)"):
        conv2d(torch.ones(1, 1, 9, 9), torch.ones(1, 3, 3, 3))


def test_codes_of_another_size_are_named() -> None:
    with pytest.raises(ShapeError, match=r"codes \(batch, 1, 7, 7\).*got \(1, 1, 6, 7\)"):
        conv_transpose2d(torch.ones(1, 1, 6, 7), torch.ones(1, 1, 3, 3), size=(9, 9))


@pytest.mark.parametrize("padding", [1, 2])
@pytest.mark.parametrize("stride", [1, 2])
def test_a_border_of_so_many_zeros_is_the_same_for_every_way_of_sharing(
    padding: int, stride: int
) -> None:
    draw = torch.Generator().manual_seed(0)
    x, weight = (torch.randn(shape, generator=draw) for shape in ((2, 3, 8, 7), (4, 3, 3, 3)))
    expected = torch.nn.functional.conv2d(x, weight, stride=stride, padding=padding)
    how: dict[str, Any] = {"stride": stride, "padding": padding}
    torch.testing.assert_close(conv2d(x, weight, **how), expected)
    rows, columns = expected.shape[2:]
    untied = weight.expand(rows, columns, *weight.shape).contiguous()
    torch.testing.assert_close(local2d(x, untied, **how), expected)
    tiled = weight.expand(2, 2, *weight.shape).contiguous()
    torch.testing.assert_close(tiled2d(x, tiled, **how), expected)
    h = torch.randn(expected.shape, generator=draw)
    (down,) = torch.autograd.grad(conv2d(at := x.clone().requires_grad_(), weight, **how), at, h)
    torch.testing.assert_close(conv_transpose2d(h, weight, size=(8, 7), **how), down)
    torch.testing.assert_close(local_transpose2d(h, untied, size=(8, 7), **how), down)
    torch.testing.assert_close(tiled_transpose2d(h, tiled, size=(8, 7), **how), down)
