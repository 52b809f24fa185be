"""Curves of how much change units bear."""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, NullLocator, PercentFormatter, StrMethodFormatter

from featlearn.errors import ShapeError
from featlearn.evaluate.invariance import Curves, goes_on, kept_range, relative
from featlearn.evaluate.transformed import TransformationKind
from featlearn.visualize.style import MUTED, RULE, SERIES, new_figure, styled
from featlearn.visualize.tiles import Floats
from featlearn.wording import count, plural

_COLUMNS = 3
_SCALES = (0.25, 0.5, 0.7, 1.0, 1.4, 2.0, 4.0)
"""Factors that the axis of scales names."""
_NAMED = 6
_DASHES = ("-", (0, (5, 1.5)), (0, (1.5, 1.2)), (0, (6, 1.5, 1.5, 1.5)), (0, (3, 1, 1, 1, 1, 1)))
"""Told apart in print too."""


class _Words(NamedTuple):
    """How a kind of change is written."""

    title: str
    axis: str
    unit: str


_KINDS: dict[TransformationKind, _Words] = {
    "shift-x": _Words("Shift right", "% of the width ({width} px)", " %"),
    "shift-y": _Words("Shift down", "% of the height ({height} px)", " %"),
    "rotation": _Words("Rotation", "degrees, counter-clockwise", "°"),
    "scale": _Words("Scale", "factor", "×"),
    "contrast": _Words("Contrast", "factor", "×"),
    "noise": _Words("Noise", "standard deviation of the pixels", ""),
}


def invariance_figure(
    curves: Sequence[Curves],
    names: Sequence[str],
    *,
    share: float = 0.5,
    images: int | None = None,
    which: str = "that excite it most",
) -> Figure:
    """Draw the responses of units to changed images, a panel for each kind of change.

    Responses are shares of the response to the images as they are, counted from the
    baseline. Of one unit the standard error is shown too, with a share of its peak as a line, and
    the range in which it keeps that is marked and written; "or more" where the last amount tried
    did not end it. Up to five units have a colour and a dash each; of more all curves
    are thin, and their median is drawn over them. A unit that its images do not raise above
    the baseline has no curve.

    Args:
        curves: What `invariance_curves` found, one for each kind of change.
        names: Names of the units, the same in all of them.
        share: Of the peak, for the range.
        images: Of how many images a curve is the mean, at most; unsaid if absent.
        which: Which images these are.

    Raises:
        ShapeError: If there is no curve, or not one for each name.
    """
    if not curves or not names or any(len(one.responses) != len(names) for one in curves):
        counts = [len(one.responses) for one in curves]
        raise ShapeError(f"there are curves of {counts} units for {len(names)} names")
    columns = 2 if len(curves) == 4 else min(len(curves), _COLUMNS)  # four: no hole
    rows = math.ceil(len(curves) / columns)
    with styled():
        figure = new_figure(
            2.6 * columns + (0.3 if columns > 1 else 1.5),
            (2.55 if len(names) == 1 else 2.35) * rows + 0.7,
        )
        panels = figure.subplots(rows, columns, squeeze=False, sharey=True)
        for place, axes in enumerate(panels.flat):
            if place >= len(curves):
                axes.set_visible(False)
            else:
                _panel(axes, curves[place], names, share)
        for row in panels:
            row[0].set_ylabel("response")
        _name(figure, panels[0, 0], names)
        note = "\n".join([_shares_words(curves), *_note(names, images, which)])
        figure.supxlabel(note, x=0.01, ha="left", fontsize=8.0, color=MUTED)
    return figure


def _shares_words(curves: Sequence[Curves]) -> str:
    """Say what the shares are of, and from where they are counted."""
    general = any(bool(one.baseline.any()) for one in curves)
    zero = "the response to images in general" if general else "no response"
    return f"100 %: the response to the images as they are; 0 %: {zero}."


def _note(names: Sequence[str], images: int | None, which: str) -> list[str]:
    """Say whose the thin curves are, and of how many images a curve is."""
    said: list[str] = []
    if len(names) > len(SERIES):
        rest = len(names) - _NAMED
        more = f" and {count(rest)} more" if rest > 0 else ""
        said.append(f"Thin: {', '.join(map(_plain, names[:_NAMED]))}{more}.")
    if images is not None:
        each = "The mean" if len(names) == 1 else "Each is the mean"
        said.append(f"{each} over the {plural(images, 'image')} {which}.")
    return said


