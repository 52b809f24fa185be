"""A network as a drawing: planes and units from left to right, with their sizes."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Circle, FancyBboxPatch, Polygon, Rectangle

from featlearn.config.layers import Plan
from featlearn.visualize.columns import Column, columns_of, count_words, in_rows
from featlearn.visualize.style import INK, MUTED, PAPER, bare, new_figure, styled

Point = tuple[float, float]

# Lengths are inches of the page.
_LARGEST, _SMALLEST = 1.2, 0.1
_COLUMN, _GAP, _MARGIN = 0.98, 0.26, 0.3
_ABOVE, _MIDDLE, _BELOW = 0.34, 1.5, 0.92
_LETTER = 0.072
_STEP = 0.06
_UNIT = 0.055
_TITLE = 0.62

_SHEETS, _UNITS = 5, 9
_BAND = "#f3f5f7"
_GRID = 6


class _Box(NamedTuple):
    """Where the front of a column lies, in inches: lower left corner, width and height."""

    x: float
    y: float
    width: float
    height: float

    def at(self, across: float, up: float) -> Point:
        """Give a place by its shares of width and height."""
        return self.x + across * self.width, self.y + up * self.height


def network_figure(plan: Plan, *, title: str = "") -> Figure:
    """Draw the layers of a network, from the image to the classes.

    Sides of planes grow more slowly than their length, so that small ones are seen; of
    many maps or units some are drawn. A plane with a grid has weights of its own at
    every position.

    Args:
        plan: The layers, counted.
        title: A line above.
    """
    columns = columns_of(plan)
    rows = in_rows(columns)
    widest = max(map(len, rows))
    title, summary = _safe(title, 90), _summary(plan)
    words = max(1.4 * _LETTER * len(title), _LETTER * len(summary))
    width = 2 * _MARGIN + max(widest * _COLUMN + (widest - 1) * _GAP, words)
    high = _ABOVE + _MIDDLE + _BELOW
    height = _TITLE + len(rows) * high + (len(rows) - 1) * _GAP + 0.2
    longest = max(max(column.shape[1:]) for column in columns)
    with styled():
        figure = new_figure(width, height)
        figure.set_layout_engine("none")
        axes = figure.add_axes((0, 0, 1, 1))
        bare(axes)
        axes.set(xlim=(0, width), ylim=(0, height))
        axes.text(_MARGIN, height - 0.2, title, weight="bold", size=11, va="top")
        axes.text(_MARGIN, height - 0.4, summary, size=8.5, color=MUTED, va="top")
        for number, row in enumerate(rows):
            top = height - _TITLE - number * (high + _GAP)
            _draw_row(axes, row, top, longest)
    return figure


def _draw_row(axes: Axes, columns: Sequence[Column], top: float, longest: int) -> None:
    """Draw columns side by side: bands of stages, links, planes, words."""
    centres = [_MARGIN + _COLUMN / 2 + place * (_COLUMN + _GAP) for place in range(len(columns))]
    middle = top - _ABOVE - _MIDDLE / 2
    boxes = [_front(column, x, middle, longest) for column, x in zip(columns, centres, strict=True)]
    _draw_bands(axes, columns, centres, top)
    for place in range(1, len(columns)):
        _draw_link(axes, columns[place - 1 : place + 1], boxes[place - 1], boxes[place])
    for column, x, box in zip(columns, centres, boxes, strict=True):
        _draw_planes(axes, column, box)
        _draw_words(axes, column, x, top)


def _front(column: Column, x: float, middle: float, longest: int) -> _Box:
    """Place the front plane of a column, or its units, in the middle."""
    maps, rows, places = column.shape
    if column.flat:
        shown = min(maps, _UNITS)
        height = (2 * shown - 1) * 2 * _UNIT * 0.62 + _UNIT * 0.76
        return _Box(x - _UNIT, middle - height / 2, 2 * _UNIT, height)
    height, width = (max(_LARGEST * (side / longest) ** 0.6, _SMALLEST) for side in (rows, places))
    depth = (min(maps, _SHEETS) - 1) * _STEP
    squeeze = min(1.0, (_COLUMN - depth) / width)
    width, height = width * squeeze, height * squeeze
    return _Box(x - (width + depth) / 2, middle - (height + depth) / 2, width, height)


def _draw_bands(
    axes: Axes, columns: Sequence[Column], centres: Sequence[float], top: float
) -> None:
    """Lay a band behind the columns of each stage."""
    start = 0
    for place in range(1, len(columns) + 1):
        if place < len(columns) and columns[place].group == columns[start].group:
            continue
        if columns[start].group:
            left = centres[start] - _COLUMN / 2 - 0.07
            width = centres[place - 1] - centres[start] + _COLUMN + 0.14
            height = _ABOVE + _MIDDLE + _BELOW
            style = "round,pad=0,rounding_size=0.08"
            corner = (left, top - height)
            band = FancyBboxPatch(corner, width, height, boxstyle=style, fc=_BAND, ec="none")
            band.set_zorder(0.1)
            axes.add_patch(band)
        start = place


def _draw_planes(axes: Axes, column: Column, box: _Box) -> None:
    """Draw the maps of a column as sheets, or its units as circles."""
    maps = column.shape[0]
    if column.flat:
        _draw_units(axes, column, box)
        return
    for sheet in reversed(range(min(maps, _SHEETS))):
        corner = (box.x + sheet * _STEP, box.y + sheet * _STEP)
        axes.add_patch(Rectangle(corner, box.width, box.height, fc=PAPER, ec="none"))
        face = _light(column.colour, 0.82)
        axes.add_patch(Rectangle(corner, box.width, box.height, fc=face, ec=column.colour, lw=0.8))
    if column.untied:
        lines = _light(column.colour, 0.45)
        for step in range(1, _GRID):
            share = step / _GRID
            _line(axes, box.at(share, 0), box.at(share, 1), color=lines, lw=0.45)
            _line(axes, box.at(0, share), box.at(1, share), color=lines, lw=0.45)


def _draw_units(axes: Axes, column: Column, box: _Box) -> None:
    """Draw units one over the other; of many, some at both ends."""
    for point in _places(column, box):
        face = _light(column.colour, 0.82)
        axes.add_patch(Circle(point, _UNIT, fc=face, ec=column.colour, lw=0.8, zorder=2))
    if column.shape[0] > _UNITS:
        for step in (-1, 0, 1):
            point = box.at(0.5, 0.5 + step / (_UNITS + 1))
            axes.add_patch(Circle(point, _UNIT * 0.24, fc=column.colour, ec="none", zorder=2))


def _places(column: Column, box: _Box) -> list[Point]:
    """Place the units that are drawn, lowest first."""
    count = column.shape[0]
    shown = min(count, _UNITS)
    chosen = range(shown) if count <= _UNITS else (0, 1, 2, _UNITS - 3, _UNITS - 2, _UNITS - 1)
    edge = _UNIT / box.height
    steps = [place / (shown - 1) if shown > 1 else 0.5 for place in chosen]
    return [box.at(0.5, edge + step * (1 - 2 * edge)) for step in steps]


def _draw_link(axes: Axes, pair: Sequence[Column], below: _Box, above: _Box) -> None:
    """Show what a unit sees of the column before it."""
    source, target = pair
    colour = target.colour
    if source.flat and target.flat:
        for start in _places(source, below):
            for end in _places(target, above):
                _line(axes, start, end, color=_light(colour, 0.6), lw=0.4, zorder=0.9)
        return
    if target.flat or source.flat:
        corners = [below.at(1, 1), above.at(0.5, 1), above.at(0.5, 0), below.at(1, 0)]
        axes.add_patch(Polygon(corners, fc=_light(colour, 0.84), ec="none", zorder=0.9))
        return
    window = target.window or (1, 1)
    share = [min(seen / side, 1.0) for seen, side in zip(window, source.shape[1:], strict=True)]
    tall, wide = max(share[0], 0.06), max(share[1], 0.06)
    left, low = 0.75 * (1 - wide), 0.3 * (1 - tall)
    tip = above.at(0.15, 0.82)
    for up in (low, low + tall):
        _line(axes, below.at(left + wide, up), tip, color=colour, lw=0.7, zorder=3)
    seen = Rectangle(below.at(left, low), wide * below.width, tall * below.height)
    seen.set(facecolor=_light(colour, 0.35), edgecolor=colour, linewidth=0.8, alpha=0.6, zorder=3)
    axes.add_patch(seen)
    axes.add_patch(Circle(tip, 0.022, fc=colour, ec="none", zorder=3))


def _line(axes: Axes, start: Point, end: Point, **how: Any) -> None:
    """Draw a line between two points."""
    axes.plot([start[0], end[0]], [start[1], end[1]], **how)


def _draw_words(axes: Axes, column: Column, x: float, top: float) -> None:
    """Write the name above a column, and what it is below."""
    name = _safe(column.name, 14)
    axes.text(x, top - 0.2, name, weight="bold", size=9, ha="center", va="center")
    maps, height, width = column.shape
    shape = count_words(maps) if column.flat else f"{count_words(maps)} × {height} × {width}"
    lines = [(column.kind, column.colour, 8.0)] if column.kind else []
    lines += [(shape, INK, 8.5), *((fact, MUTED, 7.5) for fact in column.facts)]
    y = top - _ABOVE - _MIDDLE - 0.08
    for text, colour, size in lines:
        axes.text(x, y, text, color=colour, size=size, ha="center", va="center")
        y -= 0.165


def _summary(plan: Plan) -> str:
    """Sum the network up in a line."""
    totals = plan.totals
    return (
        f"{count_words(totals.units)} units · {count_words(totals.connections)} connections · "
        f"{count_words(totals.weights)} weights, {count_words(totals.biases)} biases"
    )


def _light(colour: str, share: float) -> str:
    """Mix a colour with white, `share` of it."""
    parts = [int(colour[at : at + 2], 16) for at in (1, 3, 5)]
    return "#" + "".join(f"{round(part + (255 - part) * share):02x}" for part in parts)


def _safe(text: str, most: int) -> str:
    """Cut long text, and keep `$` from being read as mathematics."""
    cut = text if len(text) <= most else f"{text[: most - 1]}…"
    return cut.replace("$", r"\$")
