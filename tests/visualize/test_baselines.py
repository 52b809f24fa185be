from typing import NamedTuple

import numpy as np
import pytest

from featlearn.errors import DataError
from featlearn.visualize.baselines import baselines_figure, spread
from featlearn.visualize.style import PAPER


class Row(NamedTuple):
    words: str
    error: float
    interval: tuple[float, float]
    fit_seconds: float
    cut: str | None = None


ROWS = [
    Row("one", 0.08, (0.07, 0.09), 3.0),
    Row("two", 0.02, (0.015, 0.025), 60.0, "10 of 20 rounds"),
    Row("none", 0.0, (0.0, 0.004), 0.0),
]


def test_each_classifier_is_a_point_with_its_interval_and_name() -> None:
    (axes,) = baselines_figure(ROWS, title="digits", guess=0.9).axes
    assert (axes.get_xscale(), axes.get_yscale()) == ("log", "log")
    assert [text.get_text() for text in axes.texts] == ["one", "two", "none"]
    points = [line for line in axes.lines if line.get_marker() == "o"]
    heights = [np.asarray(line.get_ydata(), float)[0] for line in points[:2]]
    assert heights == [8.0, 2.0]
    assert points[1].get_markerfacecolor() == PAPER
    assert points[0].get_markerfacecolor() != PAPER


def test_no_error_at_all_has_a_place_too() -> None:
    (axes,) = baselines_figure(ROWS, title="", guess=0.9).axes
    assert axes.get_ylim()[0] > 0
    (axes,) = baselines_figure(ROWS[2:], title="", guess=0.0).axes
    assert axes.get_ylim()[0] > 0


def test_nothing_cannot_be_drawn() -> None:
    with pytest.raises(DataError, match="no classifiers"):
        baselines_figure([], title="", guess=0.5)


def test_names_are_moved_apart_in_their_order() -> None:
    assert spread([0.5, 0.1, 0.9], gap=0.2) == [0.5, 0.1, 0.9]
    assert spread([0.5, 0.5], gap=0.2) == pytest.approx([0.4, 0.6])
    places = [0.31, 0.3, 0.35, 0.9, 0.0, 0.33]
    found = spread(places, gap=0.1)
    assert np.argsort(found).tolist() == np.argsort(places).tolist()
    assert (np.diff(np.sort(found)) > 0.1 - 1e-9).all()
    assert found[3:5] == [0.9, 0.0]
    assert spread([], gap=0.1) == []
