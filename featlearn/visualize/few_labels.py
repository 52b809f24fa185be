"""What pre-training is worth when few labels are given."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, NullLocator

from featlearn.errors import DataError
from featlearn.evaluate.paired import paired_interval
from featlearn.visualize.style import INK, MUTED, RULE, SERIES, new_figure, styled
from featlearn.wording import count

Draws = Sequence[Sequence[float]]
"""Accuracies in [0, 1]: for each number of labels, one for each draw of labels."""


def few_labels_figure(
    counts: Sequence[int], pretrained: Draws, scratch: Draws, *, pixels: Draws | None = None
) -> Figure:
    """Draw accuracy over the number of labels, and the paired difference under it.

    Above: every draw as a dot, means as lines. Below: the mean of the difference
    between the two on the same draws, with its 95 % Student interval.

    Args:
        counts: Numbers of labels, ascending.
        pretrained: Accuracies after pre-training, per count and draw.
        scratch: Accuracies from scratch, on the same draws.
        pixels: Accuracies of a linear classifier on the plain images, on the same draws;
            shown as a thin line of their means.

    Raises:
        DataError: If they do not belong together.
    """
    _check(counts, pretrained, scratch)
    if pixels is not None:
        _check(counts, pretrained, pixels)
    with styled():
        figure = new_figure(4.8, 4.3)
        above, below = figure.subplots(2, 1, sharex=True, height_ratios=(2.2, 1))
        _accuracies(above, counts, scratch, colour=SERIES[1], side=0.985, name="from scratch")
        _accuracies(above, counts, pretrained, colour=SERIES[0], side=1.015, name="pre-trained")
        if pixels is not None:
            means = [100 * float(np.mean(values)) for values in pixels]
            above.plot(counts, means, ":", color=MUTED, linewidth=1.1, label="linear on pixels")
        above.set_ylabel("accuracy, %")
        above.legend(loc="best", reverse=True)
        _differences(below, counts, pretrained, scratch)
        below.set_xscale("log")
        below.set_xticks(list(counts), [count(number) for number in counts])
        below.xaxis.set_minor_locator(NullLocator())
        below.set_xlabel("labelled images")
    return figure


def _accuracies(
    axes: Axes, counts: Sequence[int], draws: Draws, *, colour: str, side: float, name: str
) -> None:
    """Draw one method: its draws as dots, a little to one side, and its means."""
    for number, values in zip(counts, draws, strict=True):
        x = np.full(len(values), number * side)
        axes.plot(
            x,
            100 * np.asarray(values),
            "o",
            color=colour,
            alpha=0.28,
            markersize=3.4,
            markeredgewidth=0,
        )
    means = [100 * float(np.mean(values)) for values in draws]
    axes.plot(np.asarray(counts) * side, means, "-o", color=colour, markersize=5.5, label=name)


def _differences(axes: Axes, counts: Sequence[int], a: Draws, b: Draws) -> None:
    """Draw the paired differences with their intervals, and the line of no difference."""
    axes.axhline(0, color=MUTED, linewidth=1.0)
    tops: list[float] = []
    for number, left, right in zip(counts, a, b, strict=True):
        mean, low, high = (100 * end for end in paired_interval(left, right))
        tops.append(high)
        axes.plot([number, number], [low, high], color=INK, linewidth=2.0)
        axes.plot([number], [mean], "o", color=INK, markersize=5)
        axes.annotate(
            f"{mean:+.1f}",
            (number, mean),
            (7, 0),
            textcoords="offset points",
            va="center",
            fontsize=8.5,
        )
    axes.set_ylabel("difference,\npoints")
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:+g}" if value else "0"))
    axes.margins(x=0.12, y=0.18)
    axes.spines["left"].set_color(RULE)


def _check(counts: Sequence[int], pretrained: Draws, scratch: Draws) -> None:
    """Refuse figures that do not belong together."""
    shapes = [[len(values) for values in draws] for draws in (pretrained, scratch)]
    if not counts or shapes[0] != shapes[1] or len(shapes[0]) != len(counts):
        raise DataError(
            f"few_labels_figure needs both methods' accuracies for the same draws at each of "
            f"{len(counts)} counts; got {shapes[0]} and {shapes[1]} draws"
        )
