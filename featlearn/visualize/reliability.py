"""How often a classifier is right where it is so sure: the reliability diagram."""

from collections.abc import Sequence
from typing import Protocol

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from featlearn.visualize.style import INK, MUTED, SERIES, new_figure, styled


class BinLike(Protocol):
    """An interval of confidence, as `featlearn.evaluate.calibration.Bin` is one."""

    @property
    def low(self) -> float:
        """Beginning of the interval."""
        ...

    @property
    def high(self) -> float:
        """Its end."""
        ...

    @property
    def images(self) -> int:
        """How many images are in it."""
        ...

    @property
    def confidence(self) -> float | None:
        """Their mean probability of the most probable class."""
        ...

    @property
    def accuracy(self) -> float | None:
        """Share of them named right."""
        ...


def reliability_figure(panels: Sequence[tuple[str, float, Sequence[BinLike]]]) -> Figure:
    """Draw accuracy over confidence, a panel for each set of probabilities.

    Bars are the accuracy within an interval of confidence, dots its mean confidence, and the
    dotted diagonal is where both agree; below, bars in grey are the share of images in it.

    Args:
        panels: Title, expected calibration error in [0, 1], and bins, of each.
    """
    with styled():
        figure = new_figure(3.3 * len(panels), 3.6)
        axes = figure.subplots(2, len(panels), squeeze=False, sharex=True, height_ratios=(4, 1))
        for column, (title, ece, bins) in enumerate(panels):
            _draw_accuracy(axes[0, column], title, ece, bins)
            _draw_images(axes[1, column], bins)
    return figure


def _draw_accuracy(axes: Axes, title: str, ece: float, bins: Sequence[BinLike]) -> None:
    """Draw how often it is right."""
    axes.set_title(title)
    axes.set_title(f"ECE {100 * ece:.2f} %", loc="right", color=MUTED, fontsize=8.0)
    axes.plot([0, 1], [0, 1], ":", color=INK, linewidth=1.0)
    for some in bins:
        if some.accuracy is None or some.confidence is None:
            continue
        width, middle = some.high - some.low, (some.low + some.high) / 2
        axes.bar(middle, some.accuracy, width * 0.9, color=SERIES[0], alpha=0.8)
        axes.plot(some.confidence, some.confidence, ".", color=SERIES[1], markersize=5.0)
    axes.set_xlim(0, 1)
    axes.set_ylim(0, 1)
    axes.set_ylabel("accuracy")


def _draw_images(axes: Axes, bins: Sequence[BinLike]) -> None:
    """Draw how many images there are."""
    total = max(sum(some.images for some in bins), 1)
    for some in bins:
        width, middle = some.high - some.low, (some.low + some.high) / 2
        axes.bar(middle, some.images / total, width * 0.9, color=MUTED, alpha=0.6)
    axes.set_ylim(0, 1)
    axes.set_xlabel("confidence")
    axes.set_ylabel("images")
