"""Tiled filters against plain loops, and what they become at either end."""

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from featlearn.errors import ShapeError
from featlearn.geometry import Padding, output_size, pads
from featlearn.ops import tiled
from featlearn.ops.conv import conv2d
from featlearn.ops.local import local2d
from featlearn.ops.tiled import tiled2d, tiled_transpose2d

GEOMETRIES = [
    (tile, window, stride, padding, groups)
    for tile in ((1, 1), (2, 2), (2, 3), (3, 1))
    for window in ((3, 3), (2, 3))
    for stride in (1, 2)
    for padding in ("valid", "same")
    for groups in (1, 2)
    if stride == 1 or tile != (3, 1) or padding == "same"
]
Tile = tuple[int, int]


def by_loops(
    x: NDArray[np.float64],
    weight: NDArray[np.float64],
    bias: NDArray[np.float64],
    *,
    stride: int,
    padding: Padding,
    groups: int,
) -> NDArray[np.float64]:
    tile, maps, channels, window = weight.shape[:2], *weight.shape[2:4], weight.shape[4:]
    border = [
        pads(length, window=side, stride=stride, padding=padding)
        for length, side in zip(x.shape[2:], window, strict=True)
    ]
    rows, columns = (
        output_size(length, window=side, stride=stride, padding=padding)
        for length, side in zip(x.shape[2:], window, strict=True)
    )
    x = np.pad(x, [(0, 0), (0, 0), *border])
    y = np.empty((len(x), maps, rows, columns))
    for row, column, unit in np.ndindex(rows, columns, maps):
        group = unit // (maps // groups)
        below = slice(group * channels, (group + 1) * channels)
        top, left = row * stride, column * stride
        seen = x[:, below, top : top + window[0], left : left + window[1]]
        bank = row % tile[0], column % tile[1]
        y[:, unit, row, column] = (seen * weight[bank][unit]).sum((1, 2, 3)) + bias[bank][unit]
    return y


@pytest.fixture(params=[0.0, 100.0], ids=["bank by bank", "all banks at once"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Take one convolution for each bank, or one for all however many zeros that adds."""
    monkeypatch.setattr(tiled, "_MOST_ZEROS", request.param)
    monkeypatch.setattr(tiled, "_LEAST_CHANNELS", 1)


@pytest.mark.usefixtures("way")
@pytest.mark.parametrize(("tile", "window", "stride", "padding", "groups"), GEOMETRIES)
def test_equals_plain_loops(
    tile: Tile, window: Tile, stride: int, padding: Padding, groups: int
) -> None:
    rng = np.random.default_rng(0)
    x = rng.standard_normal((3, 4, 9, 8))
    weight = rng.standard_normal((*tile, 6, 4 // groups, *window))
    bias = rng.standard_normal((*tile, 6))
    found = tiled2d(
        *map(torch.from_numpy, (x, weight, bias)), stride=stride, padding=padding, groups=groups
    )
    expected = by_loops(x, weight, bias, stride=stride, padding=padding, groups=groups)
    np.testing.assert_allclose(found.numpy(), expected, rtol=1e-9, atol=1e-12)


@pytest.mark.usefixtures("way")
@pytest.mark.parametrize(("tile", "window", "stride", "padding", "groups"), GEOMETRIES)
@pytest.mark.parametrize("plane", [(9, 8), (10, 7)])
def test_the_transpose_is_the_adjoint(
    plane: Tile, tile: Tile, window: Tile, stride: int, padding: Padding, groups: int
) -> None:
    torch.manual_seed(0)
    x = torch.randn(2, 4, *plane, dtype=torch.float64)
    weight = torch.randn(*tile, 6, 4 // groups, *window, dtype=torch.float64)
    y = tiled2d(x, weight, stride=stride, padding=padding, groups=groups)
    h = torch.randn_like(y)
    back = tiled_transpose2d(h, weight, size=plane, stride=stride, padding=padding, groups=groups)
    assert back.shape == x.shape
    torch.testing.assert_close((y * h).sum(), (x * back).sum())


def test_a_tile_of_one_is_a_convolution() -> None:
    x, weight, bias = torch.randn(2, 3, 8, 9), torch.randn(1, 1, 5, 3, 3, 3), torch.randn(1, 1, 5)
    expected = conv2d(x, weight[0, 0], bias[0, 0], stride=2, padding="same")
    torch.testing.assert_close(tiled2d(x, weight, bias, stride=2, padding="same"), expected)


def test_a_tile_as_large_as_the_grid_is_local() -> None:
    x, weight, bias = torch.randn(2, 3, 8, 9), torch.randn(6, 7, 5, 3, 3, 3), torch.randn(6, 7, 5)
    assert torch.equal(tiled2d(x, weight, bias), local2d(x, weight, bias))


@pytest.mark.usefixtures("way")
@pytest.mark.parametrize("groups", [1, 2])
def test_gradients_are_those_of_finite_differences(groups: int) -> None:
    torch.manual_seed(0)
    x = torch.randn(2, 2, 5, 6, dtype=torch.float64, requires_grad=True)
    weight = torch.randn(2, 3, 2, 2 // groups, 2, 2, dtype=torch.float64, requires_grad=True)
    bias = torch.randn(2, 3, 2, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(
        lambda *given: tiled2d(*given, groups=groups), (x, weight, bias)
    )
    h = torch.randn(2, 2, 4, 5, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(
        lambda *given: tiled_transpose2d(*given, size=(5, 6), groups=groups), (h, weight)
    )


def test_shapes_that_do_not_go_together_are_refused() -> None:
    x, weight = torch.zeros(1, 2, 4, 4), torch.zeros(2, 2, 3, 2, 3, 3)
    with pytest.raises(ShapeError, match=r"tiled2d needs \(batch, 2 maps, height >= 3"):
        tiled2d(torch.zeros(1, 3, 4, 4), weight)
    with pytest.raises(ShapeError, match=r"as there are positions, 2x2 .*; got 3x1"):
        tiled2d(x, torch.zeros(3, 1, 3, 2, 3, 3))
    with pytest.raises(ShapeError, match=r"bias \(2, 2, 3\), .*; got \(3,\)"):
        tiled2d(x, weight, torch.zeros(3))
    with pytest.raises(ShapeError, match=r"weight is \(tile rows, tile columns"):
        tiled2d(x, torch.zeros(3, 2, 3, 3))
    with pytest.raises(ShapeError, match=r"tiled_transpose2d needs codes \(batch, 3, 3, 3\)"):
        tiled_transpose2d(torch.zeros(1, 3, 2, 2), weight, size=(5, 5))


@pytest.mark.parametrize(("maps", "groups"), [(5, 2), (2, 3), (4, 0)])
def test_groups_that_do_not_divide_the_maps_are_named(maps: int, groups: int) -> None:
    weight = torch.ones(2, 2, maps, 2, 2, 2)
    said = rf"needs groups that divide its {maps} maps.*got {groups}"
    with pytest.raises(ShapeError, match=f"tiled2d {said}"):
        tiled2d(torch.ones(1, 4, 4, 4), weight, groups=groups)
    with pytest.raises(ShapeError, match=f"tiled_transpose2d {said}"):
        tiled_transpose2d(torch.ones(1, maps, 3, 3), weight, size=(4, 4), groups=groups)
