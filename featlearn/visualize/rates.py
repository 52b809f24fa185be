"""Range tests of the learning rate: the loss over a rate that grew."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullLocator

from featlearn.errors import DataError
from featlearn.training.range_test import RangeTest
from featlearn.visualize.style import INK, MUTED, SERIES, new_figure, styled

_PER_ROW = 3


def rates_figure(tests: Sequence[RangeTest]) -> Figure:
    """Draw range tests, a panel each, up to three in a row.

    Dots are the losses of single batches, the line is smoothed. Upright lines mark the
    recipe's rate and the one suggested; where training diverges the ground is tinted.

    Args:
        tests: One for each phase.

    Raises:
        DataError: If there are none.
    """
    if not tests:
        raise DataError("there are no range tests to draw; the recipe trains nothing")
    columns = min(len(tests), _PER_ROW)
    rows = -(-len(tests) // columns)
    with styled():
        figure = new_figure(3.9 * columns, 2.9 * rows)
        panels = figure.subplots(rows, columns, squeeze=False).ravel()
        for axes, test in zip(panels, tests, strict=False):
            _draw(axes, test)
        for axes in panels[len(tests) :]:
            axes.set_visible(False)
    return figure


def _draw(axes: Axes, test: RangeTest) -> None:
    """Draw one phase."""
    axes.set_title(test.phase)
    axes.set_xscale("log")
    _limit(axes, test)
    axes.set_xlabel("learning rate")
    axes.set_ylabel("loss per image")
    axes.plot(test.rates, test.losses, ".", color=MUTED, alpha=0.45, markersize=3.5, mew=0)
    axes.plot(test.rates, test.smoothed, color=SERIES[0])
    axes.axvline(test.own, color=INK, linestyle=":", linewidth=1.3)
    words = [f"recipe {test.own:.2g}"]
    if test.suggested is not None:
        axes.axvline(test.suggested, color=SERIES[2], linewidth=1.3)
        words.append(f"suggested {test.suggested:.2g}")
    if test.diverges is not None:
        axes.axvspan(test.diverges, axes.get_xlim()[1], color=SERIES[1], alpha=0.12, lw=0)
    axes.set_title(" · ".join(words), loc="right", color=MUTED, fontsize=8.0, fontweight="normal")
    axes.xaxis.set_major_locator(LogLocator(numticks=6))
    axes.xaxis.set_minor_locator(NullLocator())


def _limit(axes: Axes, test: RangeTest) -> None:
    """Show the fall, and not how high a loss rises that blew up."""
    if not test.rates:
        axes.set_xlim(test.own / 10, test.own * 10)
        return
    axes.set_xlim(test.rates[0], max(test.rates[-1], test.own * 2))
    low, first = float(np.min(test.smoothed)), test.smoothed[0]
    room = max(first - low, 0.05 * abs(first), 1e-12)
    axes.set_ylim(low - 0.12 * room, first + 0.45 * room)
