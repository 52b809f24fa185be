"""What a second task is worth to a first one: errors over the number of its labels."""

from collections.abc import Sequence

from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator

from featlearn.evaluate.paired import Interval
from featlearn.visualize.style import INK, MUTED, SERIES, new_figure, styled


def helped_figure(
    counts: Sequence[int],
    alone: Sequence[Interval],
    together: Sequence[Interval],
    gain: Sequence[Interval],
    *,
    names: tuple[str, str],
) -> Figure:
    """Draw the error of a task learned alone and in company, and under them the paired gain.

    Args:
        counts: Numbers of labels, ascending.
        alone: Mean error in [0, 1] of each number, with its interval.
        together: The same, learned with the other task.
        gain: Mean of the difference, pair by pair, with its interval.
        names: What the two are called.
    """
    with styled():
        figure = new_figure(4.8, 4.3)
        above, below = figure.subplots(2, 1, sharex=True, height_ratios=(2.2, 1))
        for side, (name, points) in enumerate(zip(names, (alone, together), strict=True)):
            places = [count * 1.04 ** (2 * side - 1) for count in counts]
            above.errorbar(
                places,
                [100 * point.mean for point in points],
                yerr=_reach(points),
                color=SERIES[side],
                label=name,
                marker="o",
                markersize=4.0,
                capsize=2.5,
            )
        above.set_ylabel("test error, %")
        above.set_ylim(bottom=0)
        above.legend(loc="best")
        means = [100 * point.mean for point in gain]
        below.axhline(0, color=INK, linewidth=0.8)
        below.errorbar(
            counts, means, yerr=_reach(gain), color=MUTED, marker="o", markersize=4.0, capsize=2.5
        )
        below.set_ylabel("gain, points")
        below.set_xscale("log")
        below.set_xticks(list(counts), [f"{count:,}" for count in counts])
        below.xaxis.set_minor_locator(NullLocator())
        below.set_xlabel("labelled images")
    return figure


def _reach(points: Sequence[Interval]) -> list[list[float]]:
    """Give how far intervals reach below and above their means, in points."""
    below = [100 * (point.mean - point.low) for point in points]
    return [below, [100 * (point.high - point.mean) for point in points]]
