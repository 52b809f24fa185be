"""Figures of invariance curves show the curves, and say in which range they hold."""

import math

import numpy as np
import pytest
import torch
from matplotlib.lines import Line2D
from numpy.typing import NDArray

from featlearn.errors import ShapeError
from featlearn.evaluate.invariance import Curves
from featlearn.evaluate.transformed import Transformation, standard_transformation
from featlearn.geometry import MapShape
from featlearn.visualize.invariance import invariance_figure
from featlearn.visualize.style import png_bytes

SHAPE = MapShape(1, 20, 40)
SHIFT = Transformation(kind="shift-x", amounts=(-8.0, 0.0, 4.0, 8.0))
HALF = [1.0, 5.0, 4.0, 1.0]


def curves(*rows: list[float], change: Transformation = SHIFT, baseline: float = 1.0) -> Curves:
    responses = torch.tensor(rows)
    return Curves(change, responses, responses / 10, torch.full((len(rows),), baseline), SHAPE)


def points(line: Line2D) -> NDArray[np.float64]:
    return np.asarray(line.get_xydata(), dtype=np.float64).T


def test_one_unit_has_its_curve_and_its_range() -> None:
    figure = invariance_figure([curves(HALF)], ["third 1,2,3"], images=16)
    (axes,) = figure.axes
    x, y = points(axes.lines[0])
    np.testing.assert_allclose(x, [-20, 0, 10, 20])  # per cent of the width
    np.testing.assert_allclose(y, [0, 1, 0.75, 0])
    assert axes.get_xlabel() == "% of the width (40 px)\n≥ 50 % of its peak: −10 to 13 %"
    assert axes.get_ylabel() == "response (unchanged: 100 %,\nimages in general: 0 %)"
    assert figure.get_suptitle() == "third 1,2,3"
    assert figure.get_supxlabel() == "The mean over the 16 images that excite it most."
    assert png_bytes(figure, dpi=50)


def test_several_units_are_named_in_one_legend() -> None:
    turn = standard_transformation("rotation", SHAPE)
    turned = curves(*[[1.0] * 15] * 3, change=turn, baseline=0.0)
    figure = invariance_figure([curves(HALF, HALF, HALF), turned], ["a", "b", "$c"])
    shift, rotation = figure.axes
    assert [text.get_text() for text in figure.legends[0].texts] == ["a", "b", r"\$c"]
    assert len({line.get_color() for line in shift.lines[:3]}) == 3
    assert rotation.get_title("left") == "Rotation"
    assert png_bytes(figure, dpi=50)


def test_of_many_units_the_median_is_drawn() -> None:
    rows = [[0.0, peak, peak / 2, 0.0] for peak in range(1, 8)]
    figure = invariance_figure([curves(*rows, baseline=0.0)], [str(n) for n in range(7)])
    assert [text.get_text() for text in figure.legends[0].texts] == [
        "each of 7 units",
        "median of the 7 that their images raise",
    ]
    assert figure.get_supxlabel() == "Thin: 0, 1, 2, 3, 4, 5 and 1 more."
    assert "a response of zero: 0 %" in figure.axes[0].get_ylabel()
    np.testing.assert_allclose(points(figure.axes[0].lines[7])[1], [0, 1, 0.5, 0])


@pytest.mark.parametrize("count", [1, 2, 9])
def test_units_that_are_not_raised_have_no_curve(count: int) -> None:
    figure = invariance_figure([curves(*[HALF] * count, baseline=9.0)], ["a"] * count)
    heights = [points(line)[1] for line in figure.axes[0].lines]
    assert not any(len(y) == 4 and np.isfinite(y).any() for y in heights)
    assert png_bytes(figure, dpi=50)


def test_a_peak_elsewhere_leaves_no_range() -> None:
    (axes,) = invariance_figure([curves([9.0, 2.0, 1.0, 1.0])], ["a"]).axes
    assert "not near its peak" in axes.get_xlabel()
    assert not any(math.isnan(end) for end in axes.get_xlim())


def test_curves_and_names_belong_together() -> None:
    with pytest.raises(ShapeError, match=r"curves of \[1\] units for 2 names"):
        invariance_figure([curves(HALF)], ["a", "b"])
    with pytest.raises(ShapeError, match="for 0 names"):
        invariance_figure([], [])
