"""Local contrast normalisation against SciPy's filters, and where it could break."""

from collections.abc import Callable
from typing import Literal

import numpy as np
import pytest
import scipy.ndimage
import torch
from numpy.typing import NDArray

from featlearn.errors import ShapeError
from featlearn.geometry import Padding, output_size
from featlearn.ops.lcn import Window, lcn, lcn_statistics

Array = NDArray[np.float64]


def kernel(size: int, window: Window) -> Array:
    offsets = np.arange(size) - (size - 1) / 2
    line = np.ones(size) if window == "box" else np.exp(-0.5 * (offsets / (size / 6)) ** 2)
    weights = np.outer(line, line)
    return weights / weights.sum()


def local_mean(planes: Array, weights: Array) -> Array:
    """Average over the window's part that lies on the plane, map by map."""
    # An even window is centred half a position before its middle.
    origin = -1 if len(weights) % 2 == 0 else 0

    def slide(plane: Array) -> Array:
        return scipy.ndimage.correlate(plane, weights, mode="constant", origin=origin)

    return np.stack([slide(plane) for plane in planes]) / slide(np.ones_like(planes[0]))


def by_definition(
    image: Array,
    *,
    size: int,
    padding: Padding,
    window: Window,
    across: bool,
    constant: Literal["mean"] | float,
) -> Array:
    """Normalise one image, `(maps, height, width)`, by the formula."""
    weights = kernel(size, window)
    together: Callable[[Array], Array] = (
        (lambda x: np.broadcast_to(x.mean(0), x.shape)) if across else (lambda x: x)
    )
    v = image - local_mean(together(image), weights)
    s = np.sqrt(local_mean(together(v**2), weights))
    if padding == "valid":
        before = (size - 1) // 2
        rows, columns = (n - size + 1 for n in image.shape[1:])
        inside = (slice(None), slice(before, before + rows), slice(before, before + columns))
        v, s = v[inside], s[inside]
    return v / np.maximum(max(1e-4, s.mean() if constant == "mean" else constant), s)


@pytest.mark.parametrize("padding", ["valid", "same"])
@pytest.mark.parametrize("window", ["box", "gaussian"])
@pytest.mark.parametrize("across", [False, True])
@pytest.mark.parametrize("constant", ["mean", 0.5])
@pytest.mark.parametrize("size", [1, 2, 3, 5])
def test_equals_the_formula(
    size: int,
    padding: Padding,
    window: Window,
    across: bool,
    constant: Literal["mean"] | float,
) -> None:
    x = np.random.default_rng(0).standard_normal((2, 3, 8, 7)) + 4
    y = lcn(
        torch.from_numpy(x),
        size=size,
        padding=padding,
        window=window,
        across=across,
        constant=constant,
    )
    expected = [
        by_definition(
            image, size=size, padding=padding, window=window, across=across, constant=constant
        )
        for image in x
    ]
    np.testing.assert_allclose(y.numpy(), np.stack(expected), rtol=1e-7, atol=1e-9)


def test_the_network_of_2012_keeps_its_sizes() -> None:
    size = 200
    for window, expected in [(18, 183), (5, 179), (5, 175), (18, 158), (5, 154), (5, 150)]:
        size = output_size(size, window=window, stride=1, padding="valid")
        assert size == expected
    assert lcn(torch.zeros(1, 1, 179, 179), size=5).shape == (1, 1, 175, 175)


@pytest.mark.parametrize("across", [False, True])
@pytest.mark.parametrize("value", [0.0, 0.7, 255.0])
def test_a_constant_image_gives_zeros(value: float, across: bool) -> None:
    x = torch.full((2, 3, 9, 9), value)
    for padding in ("valid", "same"):
        y = lcn(x, size=5, padding=padding, across=across)
        torch.testing.assert_close(y, torch.zeros_like(y), atol=1e-5, rtol=0)


@pytest.mark.parametrize("window", ["box", "gaussian"])
def test_scale_and_offset_do_not_matter(window: Window) -> None:
    x = torch.randn(2, 3, 9, 9, dtype=torch.float64)
    y = lcn(x, size=5, window=window)
    torch.testing.assert_close(lcn(30 * x - 7, size=5, window=window), y)


def test_a_large_offset_costs_little_precision() -> None:
    x = torch.randn(2, 3, 9, 9)
    torch.testing.assert_close(lcn(x + 100, size=5), lcn(x, size=5), atol=1e-3, rtol=0)


