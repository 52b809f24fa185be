"""Windows of planes against indexing, and their adjoint."""

import pytest
import torch

from featlearn.ops.windows import overlap_add, windows

GEOMETRIES = [((3, 3), 1), ((2, 3), 2), ((1, 1), 3), ((4, 5), 2), ((2, 2), 3)]


@pytest.mark.parametrize(("size", "stride"), GEOMETRIES)
def test_every_window_is_where_it_was(size: tuple[int, int], stride: int) -> None:
    x = torch.randn(7, 6, 2, 3)
    cols = windows(x, size=size, stride=stride)
    assert cols.is_contiguous()
    assert cols.shape[:2] == ((7 - size[0]) // stride + 1, (6 - size[1]) // stride + 1)
    for row in range(cols.shape[0]):
        for column in range(cols.shape[1]):
            top, left = row * stride, column * stride
            window = x[top : top + size[0], left : left + size[1]]
            torch.testing.assert_close(cols[row, column], window)


@pytest.mark.parametrize(("size", "stride"), GEOMETRIES)
def test_the_sum_of_overlaps_is_the_adjoint(size: tuple[int, int], stride: int) -> None:
    x = torch.randn(7, 6, 2, 3, dtype=torch.float64)
    cols = windows(x, size=size, stride=stride)
    other = torch.randn_like(cols)
    back = overlap_add(other, size=(7, 6), stride=stride)
    assert back.shape == x.shape
    torch.testing.assert_close((cols * other).sum(), (x * back).sum())


def test_overlaps_count_the_windows_over_each_position() -> None:
    x = torch.ones(5, 5, 1, 1)
    counts = overlap_add(windows(x, size=(3, 3), stride=1), size=(5, 5), stride=1)
    line = torch.tensor([1.0, 2.0, 3.0, 2.0, 1.0])
    torch.testing.assert_close(counts[:, :, 0, 0], torch.outer(line, line))


@pytest.mark.parametrize(("size", "stride"), [((2, 3), 1), ((2, 2), 2)])
def test_both_can_be_differentiated_twice(size: tuple[int, int], stride: int) -> None:
    x = torch.randn(3, 4, 1, 2, dtype=torch.float64, requires_grad=True)
    cols = windows(x.detach(), size=size, stride=stride).requires_grad_()
    for check in (torch.autograd.gradcheck, torch.autograd.gradgradcheck):
        assert check(lambda x: windows(x, size=size, stride=stride).square(), [x])
        assert check(lambda c: overlap_add(c, size=(3, 4), stride=stride).square(), [cols])


def test_both_can_be_vectorised() -> None:
    x = torch.randn(6, 4, 5, 1, 2)
    cols = torch.vmap(lambda x: windows(x, size=(2, 2), stride=1))(x)
    torch.testing.assert_close(cols[3], windows(x[3], size=(2, 2), stride=1))
    back = torch.vmap(lambda c: overlap_add(c, size=(4, 5), stride=1))(cols)
    torch.testing.assert_close(back[3], overlap_add(cols[3], size=(4, 5), stride=1))
