"""What labels are worth: errors over the number of labels, with intervals."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple, cast

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator
from numpy.typing import NDArray

from featlearn.errors import DataError
from featlearn.evaluate.paired import mean_interval, paired_interval
from featlearn.visualize.few_labels import Draws
from featlearn.visualize.style import INK, MUTED, RULE, SERIES, new_figure, styled
from featlearn.wording import METHODS
from featlearn.wording import count as grouped

_WIDE = 8.0
"""From this ratio of the largest mean error to the least the axis of errors is logarithmic."""

_ROOMY = 6
"""Up to so many numbers of labels there is room for large letters."""

_APART = 0.09
"""Share of the axis that the number of a tick takes."""

_COLOURS = {"pretrained": SERIES[0], "scratch": SERIES[1], "pixels": MUTED}


class LabelSweep(NamedTuple):
    """A sweep, as a panel shows it.

    Attributes:
        title: Of what it is.
        counts: Numbers of labels, ascending.
        errors: For each of `METHODS`, `pretrained` first, its errors in [0, 1]: for each number
            of labels, one for each draw; two or more.
    """

    title: str
    counts: Sequence[int]
    errors: Mapping[str, Draws]


def label_sweep_figure(counts: Sequence[int], errors: Mapping[str, Draws]) -> Figure:
    """Draw errors over the number of labels, and under them what pre-training saves.

    Above: every draw as a dot, means as lines with their 95 % Student intervals. Below,
    where there is a control: the mean of what the first one errs more than the pre-trained
    stages on the same draws, with its paired interval.

    Args:
        counts: As in a `LabelSweep`.
        errors: As in a `LabelSweep`.

    Raises:
        DataError: If they do not belong together.
    """
    return label_sweeps_figure([LabelSweep("", counts, errors)])


def label_sweeps_figure(sweeps: Sequence[LabelSweep]) -> Figure:
    """Draw the same for several sweeps of the same methods, side by side.

    Args:
        sweeps: The sweeps, from left to right; axes of errors and of gains are each one's own.

    Raises:
        DataError: If there is none, or their methods differ or their figures do not belong
            together.
    """
    for _, counts, errors in sweeps:
        _check(counts, errors)
    arms = {tuple(sweep.errors) for sweep in sweeps}
    if len(arms) != 1:
        raise DataError(
            f"label_sweeps_figure needs one sweep or more, of the same methods; got {len(sweeps)}, "
            f"with {sorted(arms)}"
        )
    rows = 2 if len(sweeps[0].errors) > 1 else 1
    with styled():
        width = 4.8 if len(sweeps) == 1 else 3.1 * len(sweeps) + 0.8
        figure = new_figure(width, 4.3 if rows == 2 else 3.2)
        ratios = (2.2, 1)[:rows]
        grid = figure.subplots(rows, len(sweeps), sharex="col", height_ratios=ratios, squeeze=False)
        for place, sweep in enumerate(sweeps):
            _panel(grid[:, place], sweep, first=place == 0)
    return figure


def _panel(rows: NDArray[np.object_], sweep: LabelSweep, *, first: bool) -> None:
    """Draw a sweep: its errors, and below them, where there is a second row, its gains.

    Args:
        rows: The axes.
        sweep: What to draw.
        first: Whether it is the one that says what all have in common.
    """
    above, below = cast("Axes", rows[0]), cast("Axes", rows[-1])
    _, counts, errors = sweep
    controls = [arm for arm in errors if arm != "pretrained"]
    if controls:
        _gains(below, counts, errors[controls[0]], errors["pretrained"])
    span = max(counts[-1] / counts[0], 4.0)
    step = span**0.022  # between methods that stand side by side
    for place, arm in enumerate(errors):
        side = step ** (place - (len(errors) - 1) / 2)
        _errors(above, [count * side for count in counts], errors[arm], arm, step=step)
    above.set_title(sweep.title)
    _scale(above, errors)
    if first:
        above.set_ylabel("test error, %")
    if first and controls:
        below.set_ylabel(f"{METHODS[controls[0]]}\nerrs more, points")
        above.legend(loc="best")
    below.set_xscale("log")
    below.set_xticks(list(counts), _apart(counts, span))
    below.xaxis.set_minor_locator(NullLocator())
    below.set_xlim(counts[0] / span**0.14, counts[-1] * span**0.14)
    below.set_xlabel("labelled images")


def _scale(axes: Axes, errors: Mapping[str, Draws]) -> None:
    """Let errors begin at zero, or stand on a logarithmic axis where they differ by much.

    On an even axis the intervals of small errors would vanish under their dots.
    """
    means = [float(np.mean(values)) for draws in errors.values() for values in draws]
    least = min(min(values) for draws in errors.values() for values in draws)
    if least <= 0 or max(means) < _WIDE * min(means):
        axes.set_ylim(bottom=0)
        return
    axes.set_yscale("log")
    axes.set_ylim(bottom=60 * least)  # lower ends of intervals may be at zero
    axes.yaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.yaxis.set_minor_locator(NullLocator())


def _apart(counts: Sequence[int], span: float) -> list[str]:
    """Write numbers of labels, but for those that would run into the one before."""
    shown: list[str] = []
    last = 0.0
    for number in counts:
        room = number >= last * span**_APART
        shown.append(grouped(number) if room else "")
        last = float(number) if room else last
    return shown


def _errors(axes: Axes, places: Sequence[float], draws: Draws, arm: str, *, step: float) -> None:
    """Draw one method: its means with their intervals, its draws as dots close by."""
    colour = _COLOURS[arm]
    for place, values in zip(places, draws, strict=True):
        x, y = np.full(len(values), place / step**0.45), 100 * np.asarray(values)
        axes.plot(x, y, "o", color=colour, alpha=0.35, markersize=3.0, markeredgewidth=0)
        _, low, high = (100 * end for end in mean_interval(values))
        axes.plot([place, place], [max(low, 0.0), high], color=colour, linewidth=1.6)
    means = [100 * float(np.mean(values)) for values in draws]
    style = ":o" if arm == "pixels" else "-o"
    axes.plot(places, means, style, color=colour, markersize=5, label=METHODS[arm])


def _gains(axes: Axes, counts: Sequence[int], control: Draws, own: Draws) -> None:
    """Draw what is saved with its intervals, and the line where nothing is."""
    axes.axhline(0, color=MUTED, linewidth=1.0)
    for count, more, less in zip(counts, control, own, strict=True):
        mean, low, high = (100 * end for end in paired_interval(more, less))
        axes.plot([count, count], [low, high], color=INK, linewidth=2.0)
        axes.plot([count], [mean], "o", color=INK, markersize=5)
        axes.annotate(
            f"{mean:+.1f}" if abs(mean) >= 1 else f"{mean:+.2f}",
            (count, high),
            (0, 3),
            textcoords="offset points",
            ha="center",
            va="bottom",
            fontsize=8.5 if len(counts) <= _ROOMY else 7.0,
        )
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:+g}" if value else "0"))
    axes.margins(y=0.25)
    axes.spines["left"].set_color(RULE)


def _check(counts: Sequence[int], errors: Mapping[str, Draws]) -> None:
    """Refuse figures that do not belong together."""
    sizes = {arm: [len(values) for values in draws] for arm, draws in errors.items()}
    expected = sizes.get("pretrained", [])
    known = set(sizes) <= set(METHODS) and all(found == expected for found in sizes.values())
    if not counts or len(expected) != len(counts) or min(expected) < 2 or not known:
        raise DataError(
            "label_sweep_figure needs errors of the pre-trained stages, and of controls on the "
            f"same two or more draws, at each of {len(counts)} counts; got {sizes} draws"
        )
