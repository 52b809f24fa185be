"""Where axes lie in a figure that was written."""

import re

import pytest

from featlearn.visualize.curves import PhaseCurves, Series, phase_figure
from featlearn.visualize.placing import place_of_axes
from featlearn.visualize.style import SERIES, svg_text


@pytest.mark.parametrize(("values", "log"), [([2.0, 1.0, 1.5], False), ([100.0, 10.0, 1.0], True)])
def test_a_point_lies_where_its_place_says(values: list[float], log: bool) -> None:
    steps = [1, 40, 100]
    figure = phase_figure(PhaseCurves("p", 1, {"loss": Series(steps, values)}, {}))
    svg = svg_text(figure)
    place = place_of_axes(figure)
    assert place.log_y == log
    box = re.search(r'viewBox="0 0 ([\d.]+) ([\d.]+)"', svg)
    drawn_in_blue = rf'<path d="M ([\d.]+) [\d.]+ \nL ([\d.]+) [^"]*" clip[^>]*{SERIES[0]}'
    line = re.search(drawn_in_blue, svg)
    assert box is not None
    assert line is not None
    for step, drawn in zip(steps[:2], (line[1], line[2]), strict=True):
        share = (step - place.x[0]) / (place.x[1] - place.x[0])
        assert float(drawn) / float(box[1]) == pytest.approx(
            place.left + share * place.width, abs=1e-3
        )
    assert 0 < place.top < place.top + place.height < 1
