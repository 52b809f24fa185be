"""Pooling modules: what a recipe builds, and the shapes it promises."""

from collections.abc import Callable
from functools import partial

import pytest
import torch
from torch import Tensor

from featlearn.config.pieces import (
    AvgPoolSpec,
    GroupPoolSpec,
    L2PoolSpec,
    MaxPoolSpec,
    SheetPoolSpec,
)
from featlearn.errors import ShapeError
from featlearn.geometry import MapShape
from featlearn.ops.map_pool import group_pool, sheet_pool
from featlearn.ops.pool import avg_pool, l2_pool, max_pool
from featlearn.stages.pool import build_pool

SPECS: list[tuple[L2PoolSpec | MaxPoolSpec | AvgPoolSpec, Callable[..., Tensor]]] = [
    (L2PoolSpec(size=3), l2_pool),
    (MaxPoolSpec(size=2, stride=2), max_pool),
    (AvgPoolSpec(size=3, stride=2, padding="same"), avg_pool),
]


@pytest.mark.parametrize(("spec", "operation"), SPECS)
def test_a_recipes_pooling_is_the_operation(
    spec: L2PoolSpec | MaxPoolSpec | AvgPoolSpec, operation: Callable[..., Tensor]
) -> None:
    x = torch.randn(2, 3, 7, 6)
    y = build_pool(spec)(x)
    expected = operation(x, size=spec.size, stride=spec.stride, padding=spec.padding)
    torch.testing.assert_close(y, expected)
    assert build_pool(spec).output_shape(MapShape(3, 7, 6)) == y.shape[1:]


MAP_SPECS = [
    (GroupPoolSpec(size=3), partial(group_pool, size=3), "GroupPool(3)"),
    (
        SheetPoolSpec(rows=2, columns=6, size=2, stride=2),
        partial(sheet_pool, rows=2, columns=6, size=2, stride=2),
        "SheetPool(2, 6, size=2, stride=2)",
    ),
]


@pytest.mark.parametrize(("spec", "operation", "said"), MAP_SPECS)
def test_pooling_over_maps_is_the_operation(
    spec: GroupPoolSpec | SheetPoolSpec, operation: Callable[[Tensor], Tensor], said: str
) -> None:
    x, pool = torch.randn(2, 12, 3, 4), build_pool(spec)
    y = pool(x)
    torch.testing.assert_close(y, operation(x))
    assert pool.output_shape(MapShape(12, 3, 4)) == y.shape[1:]
    assert repr(pool) == said
    for place in range(y.shape[1]):
        taken = x[:, pool.members(place)]
        torch.testing.assert_close(y[:, place], taken.norm(dim=1), atol=1e-3, rtol=1e-3)
        torch.testing.assert_close(pool.mean(x)[:, place], taken.mean(1))


@pytest.mark.parametrize("spec", [spec for spec, _, _ in MAP_SPECS])
def test_maps_that_cannot_be_pooled_are_refused(spec: GroupPoolSpec | SheetPoolSpec) -> None:
    with pytest.raises(ShapeError, match="10 maps"):
        build_pool(spec).output_shape(MapShape(10, 3, 4))


def test_it_says_its_window() -> None:
    pool = build_pool(L2PoolSpec(size=3, stride=2))
    assert repr(pool) == "L2Pool2d(3, stride=2, padding='valid')"


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(ShapeError, match="a window of 5 does not fit into 3"):
        build_pool(MaxPoolSpec(size=5)).output_shape(MapShape(1, 9, 3))
