"""Pictures of the images that excite a unit most, or least."""

from collections.abc import Sequence

import matplotlib.patheffects as effects
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from torch import Tensor

from featlearn.errors import DataError
from featlearn.evaluate.top_images import Excited, cut
from featlearn.evaluate.units import Window
from featlearn.visualize.picture import Picture, pictures_figure
from featlearn.visualize.style import PAPER, SERIES, styled
from featlearn.visualize.tiles import Pixels, image_tiles, mosaic

_COLUMNS = 8
_ROW = 16


def top_images_figure(shown: Sequence[Excited], *, least: bool = False) -> Figure:
    """Draw the images that excite units most.

    Of one unit the whole images are shown, with the part that it sees outlined, and below
    them these parts; of several units one row each, of the parts alone: whole images, without
    what lies around them, where the units see all of them.

    Args:
        shown: One entry for each unit or map, as `featlearn.evaluate.top_images.excited`
            gives it; those without a single image are left out.
        least: Whether these are the images that excite them least.

    Raises:
        DataError: If no unit has an image.
    """
    shown = [one for one in shown if len(one.images)]
    if not shown:
        raise DataError("there is no image to show: no unit gave a number for any")
    if len(shown) > 1:
        return pictures_figure([_row(one, least=least) for one in shown])
    (one,) = shown
    whole = _whole(one, least=least)
    parts = [] if _sees_all(one) else [_parts(one)]
    figure = pictures_figure([whole, *parts])
    if parts:
        with styled():
            _outline(figure.axes[0], whole.pixels, one)
    return figure


def _row(one: Excited, *, least: bool) -> Picture:
    """Show the parts that a unit sees in one row."""
    seen = one.images if _sees_all(one) else cut(one.images, one.windows)
    tiles = _tiles(seen[:_ROW])
    title = f"{one.name}: what excites it {'least' if least else 'most'}"
    pixels = mosaic(tiles, columns=_ROW, gap=_gap(tiles))
    note = _values(one.values[: len(tiles)], "from left to right")
    return Picture(f"{one.name}-top-images", title, note, pixels)


def _whole(one: Excited, *, least: bool) -> Picture:
    """Show whole images."""
    degree, count = "least" if least else "most", len(one.images)
    title = f"{one.name}: the {count} images that excite it {degree}"
    if count == 1:
        title = f"{one.name}: the image that excites it {degree}"
    tiles = _tiles(one.images)
    note = _values(one.values)
    if not _sees_all(one):
        note += " The part that the unit sees is outlined."
    pixels = mosaic(tiles, columns=min(count, _COLUMNS), gap=_gap(tiles))
    return Picture(f"{one.name}-top-images", title, note, pixels)


def _parts(one: Excited) -> Picture:
    """Show the parts that a unit sees."""
    tiles = _tiles(cut(one.images, one.windows))
    height, width = tiles.shape[1:3]
    note = "In the same order."
    plane = one.images.shape[2:]
    if any(_hangs_over(window, plane[0], plane[1]) for window in one.windows):
        note += " Grey at an edge is outside the image."
    pixels = mosaic(tiles, columns=min(len(tiles), _COLUMNS), gap=_gap(tiles))
    return Picture(f"{one.name}-parts", f"What it sees of them, {height}×{width}", note, pixels)


def _outline(axes: Axes, pixels: Pixels, one: Excited) -> None:
    """Outline in every image of a mosaic what the unit sees."""
    (drawn,) = axes.images
    factor = drawn.get_size()[1] / pixels.shape[1]
    height, width = one.images.shape[2:]
    gap = _gap(_tiles(one.images[:1]))
    for place, window in enumerate(one.windows):
        row, column = divmod(place, _COLUMNS)
        left, top = column * (width + gap), row * (height + gap)
        inside = _inside(window, height, width)
        frame = Rectangle(
            ((left + inside.left) * factor - 0.5, (top + inside.top) * factor - 0.5),
            inside.width * factor,
            inside.height * factor,
            fill=False,
            edgecolor=SERIES[1],
            linewidth=1.2,
            clip_on=False,
            path_effects=[effects.withStroke(linewidth=2.4, foreground=PAPER)],
        )
        axes.add_patch(frame)


def _inside(window: Window, height: int, width: int) -> Window:
    """Cut a window off at the border of an image; one wholly outside has no size."""
    top, left = max(window.top, 0), max(window.left, 0)
    bottom, right = min(window.top + window.height, height), min(window.left + window.width, width)
    return Window(top, left, max(bottom - top, 0), max(right - left, 0))


def _hangs_over(window: Window, height: int, width: int) -> bool:
    """Say whether part of a window is outside the image."""
    return _inside(window, height, width) != window


def _sees_all(one: Excited) -> bool:
    """Say whether the unit sees whole images."""
    height, width = one.images.shape[2:]
    whole = Window(0, 0, height, width)
    return all(_inside(window, height, width) == whole for window in one.windows)


def _tiles(images: Tensor) -> Pixels:
    """Turn images into tiles."""
    return image_tiles(images.detach().float().cpu().numpy())


def _gap(tiles: Pixels) -> int:
    """Give a gap between tiles that is seen at any size."""
    return max(1, tiles.shape[2] // 16)


def _values(values: Tensor, order: str = "row after row") -> str:
    """Say between which ends the responses lie."""
    first, last = (f"{float(end):.3g}".replace("-", "−") for end in (values[0], values[-1]))
    return f"Response {first}." if first == last else f"Responses from {first} to {last}, {order}."
