"""What a unit answers to positives and to others, as a picture."""

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

from featlearn.visualize.style import INK, SERIES, new_figure, styled


def unit_histogram_figure(
    edges: Sequence[float],
    positives: Sequence[int],
    others: Sequence[int],
    *,
    threshold: float,
    sign: int = 1,
    positive: str = "positives",
    other: str = "others",
) -> Figure:
    """Draw how the answers of a unit are spread, with its threshold.

    Bars are shares of each set, so that a small set is as readable as a large one.

    Args:
        edges: Ends of the intervals, ascending, in the unit's own scale.
        positives: Positive images in each interval.
        others: Other images in each.
        threshold: Where the unit parts them.
        sign: 1 if it names positive what is above, -1 if what is not.
        positive: What the positives are called.
        other: What the others are called.
    """
    ends = np.asarray(edges, dtype=np.float64)
    middles, widths = (ends[1:] + ends[:-1]) / 2, np.diff(ends)
    with styled():
        figure = new_figure(5.2, 2.8)
        axes = figure.subplots()
        sets = ((other, others, SERIES[0]), (positive, positives, SERIES[1]))
        for name, counts, colour in sets:
            shares = np.asarray(counts, dtype=np.float64) / max(sum(counts), 1)
            axes.bar(
                middles,
                100 * shares,
                widths,
                color=colour,
                alpha=0.55,
                label=f"{_plain(name)} ({sum(counts)})",
            )
        axes.axvline(threshold, color=INK, linewidth=1.2, linestyle="--")
        axes.annotate(
            f"{_plain(positive)} →" if sign > 0 else f"← {_plain(positive)}",
            (threshold, 1.0),
            xycoords=("data", "axes fraction"),
            xytext=(4 * sign, -2),
            textcoords="offset points",
            ha="left" if sign > 0 else "right",
            va="top",
            fontsize=8,
        )
        axes.set_xlabel("activation of the unit")
        axes.set_ylabel("% of images")
        axes.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0))
    return figure


def _plain(name: str) -> str:
    """Cut a long name, and keep `$` from being read as mathematics."""
    cut = name if len(name) <= 24 else name[:23] + "…"
    return cut.replace("$", r"\$")
