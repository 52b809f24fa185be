"""What a search over a recipe's keys tried: its trials in order, and by the value of each key."""

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.gridspec import GridSpec
from matplotlib.ticker import FixedLocator, FuncFormatter, LogLocator, MaxNLocator, NullLocator

from featlearn.config.overrides import parse_value
from featlearn.config.space import Range, Space
from featlearn.errors import DataError
from featlearn.visualize.style import INK, MUTED, PAPER, RULE, SERIES, new_figure, styled

_PER_ROW = 3
_SPREAD = 0.36  # of the room of a choice, over which its trials lie in their order
_LONGEST = 14  # letters of a choice

_MARKS = {
    "complete": ("o", SERIES[0], "complete"),
    "pruned": ("o", MUTED, "stopped early"),
    "diverged": ("x", SERIES[1], "diverged"),
    "unfit": ("+", SERIES[1], "does not fit"),
}


class Tried(NamedTuple):
    """One trial.

    Attributes:
        state: `complete`, `pruned`, `diverged` or `unfit`.
        value: What is minimised; `None` of all but complete trials.
        params: The value of each key, spelled as after `--set`.
    """

    state: str
    value: float | None
    params: dict[str, str]


def search_figure(spaces: Sequence[Space], trials: Sequence[Tried], *, percent: bool) -> Figure:
    """Draw what is minimised over the trials, and over each key's values.

    Above: a dot for each complete trial, a line for the best so far. Below, up to three in a
    row: the same dots over one key. Trials without a value stand in a tinted strip on top.
    The best trial is orange.

    Args:
        spaces: What was searched.
        trials: All trials, in their order.
        percent: Whether the values are errors in [0, 1], which are drawn in percent, and not
            held-out losses.

    Raises:
        DataError: If none is complete.
    """
    values = [trial.value for trial in trials if trial.value is not None]
    if not values:
        raise DataError("a search is drawn when at least one of its trials is complete")
    strip = len(values) < len(trials)
    scale = _Scale(values, percent=percent, strip=strip)
    columns = 2 if len(spaces) == 4 else min(len(spaces), _PER_ROW)
    rows = -(-len(spaces) // columns)
    with styled():
        figure = new_figure(max(3.1 * columns, 5.6), 2.9 + 2.3 * rows)
        grid = figure.add_gridspec(rows + 1, columns, height_ratios=[1.25, *[1] * rows])
        above = figure.add_subplot(grid[0, :])
        _draw_trials(above, trials, scale)
        above.set_ylabel("validation error, %" if percent else "held-out loss")
        _draw_keys(figure, grid, spaces, trials, scale)
    return figure


class _Scale:
    """The axis of what is minimised: linear, or a logarithm where values span much."""

    def __init__(self, values: Sequence[float], *, percent: bool, strip: bool) -> None:
        self.percent = percent
        self.strip = strip
        shown = [self.of(value) for value in values]
        low, high = min(shown), max(shown)
        self.log = low > 0 and high / low > 30
        room = math.log(high / low) if self.log else (high - low) or abs(high) or 1.0
        self.low, self.floor, self.edge, self.high = (
            high * math.exp(share * room) if self.log else high + share * room
            for share in (-1.1, 0.1, 0.17, 0.24)
        )
        if not self.log and low >= 0:
            self.low = max(self.low, 0.0)

    def of(self, value: float | None) -> float:
        """Give where a trial stands, in the strip without a value."""
        if value is None:
            return self.edge
        return 100 * value if self.percent else value

    def apply(self, axes: Axes) -> None:
        """Set up the axis, and the strip if there is to be one."""
        if self.log:
            axes.set_yscale("log")
        locator = LogLocator(numticks=5) if self.log else MaxNLocator(5)
        marks = [m for m in locator.tick_values(self.low, self.floor) if m <= self.floor]
        axes.yaxis.set_major_locator(FixedLocator(marks))
        axes.yaxis.set_minor_locator(NullLocator())
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        axes.set_ylim(self.low, self.high if self.strip else self.floor)
        if self.strip:
            axes.axhspan(self.floor, self.high, color=RULE, alpha=0.35, linewidth=0)


def _draw_trials(axes: Axes, trials: Sequence[Tried], scale: _Scale) -> None:
    """Draw the trials in their order, and the best so far."""
    scale.apply(axes)
    numbers = np.arange(1, len(trials) + 1)
    best = np.minimum.accumulate([np.inf if t.value is None else t.value for t in trials])
    known = np.isfinite(best)
    line = [scale.of(float(value)) for value in best[known]]
    axes.step(numbers[known], line, where="post", color=INK, linewidth=1.2, label="best so far")
    _scatter(axes, trials, [float(number) for number in numbers], scale)
    axes.set_xlabel("trial")
    axes.set_xlim(0.4, len(trials) + 0.6)
    axes.xaxis.set_major_locator(MaxNLocator(10, integer=True, min_n_ticks=1))
    entries = dict(zip(*reversed(axes.get_legend_handles_labels()), strict=True))
    axes.legend(
        entries.values(),
        entries.keys(),
        loc="lower right",
        bbox_to_anchor=(1.0, 1.0),
        ncols=len(entries),
        borderaxespad=0.1,
        handletextpad=0.3,
        columnspacing=1.2,
    )


def _draw_keys(
    figure: Figure, grid: GridSpec, spaces: Sequence[Space], trials: Sequence[Tried], scale: _Scale
) -> None:
    """Draw what is minimised over each key, a panel each."""
    for number, space in enumerate(spaces):
        row, column = divmod(number, grid.ncols)
        axes = figure.add_subplot(grid[row + 1, column])
        scale.apply(axes)
        place = _places(axes, space, len(trials))
        _scatter(axes, trials, [place(t.params[space.key], n) for n, t in enumerate(trials)], scale)
        axes.set_xlabel(_broken(space.key))
        if column:
            axes.tick_params(labelleft=False)


def _places(axes: Axes, space: Space, count: int) -> Callable[[str, int], float]:
    """Set up the axis of a key, and tell where a value of the n-th trial stands on it."""
    if isinstance(space, Range):
        _number_axis(axes, space)
        return lambda text, _: float(text)
    names = {value: place for place, value in enumerate(space.values)}
    axes.xaxis.set_major_locator(FixedLocator(range(len(names))))
    axes.set_xticklabels([_short(value) for value in names])
    axes.set_xlim(-0.6, len(names) - 0.4)

    def place(text: str, number: int) -> float:
        return names[text] + _SPREAD * ((number + 0.5) / count - 0.5)

    return place


def _number_axis(axes: Axes, space: Range) -> None:
    """Set up the axis of a key that takes numbers."""
    low, high = float(space.low), float(space.high)
    if space.log:
        margin = (high / low) ** 0.05
        axes.set_xscale("log")
        axes.set_xlim(low / margin, high * margin)
        axes.xaxis.set_major_locator(LogLocator(numticks=5))
        if high / low < 100:
            axes.xaxis.set_major_locator(FixedLocator([low, (low * high) ** 0.5, high]))
            axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:.3g}"))
        axes.xaxis.set_minor_locator(NullLocator())
        return
    margin = 0.05 * (high - low)
    axes.set_xlim(low - margin, high + margin)
    axes.xaxis.set_major_locator(MaxNLocator(5, integer=space.whole))
    if space.step is not None and (high - low) / space.step <= 6:
        steps = round((high - low) / space.step)
        axes.xaxis.set_major_locator(FixedLocator([low + n * space.step for n in range(steps + 1)]))


