"""Histograms of a unit's activations as pictures."""

import numpy as np
import pytest
from matplotlib.patches import Rectangle

from featlearn.visualize.style import png_bytes, svg_text
from featlearn.visualize.unit_histogram import unit_histogram_figure


@pytest.mark.parametrize("sign", [1, -1])
def test_bars_are_shares_and_the_threshold_is_marked(sign: int) -> None:
    figure = unit_histogram_figure(
        [0.0, 1.0, 2.0, 4.0], [0, 1, 3], [6, 3, 1], threshold=1.5, sign=sign, positive="$face$"
    )
    (axes,) = figure.axes
    bars = [patch for patch in axes.patches if isinstance(patch, Rectangle)]
    assert [bar.get_height() for bar in bars] == pytest.approx([60, 30, 10, 0, 25, 75])
    assert [bar.get_x() for bar in bars[:3]] == pytest.approx([0, 1, 2])
    assert [bar.get_width() for bar in bars[:3]] == pytest.approx([1, 1, 2])
    assert np.array(axes.lines[0].get_xdata()).tolist() == [1.5, 1.5]
    assert png_bytes(figure) == png_bytes(figure)
    assert ("→" if sign > 0 else "←") in svg_text(figure)


def test_an_empty_set_and_a_long_name_are_drawn() -> None:
    figure = unit_histogram_figure([0.0, 1.0], [0], [5], threshold=0.2, positive="x" * 99)
    legend = figure.axes[0].get_legend()
    assert legend is not None
    assert [text.get_text() for text in legend.get_texts()] == ["others (5)", "x" * 23 + "… (0)"]
