"""Pooling over maps against loops over groups and over a torus, and misuse."""

from collections.abc import Callable
from functools import partial

import numpy as np
import pytest
import torch
from torch import Tensor

from featlearn.errors import ShapeError
from featlearn.ops.map_pool import group_pool, sheet_members, sheet_pool


def maps_of(count: int, *, dtype: torch.dtype = torch.float64) -> Tensor:
    draw = torch.Generator().manual_seed(0)
    return torch.randn(2, count, 3, 2, generator=draw, dtype=torch.float64).to(dtype)


@pytest.mark.parametrize("size", [1, 2, 3, 6])
def test_a_group_is_the_norm_of_its_maps(size: int) -> None:
    x = maps_of(6)
    expected = [
        np.linalg.norm(x.numpy()[:, start : start + size], axis=1) for start in range(0, 6, size)
    ]
    np.testing.assert_allclose(group_pool(x, size=size, eps=0.0), np.stack(expected, 1))


@pytest.mark.parametrize(("size", "stride"), [(1, 1), (2, 1), (3, 1), (2, 2), (3, 2), (4, 4)])
def test_a_window_of_the_sheet_is_the_norm_of_its_maps(size: int, stride: int) -> None:
    rows, columns = 4, 8
    x = maps_of(rows * columns).numpy()
    expected: list[np.ndarray] = []
    for row in range(0, rows, stride):
        for column in range(0, columns, stride):
            taken = [
                ((row + down) % rows) * columns + (column + right) % columns
                for down in range(-((size - 1) // 2), size // 2 + 1)
                for right in range(-((size - 1) // 2), size // 2 + 1)
            ]
            assert len(set(taken)) == size**2
            place = len(expected)
            assert taken == sheet_members(
                place, rows=rows, columns=columns, size=size, stride=stride
            )
            expected.append(np.linalg.norm(x[:, taken], axis=1))
    found = sheet_pool(
        torch.from_numpy(x), rows=rows, columns=columns, size=size, stride=stride, eps=0.0
    )
    np.testing.assert_allclose(found, np.stack(expected, 1))


POOLS: list[Callable[[Tensor], Tensor]] = [
    partial(group_pool, size=4),
    partial(sheet_pool, rows=3, columns=4, size=3),
]


@pytest.mark.parametrize("pool", POOLS)
def test_gradients_are_those_of_differences_and_zero_at_zero(
    pool: Callable[[Tensor], Tensor],
) -> None:
    assert torch.autograd.gradcheck(pool, (maps_of(12).requires_grad_(),))
    still = torch.zeros(1, 12, 2, 2, requires_grad=True)
    pool(still).sum().backward()
    assert still.grad is not None
    assert not still.grad.any()


@pytest.mark.parametrize("pool", POOLS)
def test_a_batch_may_be_empty_and_precision_stays(pool: Callable[[Tensor], Tensor]) -> None:
    assert len(pool(maps_of(12)[:0])) == 0
    half = maps_of(12, dtype=torch.bfloat16)
    assert pool(half).dtype == torch.bfloat16
    torch.testing.assert_close(pool(half), pool(half.double()).bfloat16())


def test_every_map_of_a_sheet_is_in_as_many_windows() -> None:
    windows = [sheet_members(k, rows=5, columns=7, size=3) for k in range(35)]
    counts = np.bincount(np.ravel(windows), minlength=35)
    assert (counts == 9).all()
    assert all(window[4] == place for place, window in enumerate(windows))


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: group_pool(maps_of(6), size=4), r"groups of 4 maps each; got \(2, 6, 3, 2\)"),
        (lambda: group_pool(maps_of(6), size=0), "groups of 0"),
        (lambda: group_pool(maps_of(6)[0], size=2), "group_pool needs"),
        (lambda: sheet_pool(maps_of(6), rows=2, columns=4, size=2), "each place of 2 x 4"),
        (lambda: sheet_pool(maps_of(6), rows=2, columns=3, size=3), "windows of 3"),
        (lambda: sheet_pool(maps_of(6), rows=2, columns=3, size=2, stride=2), "stride of 2"),
    ],
)
def test_what_does_not_fit_is_refused(call: Callable[[], Tensor], said: str) -> None:
    with pytest.raises(ShapeError, match=said):
        call()
