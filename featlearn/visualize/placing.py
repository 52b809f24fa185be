"""Where a figure's axes lie, so that a page can say what its curves are worth at a place."""

from typing import NamedTuple

from matplotlib.figure import Figure


class Place(NamedTuple):
    """The frame of a pair of axes in its figure, and what it spans.

    Attributes:
        left: From the figure's left side, as a share of its width.
        top: From its upper side, as a share of its height.
        width: As a share of the figure's.
        height: As a share of the figure's.
        x: What lies at the left and at the right side.
        y: What lies at the lower and at the upper side.
        log_x: Whether the horizontal scale is logarithmic.
        log_y: Whether the vertical one is.
    """

    left: float
    top: float
    width: float
    height: float
    x: tuple[float, float]
    y: tuple[float, float]
    log_x: bool
    log_y: bool


def place_of_axes(figure: Figure) -> Place:
    """Find the first axes of a figure that has been written already.

    Writing lays the figure out; before, axes lie elsewhere.
    """
    axes = figure.axes[0]
    box = axes.get_position()
    return Place(
        left=float(box.x0),
        top=float(1 - box.y1),
        width=float(box.width),
        height=float(box.height),
        x=axes.get_xlim(),
        y=axes.get_ylim(),
        log_x=axes.get_xscale() == "log",
        log_y=axes.get_yscale() == "log",
    )
