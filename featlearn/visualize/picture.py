"""A picture: a mosaic with the words that belong to it, for a page or a file."""

from collections.abc import Sequence
from io import BytesIO
from typing import NamedTuple

from matplotlib.figure import Figure
from PIL import Image

from featlearn.visualize.style import MUTED, bare, new_figure, styled
from featlearn.visualize.tiles import Pixels, enlarged

_WIDTH = 7.2
"""Inches that a picture fills across."""


class Picture(NamedTuple):
    """A mosaic and its words.

    Attributes:
        name: Short, for a file name: `strokes-filters`.
        title: What is seen: stage, maps, size.
        note: How to read it.
        pixels: One pixel for each weight or image pixel, gaps clear.
    """

    name: str
    title: str
    note: str
    pixels: Pixels


def picture_png(picture: Picture, *, width: int = 1400) -> bytes:
    """Write a picture's mosaic as PNG, without its words, `width` or so pixels across."""
    pixels = enlarged(picture.pixels, width=width)
    image = Image.fromarray(pixels)
    grey = (pixels[..., 0] == pixels[..., 1]) & (pixels[..., 1] == pixels[..., 2])
    if grey.all():
        image = image.convert("LA")
    buffer = BytesIO()
    image.save(buffer, format="PNG", optimize=True)
    return buffer.getvalue()


def pictures_figure(pictures: Sequence[Picture]) -> Figure:
    """Draw pictures one under the other, each with its title and note."""
    heights = [_panel_height(picture) for picture in pictures]
    with styled():
        figure = new_figure(_WIDTH + 0.3, sum(heights) + 0.2)
        panels = figure.subplots(len(pictures), 1, squeeze=False, height_ratios=heights)
        for axes, picture in zip(panels[:, 0], pictures, strict=True):
            bare(axes)
            axes.set_title(picture.title)
            axes.imshow(enlarged(picture.pixels, width=1400), interpolation="antialiased")
            axes.set_anchor("NW")
            axes.set_xlabel(picture.note, loc="left", wrap=True, color=MUTED, fontsize=8.0)
    return figure


def _panel_height(picture: Picture) -> float:
    """Inches that a picture needs at full width, words included, within reason."""
    height, width = picture.pixels.shape[:2]
    return min(max(_WIDTH * height / width, 0.4), 9.0) + 0.7
