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
    assert axes.get_xlabel() == "% of the width (40 px)"
    assert [text.get_text() for text in axes.texts] == ["half kept: −10 % to 13 %"]
    assert axes.get_ylabel() == "response"
    (level,) = (line for line in axes.lines if line.get_label() == "half of the peak")
    np.testing.assert_allclose(points(level)[1], 0.5)
    kept = points(axes.lines[2])  # between the crossings of the curve and the level
    np.testing.assert_allclose(kept, [[-10, 40 / 3], [0.5, 0.5]])
    assert figure.get_suptitle() == "third 1,2,3"
    assert figure.get_supxlabel() == (
        "100 %: the response to the images as they are; 0 %: the response to images in general.\n"
        "The mean over the 16 images that excite it most."
    )
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
    assert figure.get_supxlabel() == (
        "100 %: the response to the images as they are; 0 %: no response.\n"
        "Thin: 0, 1, 2, 3, 4, 5 and 1 more."
    )
    np.testing.assert_allclose(points(figure.axes[0].lines[7])[1], [0, 1, 0.5, 0])


@pytest.mark.parametrize("count", [1, 2, 9])
def test_units_that_are_not_raised_have_no_curve(count: int) -> None:
    figure = invariance_figure([curves(*[HALF] * count, baseline=9.0)], ["a"] * count)
    heights = [points(line)[1] for line in figure.axes[0].lines]
    assert not any(len(y) == 4 and np.isfinite(y).any() for y in heights)
    assert png_bytes(figure, dpi=50)


def test_a_peak_elsewhere_leaves_no_range() -> None:
    (axes,) = invariance_figure([curves([9.0, 2.0, 1.0, 1.0])], ["a"]).axes
    assert "not near its peak" in axes.texts[0].get_text()
    assert not any(math.isnan(end) for end in axes.get_xlim())


def test_an_end_that_was_not_reached_is_said_to_go_on() -> None:
    """But for contrast, which there is not less of than none."""
    always = [4.0] * 13
    change = standard_transformation("scale", SHAPE)
    (axes,) = invariance_figure([curves(always, change=change)], ["a"]).axes
    assert axes.texts[0].get_text() == "half kept: 0.5× or less to 2× or more"
    assert axes.get_xticks().tolist() == [0.5, 0.7, 1.0, 1.4, 2.0]
    contrast = standard_transformation("contrast", SHAPE)
    (axes,) = invariance_figure([curves([4.0] * 17, change=contrast)], ["a"]).axes
    assert axes.texts[0].get_text() == "half kept: 0× to 2× or more"


def test_four_panels_leave_no_hole() -> None:
    figure = invariance_figure([curves(HALF)] * 4, ["a"])
    assert all(axes.get_visible() for axes in figure.axes)


def test_curves_and_names_belong_together() -> None:
    with pytest.raises(ShapeError, match=r"curves of \[1\] units for 2 names"):
        invariance_figure([curves(HALF)], ["a", "b"])
    with pytest.raises(ShapeError, match="for 0 names"):
        invariance_figure([], [])
