"""Figures inside the page: pictures as data, charts as SVG in the page's own colours."""

import base64
import re
import struct
from dataclasses import dataclass

import numpy as np
from markupsafe import Markup, escape

from featlearn.visualize.picture import Picture, picture_png
from featlearn.visualize.style import INK, MUTED, PAPER, RULE, SERIES

_VARIABLES = {
    PAPER: "--paper",
    INK: "--ink",
    MUTED: "--muted",
    RULE: "--rule",
    **{colour: f"--series-{place}" for place, colour in enumerate(SERIES, start=1)},
}
"""Which colour of the figures is which variable of the style sheet."""


@dataclass(frozen=True)
class EmbeddedImage:
    """A picture in the page.

    Attributes:
        source: A `data:` address.
        width: Widest it should be shown, in CSS pixels, so that few tiles stay small.
        height: Its height then.
        title: What is seen.
        note: How to read it.
        alt: For those who do not see it.
    """

    source: str
    width: int
    height: int
    title: str
    note: str
    alt: str


@dataclass(frozen=True)
class EmbeddedStrip(EmbeddedImage):
    """A row of tiles in the page, to be cut where a tile ends.

    Attributes:
        pitch: From one tile to the next, as a share of the height.
    """

    pitch: float

    def cut(self, *, height: int, most: int) -> int:
        """Say how many CSS pixels whole tiles take in `most`, shown `height` of them high."""
        whole = round(self.width * height / self.height)
        tiles = max(1, int(most / (self.pitch * height)))
        # Rounded down, into the gap: a part of a pixel would show the next tile.
        return whole if whole <= most else int(tiles * self.pitch * height)


def embed_picture(picture: Picture, *, tile: int = 8) -> EmbeddedImage:
    """Embed a mosaic, `tile` CSS pixels at most for each of its pixels.

    Args:
        picture: The mosaic and its words.
        tile: Largest magnification.
    """
    height, width = picture.pixels.shape[:2]
    most = min(width * tile, 860)
    data = picture_png(picture, width=min(2 * most, 1500))
    return EmbeddedImage(
        source=_data_address(data, "image/png"),
        width=most,
        height=round(most * height / width),
        title=picture.title,
        note=picture.note,
        alt=f"Picture of {picture.title}.",
    )


def embed_strip(picture: Picture, *, tile: int = 48) -> EmbeddedStrip:
    """Embed a single row of tiles, `tile` CSS pixels high, or less to fit the page."""
    height, width = picture.pixels.shape[:2]
    most = min(round(width * tile / height), 820)
    tile = round(most * height / width)
    source = _data_address(picture_png(picture, width=2 * most), "image/png")
    clear = np.flatnonzero(~picture.pixels[..., 3].any(axis=0))
    pitch = (int(clear[0]) + 1 if len(clear) else width) / height
    alt = f"{picture.title}."
    return EmbeddedStrip(source, most, tile, picture.title, picture.note, alt, pitch)


def embed_png(data: bytes, *, alt: str, most: int) -> EmbeddedImage:
    """Embed a chart as pixels, where it has too many parts for SVG.

    Args:
        data: A PNG file of two pixels for each CSS pixel.
        alt: What it shows.
        most: Its width in CSS pixels.
    """
    width, height = struct.unpack(">II", data[16:24])
    source = _data_address(data, "image/png")
    return EmbeddedImage(source, most, round(most * height / width), "", "", alt)


def embed_chart(svg: str, *, key: str, alt: str) -> Markup:
    """Embed a chart that follows the page's colours and font.

    Args:
        svg: From `featlearn.visualize.style.svg_text`, in the colours of that module.
        key: Unique in the page; begins the names inside.
        alt: What the chart shows, for those who do not see it.
    """
    for colour, variable in _VARIABLES.items():
        svg = re.sub(re.escape(colour), f"var({variable})", svg, flags=re.IGNORECASE)
    for pattern in (r"<metadata>.*?</metadata>", r"<style.*?</style>", r"<defs>\s*</defs>"):
        svg = re.sub(pattern, "", svg, flags=re.DOTALL)
    svg = re.sub(r"font: (bold |700 )?([\d.]+)px [^;\"]*", _font, svg)
    svg = re.sub(r" font-family: [^;\"]*;", "", svg)
    svg = _with_own_names(svg.replace("xlink:href", "href"), key)
    svg = re.sub(r"\n\s*", " ", svg)
    head, rest = svg.split(">", 1)
    box = re.search(r'viewBox="0 0 ([\d.]+) ([\d.]+)"', head)
    assert box is not None
    width = round(float(box[1]) * 100 / 72)
    opening = (
        f'<svg class="chart" viewBox="{box[0][9:-1]}" role="img" aria-label="{escape(alt)}" '
        f'style="max-width:{width}px">'
    )
    # The rest comes from matplotlib, which escapes what is written into a figure.
    return Markup(opening + rest)  # noqa: S704


def _font(match: re.Match[str]) -> str:
    """Keep a font's size and weight, and leave the family to the page."""
    return f"{'font-weight: 650; ' if match[1] else ''}font-size: {match[2]}px"


def _with_own_names(svg: str, key: str) -> str:
    """Drop names that nothing refers to, and make the others unique in the page."""
    used = set(re.findall(r'(?:url\(#|href="#)([^)"]+)', svg))

    def renamed(match: re.Match[str]) -> str:
        return f' id="{key}-{match[1]}"' if match[1] in used else ""

    svg = re.sub(r' id="([^"]+)"', renamed, svg)
    return re.sub(r'(url\(#|href="#)', rf"\g<1>{key}-", svg)


def _data_address(data: bytes, kind: str) -> str:
    """Write bytes as an address that holds them."""
    return f"data:{kind};base64,{base64.b64encode(data).decode()}"
