"""Classifiers side by side: how often they err, over what they cost."""

from collections.abc import Sequence
from typing import Protocol

from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, NullLocator

from featlearn.errors import DataError
from featlearn.visualize.style import INK, MUTED, SERIES, new_figure, styled
from featlearn.wording import duration


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
    # An error of nothing has no place among decades: half an image wrong stands for it.
    least = min((row.error for row in rows if row.error > 0), default=0.01) / 2
    with styled():
        figure = new_figure(6.4, 4.2)
        axes = figure.subplots()
        axes.set_xscale("log")
        axes.set_yscale("log")
        axes.axhline(100 * max(guess, least), color=MUTED, linestyle=":", linewidth=1.1)
        for row in rows:
            x, y = max(row.fit_seconds, 1e-3), 100 * max(row.error, least)
            low, high = (100 * max(end, least / 2) for end in row.interval)
            axes.plot([x, x], [low, high], color=SERIES[0], linewidth=1.2)
            filled = SERIES[0] if row.cut is None else "white"
            axes.plot([x], [y], "o", color=SERIES[0], markerfacecolor=filled, markersize=6)
            axes.annotate(
                row.words,
                (x, y),
                (7, 3),
                textcoords="offset points",
                fontsize=8,
                color=INK,
            )
        axes.set_title(title)
        axes.set_xlabel("time to choose and fit")
        axes.set_ylabel("error on the test images, %")
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: duration(value)))
        axes.xaxis.set_minor_locator(NullLocator())
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        axes.yaxis.set_minor_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        axes.margins(x=0.25, y=0.12)
    return figure