def _panel(axes: Axes, curves: Curves, names: Sequence[str], share: float) -> None:
    """Draw one kind of change."""
    change, words = curves.transformation, _KINDS[curves.transformation.kind]
    x = _scaled(np.asarray(change.amounts), curves)
    y = relative(curves).double().cpu().numpy()
    if len(names) == 1:
        _single(axes, x, y[0], curves, share)
    elif len(names) <= len(SERIES):
        for row, name, colour, dash in zip(y, names, SERIES, _DASHES, strict=False):
            axes.plot(x, row, color=colour, linestyle=dash, label=name)
    else:
        thin = axes.plot(x, y.T, color=MUTED, linewidth=0.6, alpha=min(1.0, 20 / len(names)))
        thin[0].set_label(f"each of {count(len(names))} units")
        raised = y[np.isfinite(y).all(axis=1)]
        if len(raised):
            axes.plot(x, np.median(raised, axis=0), color=SERIES[0], label=_median_of(len(raised)))
    neutral = _scaled(np.asarray([change.neutral]), curves)[0]
    axes.axvline(neutral, color=RULE, linewidth=0.8, zorder=0)
    axes.axhline(0, color=MUTED, linewidth=0.6, zorder=0)
    axes.yaxis.set_major_formatter(PercentFormatter(1.0, symbol=" %"))
    if change.kind == "scale":
        axes.set_xscale("log", base=2)
        inside = [tick for tick in _SCALES if x[0] <= tick <= x[-1]]
        axes.xaxis.set_major_locator(FixedLocator(inside))
        axes.xaxis.set_minor_locator(NullLocator())
        axes.xaxis.set_major_formatter(StrMethodFormatter("{x:g}×"))
    _, height, width = curves.shape
    axes.set_xlabel(words.axis.format(width=width, height=height))
    axes.set_title(words.title, pad=20.0 if len(names) == 1 else None)
    if len(names) == 1:
        said = _range_words(curves, words.unit, share)
        axes.annotate(
            said,
            (0, 1),
            (0, 6),
            "axes fraction",
            textcoords="offset points",
            color=SERIES[1],
            fontsize=8.0,
        )


def _median_of(raised: int) -> str:
    """Say of how many units the median is: those that their images raise."""
    return f"median of the {count(raised)} that their images raise"


def _single(axes: Axes, x: Floats, y: Floats, curves: Curves, share: float) -> None:
    """Draw the curve of one unit, its standard error and the range in which it is kept."""
    whole = (curves.responses[0] - curves.baseline[0])[curves.transformation.unchanged]
    if not np.isfinite(y).all():
        axes.text(0.5, 0.5, "not raised by its images", transform=axes.transAxes, ha="center")
        return
    level = share * y.max()
    error = (curves.errors[0] / whole).double().cpu().numpy()
    axes.fill_between(x, y - error, y + error, color=SERIES[0], alpha=0.2, linewidth=0)
    axes.plot(x, y, color=SERIES[0], marker="o", markersize=2.5, label="mean, standard error")
    words = f"{_share_words(share)} of the peak"
    axes.axhline(level, color=SERIES[1], linewidth=0.9, linestyle=(0, (4, 2)), label=words)
    ends = _scaled(kept_range(curves, share=share)[0].numpy(), curves)
    if np.isfinite(ends).all():
        axes.axvspan(*ends, color=SERIES[1], alpha=0.08, linewidth=0)
        axes.plot(ends, [level, level], color=SERIES[1], linewidth=2.2, marker="|", markersize=9)


def _range_words(curves: Curves, unit: str, share: float) -> str:
    """Say in which range a unit keeps a share of its peak."""
    ends = _scaled(kept_range(curves, share=share)[0].numpy(), curves)
    if not np.isfinite(ends).all():
        return "is not near its peak"
    low, high = (f"{end:.2g}".replace("-", "−") + unit for end in ends)
    less, more = goes_on(curves, share=share)[0].tolist()
    low, high = low + " or less" * less, high + " or more" * more
    return f"{_share_words(share)} kept: {low} to {high}"


def _share_words(share: float) -> str:
    """Write a share of the peak."""
    return "half" if share == 0.5 else f"{100 * share:g} %"


def _scaled(amounts: Floats, curves: Curves) -> Floats:
    """Turn shifts in pixels into per cent of the side; leave all else."""
    match curves.transformation.kind:
        case "shift-x":
            return 100 * amounts / curves.shape.width
        case "shift-y":
            return 100 * amounts / curves.shape.height
        case _:
            return amounts


def _name(figure: Figure, axes: Axes, names: Sequence[str]) -> None:
    """Say whose curves they are: above all panels."""
    if len(names) == 1:
        figure.suptitle(_plain(names[0]), x=0.01, ha="left", fontsize=10, fontweight="bold")
        handles, labels = axes.get_legend_handles_labels()
        if handles:
            figure.legend(handles, labels, loc="outside upper right", ncols=len(handles))
        return
    handles, labels = axes.get_legend_handles_labels()
    figure.legend(
        handles, [_plain(label) for label in labels], loc="outside upper left", ncols=len(SERIES)
    )


def _plain(name: str) -> str:
    """Keep `$` from being read as mathematics."""
    return name.replace("$", r"\$")
