"""Range tests as they are drawn."""

from typing import Any

import numpy as np
import pytest

from featlearn.errors import DataError
from featlearn.training.range_test import RangeTest
from featlearn.visualize.rates import rates_figure
from featlearn.visualize.style import figure_pixels, png_bytes


def a_test(phase: str = "strokes", **changes: Any) -> RangeTest:
    rates = np.geomspace(1e-7, 1.0, 50).tolist()
    losses = [*np.linspace(10, 2, 45), 3, 20, 1e6, 1e9, 1e12]
    found: dict[str, Any] = {
        "phase": phase,
        "own": 1e-3,
        "suggested": 2e-3,
        "diverges": 0.2,
        "rates": rates,
        "losses": losses,
        "smoothed": np.minimum(losses, 20).tolist(),
    }
    return RangeTest(**{**found, **changes})


def test_losses_rates_and_where_it_diverges_are_there() -> None:
    (axes,) = rates_figure([a_test()]).axes
    dots, line, own, suggested = axes.lines
    assert np.asarray(dots.get_ydata()).tolist() == a_test().losses
    assert np.asarray(line.get_ydata()).tolist() == a_test().smoothed
    assert np.asarray(own.get_xdata())[0] == 1e-3
    assert np.asarray(suggested.get_xdata())[0] == 2e-3
    (ground,) = axes.patches
    assert ground.get_extents().x0 == pytest.approx(axes.transData.transform((0.2, 0))[0])
    assert axes.get_title(loc="left") == "strokes"
    assert axes.get_title(loc="right") == "recipe 0.001 · suggested 0.002"


def test_what_blew_up_does_not_squeeze_the_rest() -> None:
    (axes,) = rates_figure([a_test()]).axes
    low, high = axes.get_ylim()
    assert 0 < low < 2
    assert 10 < high < 20


def test_a_panel_for_each_phase_three_in_a_row() -> None:
    figure = rates_figure([a_test(name) for name in "abcd"])
    shown = [axes.get_title(loc="left") for axes in figure.axes if axes.get_visible()]
    assert shown == ["a", "b", "c", "d"]
    assert figure.get_size_inches()[0] == pytest.approx(3 * 3.9)


@pytest.mark.parametrize(
    "changes",
    [
        {"suggested": None, "diverges": None},
        {"rates": [], "losses": [], "smoothed": [], "suggested": None, "diverges": None},
        {"rates": [1e-7], "losses": [3.0], "smoothed": [3.0], "suggested": None},
        {"own": 50.0},
        {"losses": [0.0] * 50, "smoothed": [0.0] * 50},
    ],
)
def test_odd_ones_are_drawn(changes: dict[str, Any]) -> None:
    assert figure_pixels(rates_figure([a_test(**changes)])).std() > 0


def test_the_same_bytes_again() -> None:
    assert png_bytes(rates_figure([a_test()])) == png_bytes(rates_figure([a_test()]))


def test_nothing_to_draw() -> None:
    with pytest.raises(DataError, match="no range tests"):
        rates_figure([])
