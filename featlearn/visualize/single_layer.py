"""Accuracy over each factor of a comparison, varied one at a time."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from featlearn.visualize.style import SERIES, new_figure, styled

_MARKS = "osD^v"


class Line(NamedTuple):
    """Accuracies of one way along a factor, with their intervals, in [0, 1]."""

    values: Sequence[str]
    accuracy: Sequence[float]
    intervals: Sequence[tuple[float, float]]


def factors_figure(panels: Mapping[str, Mapping[str, Line]]) -> Figure:
    """Draw a panel for each factor, with a line for each way.

    Args:
        panels: By the factor's name, lines by what they are called; the same names have the same
            colours. Values of a factor stand in the order in which they are first met.
    """
    names = list(dict.fromkeys(name for lines in panels.values() for name in lines))
    with styled():
        figure = new_figure(2.6 * max(len(panels), 2) + 0.4, 3.4)
        drawn = figure.subplots(1, len(panels), squeeze=False, sharey=True)[0]
        for axes, (factor, lines) in zip(drawn, panels.items(), strict=True):
            _draw(axes, factor, lines, names)
        drawn[0].set_ylabel("test accuracy, %")
        handles = {
            name: handle
            for axes in drawn
            for handle, name in zip(*axes.get_legend_handles_labels(), strict=True)
        }
        figure.legend(handles.values(), handles.keys(), loc="outside lower center", ncols=2)
    return figure


def _draw(axes: Axes, factor: str, lines: Mapping[str, Line], names: Sequence[str]) -> None:
    """Draw one factor."""
    places = list(dict.fromkeys(value for line in lines.values() for value in line.values))
    for name, line in lines.items():
        style = names.index(name)
        x = [places.index(value) for value in line.values]
        y = [100 * value for value in line.accuracy]
        reach = [
            [
                100 * (mean - low)
                for mean, (low, _) in zip(line.accuracy, line.intervals, strict=True)
            ],
            [
                100 * (high - mean)
                for mean, (_, high) in zip(line.accuracy, line.intervals, strict=True)
            ],
        ]
        axes.errorbar(
            x,
            y,
            reach,
            color=SERIES[style % len(SERIES)],
            marker=_MARKS[style % len(_MARKS)],
            markersize=4,
            capsize=2,
            label=name,
        )
    axes.set_xticks(range(len(places)), places)
    axes.set_xlim(-0.4, len(places) - 0.6)
    axes.set_title(factor)