def _scatter(axes: Axes, trials: Sequence[Tried], places: Sequence[float], scale: _Scale) -> None:
    """Draw a mark for each trial, the best one last."""
    for state, (marker, colour, words) in _MARKS.items():
        rows = [row for row, trial in enumerate(trials) if trial.state == state]
        if not rows:
            continue
        axes.plot(
            [places[row] for row in rows],
            [scale.of(trials[row].value) for row in rows],
            marker,
            color=colour,
            markersize=5.5 if state == "complete" else 5.0,
            markerfacecolor="none" if state == "pruned" else colour,
            markeredgecolor=PAPER if state == "complete" else colour,
            markeredgewidth=0.6 if state == "complete" else 1.1,
            alpha=0.85,
            label=words,
            clip_on=False,
        )
    best = min(
        (row for row, trial in enumerate(trials) if trial.value is not None),
        key=lambda row: (trials[row].value, row),
    )
    axes.plot(
        [places[best]],
        [scale.of(trials[best].value)],
        "o",
        color=SERIES[1],
        markersize=7.0,
        markeredgecolor=INK,
        markeredgewidth=0.9,
        label=f"best: trial {best + 1}",
        zorder=4,
    )


def _short(text: str) -> str:
    """Write a choice in few letters: of a table its values alone."""
    value = parse_value(text)
    table = isinstance(value, dict)
    plain = " ".join(map(str, value.values())) if table else text.strip("\"'")
    return plain if len(plain) <= _LONGEST else f"{plain[: _LONGEST - 1]}…"


def _broken(key: str, *, width: int = 30) -> str:
    """Break a long key into lines before its dots."""
    first, *rest = key.split(".")
    lines = [first]
    for part in rest:
        if len(lines[-1]) + len(part) >= width:
            lines.append("")
        lines[-1] += f".{part}"
    return "\n".join(lines)
