"""Errors of several methods on several sets, beside the published ones."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from featlearn.errors import DataError
from featlearn.visualize.style import INK, MUTED, PAPER, SERIES, new_figure, styled


class Errors(NamedTuple):
    """What is drawn of a method on a set.

    Attributes:
        name: What the method is called.
        error: Measured, in [0, 1].
        interval: The 95 % interval of that.
        published: The published error, if there is one.
    """

    name: str
    error: float
    interval: tuple[float, float]
    published: float | None


def variants_figure(panels: Mapping[str, Sequence[Errors]]) -> Figure:
    """Draw a panel for each set and a line for each method, in the order of the first panel.

    Args:
        panels: By the name of the set, its methods: a dot for the measured error, a hollow
            diamond for the published one.

    Raises:
        DataError: If there are none.
    """
    if not panels or not all(panels.values()):
        raise DataError("there are no methods to draw")
    names = list(dict.fromkeys(row.name for rows in panels.values() for row in rows))
    with styled():
        figure = new_figure(2.3 * len(panels) + 2.6, 0.42 * len(names) + 1.5)
        drawn = figure.subplots(1, len(panels), squeeze=False, sharey=True)[0]
        for axes, (title, rows) in zip(drawn, panels.items(), strict=True):
            _draw(axes, rows, names)
            axes.set_title(title)
            axes.set_xlabel("test error, %")
        drawn[0].set_yticks(range(len(names)), names, color=INK)
        drawn[0].set_ylim(len(names) - 0.5, -0.5)
        handles, labels = drawn[0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside lower center", ncols=2)
    return figure


def _draw(axes: Axes, rows: Sequence[Errors], names: Sequence[str]) -> None:
    """Draw one set."""
    here = [names.index(row.name) for row in rows]
    stated = [row for row in rows if row.published is not None]
    axes.plot(
        [100 * (row.published or 0.0) for row in stated],
        [names.index(row.name) for row in stated],
        "D",
        color=MUTED,
        markerfacecolor=PAPER,
        markersize=5,
        label="published, on other files",
    )
    for row, place in zip(rows, here, strict=True):
        low, high = (100 * end for end in row.interval)
        axes.plot([low, high], [place, place], color=SERIES[0], linewidth=1.2)
    axes.plot(
        [100 * row.error for row in rows], here, "o", color=SERIES[0], markersize=5, label="here"
    )
    axes.margins(x=0.12)
