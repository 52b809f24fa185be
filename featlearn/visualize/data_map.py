"""Maps of the images of a sample, as a stage sees them."""

from collections.abc import Sequence

import matplotlib.patheffects as effects
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from numpy.typing import NDArray

from featlearn.evaluate.data_map import PcaMap
from featlearn.visualize.grid import cell
from featlearn.visualize.style import MUTED, PAPER, SERIES, bare, new_figure, styled
from featlearn.visualize.tiles import Floats, Pixels, enlarged, image_tiles
from featlearn.wording import percent

_MANY = (
    "#332288", "#117733", "#cc6677", "#0a67a6", "#999933",
    "#882255", "#44aa99", "#c8520a", "#aa4499", "#66707a",
)  # fmt: skip
"""Of more than five classes (after Tol 2021); every class has its name beside it too."""

_SIDE = 0.042
"""Side of a thumbnail, as a share of the map's."""


def map_figure(
    pca: PcaMap,
    tsne: NDArray[np.float64] | None,
    images: Floats,
    *,
    labels: NDArray[np.int64] | None,
    classes: Sequence[str],
    title: str,
    note: str = "",
) -> Figure:
    """Draw a map of images by principal components, and one by t-SNE beside it.

    Images are drawn where they lie as long as they hide no other; the others are dots.

    Args:
        pca: Where they lie by the first two principal components.
        tsne: Where they lie by t-SNE, `(n, 2)`; left out if absent.
        images: `(n, maps, height, width)` in [0, 1].
        labels: Their classes, which give the colours, or `None`.
        classes: Names of the classes.
        title: What is seen.
        note: More about it.
    """
    tiles = image_tiles(images)
    colours = (
        [MUTED] * len(tiles) if labels is None else [colour_of(k, len(classes)) for k in labels]
    )
    with styled():
        figure = new_figure(9.4 if tsne is not None else 5.0, 5.4)
        figure.suptitle(title, x=0.01, ha="left", fontsize=9.5, fontweight="bold")
        panels = figure.subplots(1, 1 if tsne is None else 2, squeeze=False)[0]
        first, second = (percent(float(share), places=0) for share in pca.explained[:2])
        words = f"first principal component ({first} of the variance)"
        _panel(panels[0], pca.points[:, :2], tiles, colours)
        panels[0].set(xlabel=words, ylabel=f"second ({second})", title="Principal components")
        if tsne is not None:
            _panel(panels[1], tsne, tiles, colours)
            panels[1].set_title("t-SNE")
            panels[1].set_xlabel("only who is near whom has a meaning")
        for panel, points in zip(panels, (pca.points, tsne), strict=False):
            if labels is not None and points is not None:
                _name(panel, points, labels, classes)
        figure.supxlabel(note, x=0.01, ha="left", fontsize=8.0, color=MUTED)
    return figure


def colour_of(label: int, classes: int) -> str:
    """Give the colour of a class."""
    return SERIES[label] if classes <= len(SERIES) else _MANY[label % len(_MANY)]


def apart(points: NDArray[np.float64], *, least: float) -> list[int]:
    """Choose points, in order, of which no two are nearer than `least` along both axes.

    Args:
        points: `(n, 2)`.
        least: In the unit of the points.
    """
    chosen: list[int] = []
    for place, point in enumerate(points):
        near = np.abs(points[chosen] - point).max(axis=1) if chosen else np.array([np.inf])
        if near.min() >= least:
            chosen.append(place)
    return chosen


def _panel(axes: Axes, points: NDArray[np.float64], tiles: Pixels, colours: Sequence[str]) -> None:
    """Draw dots, and pictures over some of them."""
    bare(axes)
    span = float(np.ptp(points, axis=0).max(initial=0.0)) or 1.0
    middle = (points.max(axis=0) + points.min(axis=0)) / 2
    half, side = span * 0.54, span * 1.08 * _SIDE
    height, width = tiles.shape[1:3]
    tall = side * height / max(height, width) / 2
    wide = side * width / max(height, width) / 2
    axes.scatter(points[:, 0], points[:, 1], s=7, c=list(colours), linewidths=0, alpha=0.75)
    for place in apart(points, least=side * 1.12):
        x, y = points[place]
        extent = (x - wide, x + wide, y - tall, y + tall)
        shown = enlarged(tiles[place : place + 1].squeeze(0), width=96)
        axes.imshow(shown, extent=extent, interpolation="antialiased", zorder=3)
        frame = Rectangle(
            (x - wide, y - tall), 2 * wide, 2 * tall,
            fill=False, edgecolor=colours[place], linewidth=1.1, zorder=4,
        )  # fmt: skip
        axes.add_patch(frame)
    axes.set_xlim(middle[0] - half, middle[0] + half)
    axes.set_ylim(middle[1] - half, middle[1] + half)
    axes.set_aspect("equal")


def _name(
    axes: Axes,
    points: NDArray[np.float64],
    labels: NDArray[np.int64],
    classes: Sequence[str],
) -> None:
    """Write the name of each class at the median of its images."""
    for label, name in enumerate(classes):
        own = points[labels == label]
        if len(own) == 0:
            continue
        x, y = np.median(own[:, :2], axis=0)
        axes.text(
            float(x), float(y), cell(name), color=colour_of(label, len(classes)), zorder=5,
            ha="center", va="center", fontsize=10.0, fontweight="bold",
            path_effects=[effects.withStroke(linewidth=3.0, foreground=PAPER)],
        )  # fmt: skip
