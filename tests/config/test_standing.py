"""What windows see, counted without a look at each."""

import itertools

import pytest

from featlearn.config.load import load_recipe
from featlearn.config.plan import plan
from featlearn.config.standing import covered
from featlearn.geometry import MapShape


def test_covered_inputs_are_those_that_a_loop_counts() -> None:
    sizes = itertools.product(range(1, 9), range(1, 12), range(1, 5), range(7), range(1, 9))
    for length, window, stride, before, count in sizes:
        seen = sum(
            min(start + window, length) - max(start, 0)
            for start in range(-before, count * stride - before, stride)
        )
        found = covered(length, window=window, stride=stride, before=before, count=count)
        assert found == seen, (length, window, stride, before, count)


@pytest.mark.parametrize("norm", ['{ kind = "lrn" }', '{ kind = "lcn", size = 3 }', "none"])
def test_images_beyond_any_loop_are_described(norm: str) -> None:
    recipe = load_recipe("digits", overrides=[f"stages.strokes.norm={norm}"])
    for side in (10, 10**9):
        strokes = plan(recipe, MapShape(side, side, side), 10).layers[0]
        # At each end of an axis, windows of 5 reach over it by 2 and by 1.
        assert strokes.connections == (5 * side - 6) ** 2 * side * 8
        assert strokes.weights == 5 * 5 * side**3 * 8
