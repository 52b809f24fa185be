"""Pooling modules: what a recipe builds, and the shapes it promises."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from featlearn.config.pieces import AnyPoolSpec, AvgPoolSpec, L2PoolSpec, MaxPoolSpec
from featlearn.errors import ShapeError
from featlearn.geometry import MapShape
from featlearn.ops.pool import avg_pool, l2_pool, max_pool
from featlearn.stages.pool import build_pool

SPECS = [
    (L2PoolSpec(size=3), l2_pool),
    (MaxPoolSpec(size=2, stride=2), max_pool),
    (AvgPoolSpec(size=3, stride=2, padding="same"), avg_pool),
]


@pytest.mark.parametrize(("spec", "operation"), SPECS)
def test_a_recipes_pooling_is_the_operation(
    spec: AnyPoolSpec, operation: Callable[..., Tensor]
) -> None:
    x = torch.randn(2, 3, 7, 6)
    y = build_pool(spec)(x)
    expected = operation(x, size=spec.size, stride=spec.stride, padding=spec.padding)
    torch.testing.assert_close(y, expected)
    assert build_pool(spec).output_shape(MapShape(3, 7, 6)) == y.shape[1:]


def test_it_says_its_window() -> None:
    pool = build_pool(L2PoolSpec(size=3, stride=2))
    assert repr(pool) == "L2Pool2d(3, stride=2, padding='valid')"


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(ShapeError, match="a window of 5 does not fit into 3"):
        build_pool(MaxPoolSpec(size=5)).output_shape(MapShape(1, 9, 3))
