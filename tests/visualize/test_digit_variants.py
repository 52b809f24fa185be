import numpy as np
import pytest

from featlearn.errors import DataError
from featlearn.visualize.digit_variants import Errors, variants_figure

PANELS = {
    "one": [Errors("a", 0.1, (0.08, 0.12), 0.11), Errors("b", 0.2, (0.18, 0.22), None)],
    "two": [Errors("b", 0.3, (0.28, 0.32), 0.4)],
}


def test_each_method_is_a_dot_beside_the_published_diamond() -> None:
    figure = variants_figure(PANELS)
    first, second = figure.axes
    assert [axes.get_title(loc="left") or axes.get_title() for axes in figure.axes] == [
        "one",
        "two",
    ]
    for axes, here, there in (
        (first, ([10, 20], [0, 1]), ([11], [0])),
        (second, ([30], [1]), ([40], [1])),
    ):
        for mark, (x, y) in (("o", here), ("D", there)):
            (line,) = (line for line in axes.lines if line.get_marker() == mark)
            np.testing.assert_allclose(np.asarray(line.get_xdata(), float), x)
            assert [*np.asarray(line.get_ydata(), float)] == y
    assert [label.get_text() for label in first.get_yticklabels()] == ["a", "b"]
    assert first.get_ylim()[0] > first.get_ylim()[1]


def test_nothing_to_draw_is_refused() -> None:
    for panels in ({}, {"one": []}):
        with pytest.raises(DataError, match="no methods"):
            variants_figure(panels)
