"""Pictures of optimal stimuli, with how good they are."""

import math
import textwrap
from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator
from torch import Tensor

from featlearn.errors import ShapeError
from featlearn.evaluate.smooth_search import prior_words
from featlearn.evaluate.stimulus import Stimuli
from featlearn.visualize.projections import cropped
from featlearn.visualize.style import MUTED, PAPER, SERIES, bare, new_figure, styled
from featlearn.visualize.tiles import Floats, Pixels, enlarged, signed_tiles
from featlearn.wording import count, plural

_COLUMNS = 6
_TILE = 1.2
"""Inches across, gap included."""

_LIMIT = 48
"""Most stimuli in a figure; the first ones are shown."""

_WIDTH = 62
"""Letters in a line below one."""


def stimulus_figure(
    stimuli: Stimuli, names: Sequence[str], *, real: Tensor | None = None
) -> Figure:
    """Draw optimal stimuli as differences from the plain input, whose place is mid-grey.

    Each has a scale of its own, and is cropped to what any of the units sees. Of one unit it
    is shown large beside the responses to real images.

    Args:
        stimuli: What `optimal_stimulus` found.
        names: Names of the units.
        real: Responses to real images, `(n, units)`, for the histogram of a single unit;
            without them there is none.

    Raises:
        ShapeError: If there is no unit, or names or responses are not as many.
    """
    counts = {len(stimuli.values), len(names)} | (set() if real is None else {real.shape[1]})
    if counts != {len(names)} or not names:
        raise ShapeError(
            f"there are {len(stimuli.values)} stimuli for {len(names)} names"
            + ("" if real is None else f" and responses of {real.shape[1]} units")
        )
    tiles = _tiles(stimuli.patterns)
    with styled():
        if len(names) == 1:
            return _single(stimuli, tiles[0], names[0], real)
        return _several(stimuli, tiles[:_LIMIT], names, images=None if real is None else len(real))


def _several(
    stimuli: Stimuli, tiles: Pixels, names: Sequence[str], *, images: int | None
) -> Figure:
    """Draw a tile for each unit, named, with its percentile."""
    rows = math.ceil(len(tiles) / _COLUMNS)
    columns = math.ceil(len(tiles) / rows)
    ratio = tiles.shape[1] / tiles.shape[2]
    figure = new_figure(_TILE * max(columns, 3), (_TILE * ratio + 0.4) * rows + 0.3)
    panels = figure.subplots(rows, columns, squeeze=False)
    for place, axes in enumerate(panels.flat):
        if place >= len(tiles):
            axes.set_visible(False)
            continue
        _show(axes, tiles[place])
        axes.set_title(_plain(names[place]), fontsize=8.0, pad=3.0)
        axes.set_xlabel(_short(stimuli, place), fontsize=7.5, labelpad=2.0)
    note = f"Response above that of {_real(images)}.\nMid-grey is zero, each on its own scale."
    note += _asked(stimuli)
    if len(names) > len(tiles):
        note = f"The first {len(tiles)} of {count(len(names))} units.\n{note}"
    figure.supxlabel(note, x=0.01, ha="left", fontsize=8.0, color=MUTED)
    return figure


def _single(stimuli: Stimuli, tile: Pixels, name: str, real: Tensor | None) -> Figure:
    """Draw one stimulus large, and the responses to real images."""
    figure = new_figure(7.2 if real is not None else 3.2, 3.3)
    panels = figure.subplots(1, 1 if real is None else 2, squeeze=False)[0]
    _show(panels[0], tile)
    panels[0].set_title(f"{_plain(name)}: optimal stimulus")
    values = None if real is None else real[:, 0].double().cpu().numpy()
    values = None if values is None else values[np.isfinite(values)]
    facts = _facts(stimuli, images=None if values is None else len(values))
    panels[0].set_xlabel(facts, fontsize=8.0, loc="left")
    if values is not None:
        _histogram(panels[1], values, stimuli)
    return figure


def _histogram(axes: Axes, values: Floats, stimuli: Stimuli) -> None:
    """Draw how often real images reach a response, and what the stimulus reached."""
    axes.set_title(f"Responses to {plural(len(values), 'image')}")
    if len(values):
        axes.hist(values, bins=min(40, 8 + len(values) // 8), color=SERIES[0])
    reached = float(stimuli.values[0])
    if math.isfinite(reached):
        axes.axvline(reached, color=SERIES[1], linewidth=1.4, label="optimal stimulus")
    plain = float(stimuli.blank[0])
    if math.isfinite(plain):
        axes.axvline(plain, color=MUTED, linewidth=1.2, linestyle=(0, (4, 2)), label="plain input")
    axes.set_xlabel("response")
    axes.set_ylabel("images")
    axes.yaxis.set_major_locator(MaxNLocator("auto", integer=True, steps=[1, 2, 2.5, 5, 10]))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: count(round(value))))
    axes.margins(y=0.3)  # room for the legend
    axes.legend(
        loc="upper center", ncols=2, frameon=True, facecolor=PAPER, edgecolor="none", framealpha=1
    )


def _facts(stimuli: Stimuli, *, images: int | None) -> str:
    """Say how good the stimulus of a single unit is."""
    if not bool(stimuli.raised[0]):
        return "Nothing better than the plain input was found."
    value, norm = float(stimuli.values[0]), float(stimuli.norms[0])
    return (
        f"Response {value:.3g}".replace("-", "−") + f", {_short(stimuli, 0)} of {_real(images)}.\n"
        f"{int(stimuli.agreeing[0])} of {stimuli.starts} starts agree; "
        f"distance from the plain input {norm:.3g}.{_asked(stimuli)}"
    )


def _asked(stimuli: Stimuli) -> str:
    """Say what was asked beside a strong response, on a line of its own."""
    words = prior_words(stimuli.search)
    if not words:
        return ""
    return f"\n{textwrap.fill(f'{words[0].upper()}{words[1:]}.', _WIDTH)}"


def _short(stimuli: Stimuli, place: int) -> str:
    """Say how a stimulus stands among real images: that it is above all, or which share."""
    share = float(stimuli.percentiles[place])
    if not bool(stimuli.raised[place]) or math.isnan(share):
        return "not raised"
    return "above all" if share == 100 else f"above {math.floor(10 * share) / 10:g} %"


def _real(images: int | None) -> str:
    """Say which real images there are to compare with."""
    return "the real images" if images is None else plural(images, "real image")


def _show(axes: Axes, tile: Pixels) -> None:
    """Show a tile without a frame."""
    bare(axes)
    axes.imshow(enlarged(tile, width=400), interpolation="antialiased")


def _tiles(patterns: Tensor) -> Pixels:
    """Turn patterns into tiles in which mid-grey is zero; of odd channel counts the mean."""
    bank = cropped(patterns.detach().float().cpu().numpy())
    if bank.shape[1] not in {1, 3}:
        bank = bank.mean(axis=1, keepdims=True)
    return signed_tiles(bank)


def _plain(name: str) -> str:
    """Keep `$` from being read as mathematics."""
    return name.replace("$", r"\$")
