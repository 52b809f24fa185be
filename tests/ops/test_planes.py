"""Borders, layout and checks that the windowed operations share."""

import pytest
import torch

from featlearn.errors import ShapeError
from featlearn.ops.planes import batch_innermost, borders, check_codes, check_planes, on_planes


def test_the_layout_is_changed_and_the_numbers_are_not() -> None:
    x = torch.randn(3, 2, 4, 5)
    y = batch_innermost(x)
    assert y.stride() == (1, 3, 30, 6)
    torch.testing.assert_close(y, x, rtol=0, atol=0)


def test_what_has_the_layout_is_not_copied() -> None:
    x = batch_innermost(torch.randn(3, 2, 4, 5))
    assert batch_innermost(x).data_ptr() == x.data_ptr()


def test_planes_lie_side_by_side_channels_last() -> None:
    x = torch.randn(3, 2, 4, 5)
    seen: list[torch.Tensor] = []

    def keep(planes: torch.Tensor) -> torch.Tensor:
        seen.append(planes)
        return planes

    y = on_planes(keep, x)
    assert seen[0].shape == (1, 6, 4, 5)
    assert seen[0].is_contiguous(memory_format=torch.channels_last)
    torch.testing.assert_close(y, x, rtol=0, atol=0)


def test_an_operation_may_change_the_size_of_the_planes() -> None:
    x = torch.randn(3, 2, 4, 5)
    torch.testing.assert_close(on_planes(lambda p: p[:, :, 1:, ::2], x), x[:, :, 1:, ::2])


def test_an_empty_batch_passes() -> None:
    assert on_planes(lambda planes: planes[:, :, 1:], torch.zeros(0, 2, 4, 5)).shape == (0, 2, 3, 5)


def test_the_odd_zero_comes_after() -> None:
    assert borders((5, 6), window=(4, 4), stride=1, padding="same") == (1, 2, 1, 2)
    assert borders((5, 6), window=(4, 4), stride=1, padding="valid") == (0, 0, 0, 0)


def test_positions_are_counted() -> None:
    x = torch.zeros(1, 2, 9, 7)
    assert check_planes(x, operation="op", window=(3, 2), stride=2) == (4, 3)
    assert check_planes(x, operation="op", window=(15, 15), stride=2, padding="same") == (5, 4)


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        ((2, 9, 9), r"op needs \(batch, maps, height >= 3, width >= 4\); got \(2, 9, 9\)"),
        ((1, 2, 2, 9), r"height >= 3, width >= 4\); got \(1, 2, 2, 9\)"),
        ((1, 2, 9, 3), r"height >= 3, width >= 4\); got \(1, 2, 9, 3\)"),
    ],
)
def test_an_input_that_does_not_fit_is_named(shape: tuple[int, ...], message: str) -> None:
    with pytest.raises(ShapeError, match=message):
        check_planes(torch.zeros(shape), operation="op", window=(3, 4))


def test_another_number_of_maps_is_named() -> None:
    with pytest.raises(ShapeError, match=r"op needs \(batch, 3 maps, .*got \(1, 2, 9, 9\)"):
        check_planes(torch.zeros(1, 2, 9, 9), operation="op", maps=3)


def test_a_window_of_nothing_is_refused() -> None:
    with pytest.raises(ShapeError, match="window and stride must be >= 1; got 0 and 1"):
        check_planes(torch.zeros(1, 1, 4, 4), operation="op", window=(0, 0))


def test_codes_of_another_shape_are_named() -> None:
    with pytest.raises(ShapeError, match=r"op needs codes \(batch, 2, 3, 3\).*got \(1, 2, 3, 4\)"):
        check_codes(torch.zeros(1, 2, 3, 4), 2, operation="op", positions=(3, 3))
