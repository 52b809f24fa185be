"""Charts and pictures inside a page."""

import base64
import io
import re

import numpy as np
from PIL import Image

from featlearn.report.embed import embed_chart, embed_picture, embed_png, embed_strip
from featlearn.visualize.confusion import confusion_figure
from featlearn.visualize.curves import curves_figure
from featlearn.visualize.picture import Picture
from featlearn.visualize.style import png_bytes, svg_text

LINE = {"phase": "</svg><script>x", "epoch": 0, "step": 1, "loss": 1.0, "terms": {"a<b": 1.0}}


def chart(key: str) -> str:
    lines = [LINE, {**LINE, "step": 2}]
    return str(embed_chart(svg_text(curves_figure(lines)), key=key, alt='a "quoted" <alt>'))


def decoded(source: str) -> Image.Image:
    head, data = source.split(",", 1)
    assert head == "data:image/png;base64"
    return Image.open(io.BytesIO(base64.b64decode(data)))


def test_a_chart_takes_the_page_s_colours_and_font() -> None:
    svg = chart("k")
    assert "var(--series-1)" in svg
    assert "var(--ink)" in svg
    assert re.search(r"#[0-9a-f]{6}\b", svg) is None
    assert "font-family" not in svg
    assert "<style" not in svg


def test_a_chart_s_words_are_escaped() -> None:
    svg = chart("k")
    assert "<script>" not in svg
    assert "a&lt;b" in svg
    assert "a &#34;quoted&#34; &lt;alt&gt;" in svg


def test_charts_do_not_share_names() -> None:
    first, second = (set(re.findall(r' id="([^"]+)"', chart(key))) for key in ("one", "two"))
    assert first
    assert not first & second
    used = set(re.findall(r'(?:url\(#|href="#)([^)"]+)', chart("one")))
    assert used == first


def test_a_picture_is_whole_and_not_blown_up() -> None:
    pixels = np.random.default_rng(0).integers(0, 255, (6, 9, 1)).astype(np.uint8)
    pixels = np.concatenate([pixels.repeat(3, 2), np.full((6, 9, 1), 255, np.uint8)], axis=2)
    embedded = embed_picture(Picture("p", "title", "note", pixels), tile=8)
    image = decoded(embedded.source)
    assert (embedded.width, embedded.height) == (72, 48)
    assert image.mode == "LA"
    small = np.asarray(image)[8::16, 8::16, 0]
    np.testing.assert_array_equal(small, pixels[..., 0])


def test_coloured_and_clear_pixels_survive() -> None:
    pixels = np.zeros((2, 2, 4), np.uint8)
    pixels[0, 0] = [255, 0, 0, 255]
    image = np.asarray(decoded(embed_picture(Picture("p", "t", "n", pixels)).source))
    assert image[0, 0].tolist() == [255, 0, 0, 255]
    assert image[-1, -1, 3] == 0


def test_a_strip_has_square_tiles_of_its_height() -> None:
    strip = embed_strip(Picture("p", "t", "n", np.zeros((5, 5 * 4 + 3, 4), np.uint8)), tile=40)
    assert (strip.height, strip.width) == (40, 184)


def test_a_strip_is_cut_between_tiles() -> None:
    pixels = np.zeros((5, 6 * 9 - 1, 4), np.uint8)
    pixels[..., 3] = 255
    pixels[:, 5::6, 3] = 0  # nine tiles of 5 by 5, clear columns between them
    strip = embed_strip(Picture("p", "t", "n", pixels), tile=40)
    scale = 26 / 5
    for most in (40, 100, 116, 200):
        width = strip.cut(height=26, most=most)
        last = int(width / scale) % 6  # a column of the gap, or the first of the next tile
        assert last == 5
        assert width <= most < width + 7 * scale
    assert strip.cut(height=26, most=300) == round(53 * scale)


def test_a_chart_of_pixels_keeps_its_shape() -> None:
    data = png_bytes(confusion_figure([[1]], ["a"]))
    embedded = embed_png(data, alt="words", most=260)
    assert (embedded.width, embedded.height) == (260, 260)
    assert decoded(embedded.source).size == (520, 520)
