"""The pictures and tables of docs/objectives.md."""

from collections.abc import Mapping, Sequence
from io import BytesIO
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from objectives_methods import METHODS, Topic, Way
from PIL import Image

from featlearn.evaluate.paired import mean_interval, paired_interval
from featlearn.visualize.style import INK, new_figure, png_bytes, styled
from featlearn.visualize.tiles import mosaic, signed_tiles

SHOWN = {"edges": (4, 14), "strokes": (2, 14)}
"""Rows and columns of units in a picture; the first of each network."""

_ENLARGED = {"edges": 2, "strokes": 1}
_GREYS = 16
_DPI = 100
_LABEL = 22  # pixels of height
_MARGIN = 18

PIXELS = "pixels"
"""The row of the plain images."""

CONTROLS = {
    "random": "*random filters*",
    "components": "*principal components*",
    PIXELS: "*plain pixels*",
}


class Row(NamedTuple):
    """One row of a table.

    Attributes:
        name: Of a method or a control.
        seconds: Of training, of the processor; `None` for a control.
        parameters: Learned numbers; `None` for a control.
        dead: Share of units that say nothing; `None` for a control.
        explained: By how many codes are kept; empty for plain pixels.
        gabor: Share of Gabor functions among patterns, for scenes.
        accuracies: Of draws of labels, for digits.
        features: That the classifier was given.
    """

    name: str
    seconds: float | None
    parameters: int | None
    dead: float | None
    explained: Mapping[int, float]
    gabor: float | None
    accuracies: Sequence[float]
    features: int | None


def sheet(patterns: Mapping[str, NDArray[np.floating]], topic: Topic) -> bytes:
    """Draw the first units of every network, each with its name, as a PNG file.

    Args:
        patterns: By label, `(units, height, width)`.
        topic: Which says how many are shown, and how large.
    """
    rows, columns = SHOWN[topic]
    times = _ENLARGED[topic]
    panels = [
        mosaic(signed_tiles(some[: rows * columns, np.newaxis]), columns=columns)
        .repeat(times, axis=0)
        .repeat(times, axis=1)
        for some in patterns.values()
    ]
    height, width = panels[0].shape[:2]
    down, across = height + _LABEL + _MARGIN // 2, width + _MARGIN
    whole_height, whole_width = -(-len(panels) // 2) * down, 2 * across
    with styled():
        figure = new_figure(whole_width / _DPI, whole_height / _DPI)
        for place, (label, panel) in enumerate(zip(patterns, panels, strict=True)):
            left = (place % 2) * across + _MARGIN // 2
            below = whole_height - (place // 2) * down - _LABEL - height
            figure.figimage(panel, left, below)
            figure.text(
                left / whole_width,
                (below + height + 5) / whole_height,
                label,
                color=INK,
                fontsize=9,
                weight="bold",
            )
        whole = png_bytes(figure, dpi=_DPI)
    with Image.open(BytesIO(whole)) as picture:
        few = picture.convert("L").quantize(_GREYS, dither=Image.Dither.NONE)
    buffer = BytesIO()
    few.save(buffer, format="PNG", optimize=True)
    return buffer.getvalue()


def table_of(rows: Sequence[Row], topic: Topic) -> str:
    """Write the table of figures."""
    own = ["R² ≥ 0.7"] if topic == "edges" else ["features", "accuracy", "beyond pixels"]
    active = next(list(row.explained) for row in rows if row.explained)
    heads = ["objective", "seconds", "parameters", "dead", *(f"at {k}" for k in active), *own]
    plain = next((row.accuracies for row in rows if row.name == PIXELS), ())
    lines = [heads, ["---"] * len(heads)]
    for row in rows:
        cells = [
            label_of(row.name),
            "" if row.seconds is None else f"{row.seconds:.0f}",
            "" if row.parameters is None else f"{row.parameters:,}",
            "" if row.dead is None else _percent(row.dead),
            *(f"{row.explained[k]:.3f}" if row.explained else "" for k in active),
        ]
        cells += [_percent(row.gabor or 0.0)] if topic == "edges" else _worth(row, plain)
        lines.append(cells)
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def settings_table() -> str:
    """Write by which recipe every objective learned, and what was changed of it."""
    lines = ["| objective | source | scenes | digits |", "|---|---|---|---|"]
    lines += [
        f"| {method.label} | {method.source} "
        f"| {_setting(method.edges)} | {_setting(method.strokes)} |"
        for method in METHODS.values()
    ]
    return "\n".join(lines)


def label_of(name: str) -> str:
    """Say what a method or a control is called in a table."""
    return CONTROLS[name] if name in CONTROLS else METHODS[name].label


def _setting(way: Way) -> str:
    """Write a recipe and the keys that were changed."""
    changes = (change.removeprefix("stages.").split(".", 1)[-1] for change in way.changes)
    words = "; ".join(f"`{change}`" for change in changes)
    link = f"[{way.recipe}](../featlearn/recipes/{way.recipe}.toml)"
    return f"{link}{'' if way.white else ', not whitened'}{': ' if words else ''}{words}"


def _worth(row: Row, plain: Sequence[float]) -> list[str]:
    """Write what a classifier makes of the features, and how far that is beyond pixels."""
    mean = mean_interval(row.accuracies)
    ends = f"({100 * mean.low:.1f} to {100 * mean.high:.1f})"
    cells = [str(row.features), f"{100 * mean.mean:.1f} % {ends}"]
    if row.name == PIXELS:
        return [*cells, ""]
    gain = paired_interval(row.accuracies, plain)
    return [*cells, f"{_points(gain.mean)} ({_points(gain.low)} to {_points(gain.high)})"]


def _points(value: float) -> str:
    return f"{100 * value:+.1f}".replace("-", "−")


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %" if 0 < share < 1 else f"{100 * share:.0f} %"
