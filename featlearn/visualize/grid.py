"""Rows of tiles with words at their left and under each tile."""

import textwrap
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from featlearn.errors import DataError
from featlearn.visualize.style import MUTED, SERIES, bare, new_figure, styled
from featlearn.visualize.tiles import Pixels, enlarged, mosaic

_WIDTH = 7.2
"""Inches of a figure, but for its border."""

_LINE = 0.12
"""Inches of a line of captions."""


class Row(NamedTuple):
    """A row of tiles and its words.

    Attributes:
        label: At its left; lines are broken as they are.
        tiles: `(n, height, width, 4)`, all clear where a place stays empty.
        captions: Under each tile; none if empty.
        marked: Which captions stand out, for what is wrong; none if empty.
    """

    label: str
    tiles: Pixels
    captions: Sequence[str] = ()
    marked: Sequence[bool] = ()


class Heading(NamedTuple):
    """Words above some columns of the first row: from the first, up to and without the last."""

    text: str
    first: int
    last: int


def grid_figure(
    rows: Sequence[Row],
    *,
    title: str,
    note: str,
    headings: Sequence[Heading] = (),
    least: int = 6,
) -> Figure:
    """Draw rows of tiles under each other, their columns aligned.

    Args:
        rows: From the top.
        title: What is seen.
        note: How to read it, under the last row.
        headings: Above columns of the first row.
        least: As many columns there is room for at least, so that few tiles stay small.

    Raises:
        DataError: If there is no tile.
    """
    columns = max((len(row.tiles) for row in rows), default=0)
    if columns == 0:
        raise DataError("there is no picture to draw")
    columns = max(columns, least)
    words = max(max(map(len, row.label.split("\n"))) for row in rows)
    left = min(0.075 * words + 0.1, 1.9)
    tile = (_WIDTH - left) / columns
    heights = [_height(row, tile) for row in rows]
    lines = textwrap.wrap(note, 112)
    top = 0.45 + (0.22 if headings else 0.0)
    whole = sum(heights) + top + 0.17 * len(lines) + 0.15
    with styled():
        figure = new_figure(_WIDTH + 0.2, whole)
        figure.set_layout_engine("none")
        _say(figure, title, whole - 0.12, fontweight="bold", fontsize=9.5)
        bottom = whole - top
        for row, height in zip(rows, heights, strict=True):
            bottom -= height
            box = (left, bottom, columns * tile, height) / np.tile(figure.get_size_inches(), 2)
            axes = figure.add_axes(tuple(box))
            _draw(axes, row, columns=columns)
        _head(figure.axes[0], headings, step=rows[0].tiles.shape[2] + _gap(rows[0]))
        _say(figure, "\n".join(lines), bottom - 0.05, color=MUTED, fontsize=8.0)
    return figure


def cell(text: str, *, most: int = 18) -> str:
    """Shorten words for a place with little room, and keep `$` from being read as mathematics."""
    cut = text if len(text) <= most else text[: most - 1] + "…"
    return cut.replace("$", r"\$")


def blank(like: Pixels, count: int = 1) -> Pixels:
    """Give clear tiles of the size of others, for places that stay empty."""
    return np.zeros((count, *like.shape[1:]), np.uint8)


def _height(row: Row, tile: float) -> float:
    """Inches of a row: a tile, its captions, and the gap below."""
    height, width = row.tiles.shape[1:3]
    lines = max((caption.count("\n") + 1 for caption in row.captions), default=0)
    return tile * (height + _gap(row)) / (width + _gap(row)) + lines * _LINE + 0.06


def _gap(row: Row) -> int:
    """Give a gap between tiles that is seen at any size."""
    return max(1, round(row.tiles.shape[2] / 14))


def _draw(axes: Axes, row: Row, *, columns: int) -> None:
    """Draw one row from the upper left corner of its axes, in pixels of its tiles."""
    bare(axes)
    count, height, width = row.tiles.shape[:3]
    step = width + _gap(row)
    box = axes.get_window_extent()
    axes.set_xlim(0, columns * step)
    axes.set_ylim(columns * step * box.height / box.width, 0)
    if count:
        pixels = mosaic(row.tiles, columns=count, gap=_gap(row))
        extent = (0.0, float(pixels.shape[1]), float(pixels.shape[0]), 0.0)
        shown = enlarged(pixels, width=1400)
        axes.imshow(shown, extent=extent, aspect="auto", interpolation="antialiased")
    _write(axes, row.label, (0, height / 2), (-6, 0), ha="right", va="center", fontsize=8.0)
    marked = row.marked or [False] * len(row.captions)
    for place, (caption, stands_out) in enumerate(zip(row.captions, marked, strict=True)):
        under = (place * step + width / 2, height)
        colour = SERIES[1] if stands_out else MUTED
        _write(axes, caption, under, (0, -2), ha="center", va="top", fontsize=6.5, color=colour)


def _head(axes: Axes, headings: Sequence[Heading], *, step: float) -> None:
    """Write the headings above a row whose columns are `step` apart."""
    for heading in headings:
        above = ((heading.first + heading.last) / 2 * step, 0)
        _write(axes, heading.text, above, (0, 5), ha="center", va="baseline", fontsize=8.0)


def _write(
    axes: Axes, text: str, place: tuple[float, float], off: tuple[float, float], **how: Any
) -> None:
    """Write words some points off a place."""
    axes.annotate(
        text, place, off, textcoords="offset points", annotation_clip=False, linespacing=1.05, **how
    )


def _say(figure: Figure, text: str, top: float, **how: Any) -> None:
    """Write words at the left of a figure, from so many inches above its bottom."""
    across, whole = figure.get_size_inches()
    figure.text(0.1 / across, top / whole, text, ha="left", va="top", **how)
