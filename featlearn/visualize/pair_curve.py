"""What pairs are worth to a classifier that must cross from one modality to another."""

from collections.abc import Mapping, Sequence

from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator

from featlearn.errors import DataError
from featlearn.visualize.style import MUTED, SERIES, new_figure, styled
from featlearn.wording import count

Ends = tuple[float, float, float]
"""An accuracy in [0, 1], and the ends of its interval."""


def pair_curve(points: Sequence[tuple[int, Mapping[str, Ends]]]) -> Figure:
    """Draw accuracy over the number of pairs, a line with its interval for each method.

    Args:
        points: The number of pairs, ascending, and each method's accuracy; the first method is
            the one that the others are compared with.

    Raises:
        DataError: If there is no point, or the points have different methods.
    """
    if not points or any([*methods] != [*points[0][1]] for _, methods in points):
        raise DataError("a curve over pairs needs the same methods at one number of pairs or more")
    counts = [number for number, _ in points]
    with styled():
        figure = new_figure(5.6, 3.8)
        axes = figure.subplots()
        for place, name in enumerate(points[0][1]):
            ends = [[100 * end for end in methods[name]] for _, methods in points]
            first = place == 0
            colour = SERIES[0] if first else MUTED
            style = "-o" if first else _STYLES[(place - 1) % len(_STYLES)]
            width, size = (1.8, 5) if first else (1.0, 3.5)
            means = [mean for mean, _, _ in ends]
            axes.plot(
                counts, means, style, color=colour, linewidth=width, markersize=size, label=name
            )
            lows, highs = [low for _, low, _ in ends], [high for _, _, high in ends]
            axes.fill_between(counts, lows, highs, color=colour, alpha=0.18, linewidth=0)
        axes.set_xscale("log")
        axes.set_xticks(counts, [count(number) for number in counts])
        axes.xaxis.set_minor_locator(NullLocator())
        axes.set_xlabel("pairs of an image and a recording")
        axes.set_ylabel("images named right by sound, %")
        axes.legend(loc="lower right", fontsize=7.5)
    return figure


_STYLES = ("--s", ":s", "-.s", "--^", ":^", "-.^")
