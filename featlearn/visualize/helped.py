"""What two tasks are worth to each other: errors over the number of labels of one of them."""

from collections.abc import Sequence
from typing import NamedTuple

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator

from featlearn.evaluate.paired import Interval
from featlearn.visualize.style import INK, MUTED, SERIES, new_figure, styled
from featlearn.wording import count

_NAMES = ("learned alone", "learned together")


class HelpedTask(NamedTuple):
    """What one task came to at each number of labels.

    Attributes:
        name: What it is called.
        alone: Mean error in [0, 1] where it was learned alone, with its interval.
        together: The same, learned with the other task.
        gain: Mean of the difference, pair by pair, with its interval.
    """

    name: str
    alone: Sequence[Interval]
    together: Sequence[Interval]
    gain: Sequence[Interval]


def helped_figure(counts: Sequence[int], tasks: Sequence[HelpedTask], *, counted: str) -> Figure:
    """Draw errors of tasks learned alone and together, and under them the paired gain.

    Args:
        counts: Numbers of labels, ascending.
        tasks: A column for each.
        counted: Which labels are counted.
    """
    with styled():
        figure = new_figure(0.8 + 3.6 * len(tasks), 4.3)
        axes = figure.subplots(2, len(tasks), sharex=True, squeeze=False, height_ratios=(2.2, 1))
        for place, task in enumerate(tasks):
            above, below = axes[:, place]
            _errors(above, counts, task)
            _gain(below, counts, task)
            below.set_xscale("log")
            below.set_xticks(list(counts), [count(number) for number in counts])
            below.xaxis.set_minor_locator(NullLocator())
            below.set_xlabel(counted)
        axes[0, 0].set_ylabel("test error, %")
        axes[1, 0].set_ylabel("gain, points")
        axes[0, 0].legend(loc="best")
    return figure


def _errors(above: Axes, counts: Sequence[int], task: HelpedTask) -> None:
    """Draw the errors of one task."""
    for side, (name, points) in enumerate(zip(_NAMES, (task.alone, task.together), strict=True)):
        above.errorbar(
            # The two of a number stand beside each other, or one bar would hide the other.
            [number * 1.04 ** (2 * side - 1) for number in counts],
            [100 * point.mean for point in points],
            yerr=_reach(points),
            color=SERIES[side],
            label=name,
            marker="o",
            markersize=4.0,
            capsize=2.5,
        )
    above.set_title(task.name)
    above.set_ylim(bottom=0)


def _gain(below: Axes, counts: Sequence[int], task: HelpedTask) -> None:
    """Draw the paired gain of one task."""
    means = [100 * point.mean for point in task.gain]
    below.axhline(0, color=INK, linewidth=0.8)
    below.errorbar(
        counts, means, yerr=_reach(task.gain), color=MUTED, marker="o", markersize=4.0, capsize=2.5
    )


def _reach(points: Sequence[Interval]) -> list[list[float]]:
    """Give how far intervals reach below and above their means, in points."""
    below = [100 * (point.mean - point.low) for point in points]
    return [below, [100 * (point.high - point.mean) for point in points]]