@pytest.mark.parametrize("padding", ["valid", "same"])
@pytest.mark.parametrize("window", ["box", "gaussian"])
@pytest.mark.parametrize("across", [False, True])
@pytest.mark.parametrize("constant", ["mean", 0.01])
def test_gradients_are_right(
    padding: Padding, window: Window, across: bool, constant: Literal["mean"] | float
) -> None:
    x = torch.randn(2, 2, 4, 3, dtype=torch.float64, requires_grad=True)

    def normalise(x: torch.Tensor) -> torch.Tensor:
        return lcn(x, size=3, padding=padding, window=window, across=across, constant=constant)

    assert torch.autograd.gradcheck(normalise, [x])
    assert torch.autograd.gradgradcheck(normalise, [x], fast_mode=True)


@pytest.mark.parametrize("value", [0.0, 0.7])
@pytest.mark.parametrize("constant", ["mean", 0.01])
def test_gradients_are_right_at_a_constant_image(
    value: float, constant: Literal["mean"] | float
) -> None:
    x = torch.full((1, 2, 5, 5), value, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(
        lambda x: lcn(x, size=3, padding="same", constant=constant, floor=0.01), [x]
    )


@pytest.mark.parametrize("value", [0.0, 0.7, 1e30])
def test_single_precision_stays_finite_at_a_constant_image(value: float) -> None:
    x = torch.full((1, 2, 6, 6), value)
    x[0, 1, 2, 2] += 1e-20  # a deviation whose square is no longer a number above 0
    x.requires_grad_()
    y = lcn(x, size=3)
    y.sum().backward()
    assert y.isfinite().all()
    assert x.grad is not None
    assert x.grad.isfinite().all()


def test_an_empty_batch_passes() -> None:
    assert lcn(torch.zeros(0, 3, 9, 9), size=5).shape == (0, 3, 5, 5)
    assert lcn(torch.zeros(0, 3, 9, 9), size=5, window="gaussian", across=True).shape[0] == 0


def test_too_small_an_image_names_the_shape() -> None:
    with pytest.raises(ShapeError, match=r"lcn needs .*height >= 5.*got \(1, 1, 4, 9\)"):
        lcn(torch.ones(1, 1, 4, 9), size=5)


def test_a_floor_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="floor above 0; got 0"):
        lcn(torch.ones(1, 1, 9, 9), size=5, floor=0.0)


@pytest.mark.parametrize("constant", ["mean", 0.01])
def test_half_precision_loses_no_more_than_its_own_rounding(
    constant: Literal["mean"] | float,
) -> None:
    x = torch.randn(2, 3, 9, 9).bfloat16()
    y = lcn(x, size=5, padding="same", constant=constant)
    assert y.dtype is torch.bfloat16
    exact = lcn(x.double(), size=5, padding="same", constant=constant)
    # bfloat16 keeps 8 bits of a number.
    torch.testing.assert_close(y.double(), exact, rtol=2**-8, atol=1e-6)


@pytest.mark.parametrize("padding", ["valid", "same"])
@pytest.mark.parametrize("across", [False, True])
def test_statistics_undo_it(padding: Padding, across: bool) -> None:
    x = torch.randn(2, 3, 9, 8, generator=torch.Generator().manual_seed(0)).double() + 5
    mean, divisor = lcn_statistics(x, size=4, padding=padding, across=across, window="gaussian")
    y = lcn(x, size=4, padding=padding, across=across, window="gaussian")
    rows = slice(None) if padding == "same" else slice(1, 7)
    columns = slice(None) if padding == "same" else slice(1, 6)
    assert divisor.shape[1] == (1 if across else 3)
    torch.testing.assert_close(y * divisor + mean[..., rows, columns], x[..., rows, columns])


def test_statistics_of_a_constant_image() -> None:
    mean, divisor = lcn_statistics(torch.full((1, 1, 5, 5), 2.0), size=3, floor=1e-3)
    torch.testing.assert_close(mean, torch.full((1, 1, 5, 5), 2.0))
    torch.testing.assert_close(divisor, torch.full((1, 1, 3, 3), 1e-3))
    with pytest.raises(ShapeError, match="lcn_statistics needs"):
        lcn_statistics(torch.ones(1, 1, 2, 2), size=3)
