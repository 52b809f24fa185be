"""Classifiers side by side: how often they err, over what they cost."""

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

from featlearn.errors import DataError
from featlearn.visualize.style import INK, MUTED, PAPER, RULE, SERIES, new_figure, styled
from featlearn.wording import duration

_GAP = 0.055
"""Room that a name takes, as a share of the height of the axes."""


class Judged(Protocol):
    """What is drawn of a classifier."""

    @property
    def words(self) -> str:
        """What it is called."""
        ...

    @property
    def error(self) -> float:
        """Share of the test images named wrong, in [0, 1]."""
        ...

    @property
    def interval(self) -> tuple[float, float]:
        """The 95 % interval of that."""
        ...

    @property
    def fit_seconds(self) -> float:
        """Time to choose and fit."""
        ...

    @property
    def cut(self) -> str | None:
        """What a budget took away."""
        ...


def baselines_figure(rows: Sequence[Judged], *, title: str, guess: float) -> Figure:
    """Draw the error of each classifier over the time that it took to fit, both in decades.

    Args:
        rows: The classifiers; those that a budget cut are hollow.
        title: Where the images came from.
        guess: Error of naming the largest class every time, a dotted line.

    Raises:
        DataError: If there are none.
    """
    if not rows:
        raise DataError("there are no classifiers to draw")
    # An error of nothing has no place among decades: half the least that was met stands for it.
    least = min((row.error for row in rows if row.error > 0), default=0.01) / 2
    with styled():
        figure = new_figure(6.8, 4.2)
        axes = figure.subplots()
        axes.set_xscale("log")
        axes.set_yscale("log")
        axes.axhline(100 * max(guess, least), color=MUTED, linestyle=":", linewidth=1.1)
        points = [(max(row.fit_seconds, 1e-3), 100 * max(row.error, least)) for row in rows]
        for row, (x, y) in zip(rows, points, strict=True):
            low, high = (100 * max(end, least / 2) for end in row.interval)
            axes.plot([x, x], [low, high], color=SERIES[0], linewidth=1.2)
            filled = SERIES[0] if row.cut is None else PAPER
            axes.plot([x], [y], "o", color=SERIES[0], markerfacecolor=filled, markersize=6)
        axes.margins(x=0.08, y=0.12)
        _name(axes, [row.words for row in rows], points)
        axes.set_title(title)
        axes.set_xlabel("time to choose and fit")
        axes.set_ylabel("error on the test images, %")
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: duration(value)))
        axes.xaxis.set_minor_locator(NullLocator())
        axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        axes.yaxis.set_minor_locator(NullLocator())
    return figure


def _name(axes: Axes, names: Sequence[str], points: Sequence[tuple[float, float]]) -> None:
    """Write names in a column at the right, each joined to its point, none over another."""
    low, high = np.log(axes.get_ylim())
    heights = (np.log([y for _, y in points]) - low) / (high - low)
    places = spread(heights.tolist(), gap=_GAP)
    for name, point, place in zip(names, points, places, strict=True):
        axes.annotate(
            name,
            point,
            (1.04, place),
            textcoords="axes fraction",
            va="center",
            fontsize=8,
            color=INK,
            arrowprops={
                "arrowstyle": "-",
                "color": RULE,
                "linewidth": 0.7,
                "shrinkB": 4,
                "relpos": (0, 0.5),
            },
        )


def spread(places: Sequence[float], *, gap: float) -> list[float]:
    """Move places apart, in their order and by little, until each has room.

    Args:
        places: Numbers, in any order.
        gap: The least distance between two.

    Returns:
        The new place of each; groups that had to move keep their mean.
    """
    order = sorted(range(len(places)), key=lambda index: places[index])
    groups: list[list[int]] = []
    middles: list[float] = []
    for index in order:
        group, middle = [index], places[index]
        # A group is as wide as its gaps; it swallows the one below while they touch.
        while groups and middle - middles[-1] < gap * (len(group) + len(groups[-1])) / 2:
            group = [*groups.pop(), *group]
            middles.pop()
            middle = sum(places[member] for member in group) / len(group)
        groups.append(group)
        middles.append(middle)
    found = [0.0] * len(places)
    for group, middle in zip(groups, middles, strict=True):
        for rank, index in enumerate(group):
            found[index] = middle + gap * (rank - (len(group) - 1) / 2)
    return found
