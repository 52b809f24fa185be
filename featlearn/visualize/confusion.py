"""A confusion matrix as a picture."""

from collections.abc import Sequence

import numpy as np
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure

from featlearn.visualize.style import INK, PAPER, RULE, SERIES, new_figure, styled
from featlearn.wording import plural

_WRITTEN = 16
"""Up to this many classes the cells hold numbers."""


def confusion_figure(
    confusion: Sequence[Sequence[int]],
    classes: Sequence[str],
    *,
    name: str | None = None,
    noun: str = "image",
) -> Figure:
    """Draw which classes were taken for which.

    A cell's shade is its share of its row, so that rare classes are as readable as
    frequent ones; its number is a count of images.

    Args:
        confusion: `confusion[true][predicted]`, in images.
        classes: Names of the classes.
        name: Of the head, for a title that says of how many images it is; none if absent.
        noun: What was judged, if not images.
    """
    counts = np.asarray(confusion, dtype=np.float64)
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    ramp = LinearSegmentedColormap.from_list("share", [PAPER, SERIES[0]])
    side = min(max(2.6, 0.42 * len(classes) + 1.2), 12.0)
    with styled():
        figure = new_figure(side, side)
        axes = figure.subplots()
        axes.grid(visible=False)
        axes.imshow(shares, cmap=ramp, vmin=0, vmax=1)
        for spine in axes.spines.values():
            spine.set(visible=True, color=RULE)
        size = 8.5 if len(classes) <= 30 else 5.0
        names = [_short(name) for name in classes]
        turned = 0 if max(map(len, names), default=0) <= 3 else 90
        axes.set_xticks(range(len(names)), names, rotation=turned, fontsize=size)
        axes.set_yticks(range(len(names)), names, fontsize=size)
        axes.set_xlabel("predicted")
        axes.set_ylabel("true")
        if name is not None:
            axes.set_title(f"{_short(name)}: {plural(int(counts.sum()), noun)}")
        if len(classes) <= _WRITTEN:
            for (row, column), count in np.ndenumerate(counts):
                colour = PAPER if shares[row, column] > 0.5 else INK
                text = f"{count:.0f}" if count else ""
                axes.text(column, row, text, ha="center", va="center", color=colour, fontsize=8)
    return figure


def _short(name: str) -> str:
    """Cut a long name, and keep `$` from being read as mathematics."""
    cut = name if len(name) <= 18 else name[:17] + "…"
    return cut.replace("$", r"\$")
