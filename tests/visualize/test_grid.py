"""Rows of tiles: where they and their words lie."""

import numpy as np
import pytest
from matplotlib.text import Annotation

from featlearn.errors import DataError
from featlearn.visualize.grid import Heading, Row, blank, cell, grid_figure
from featlearn.visualize.style import SERIES, png_bytes, svg_text
from featlearn.visualize.tiles import Pixels


def tiles(count: int, height: int = 4, width: int = 6) -> Pixels:
    return np.full((count, height, width, 4), 255, np.uint8)


def test_rows_are_aligned_and_their_words_are_text() -> None:
    rows = [
        Row("above\ntwo lines", tiles(3), ["a", "b", "c"], [False, True, False]),
        Row("below", tiles(2, 12, 6)),
    ]
    figure = grid_figure(rows, title="Title", note="A note.", headings=[Heading("head", 1, 3)])
    first, second = figure.axes
    assert first.get_xlim() == second.get_xlim() == (0, 6 * 7)
    assert first.get_position().y0 >= second.get_position().y1 - 1e-9
    assert first.get_position().x0 == second.get_position().x0 > 0
    words = {text.get_text(): text for text in first.texts}
    assert list(words) == ["above\ntwo lines", "a", "b", "c", "head"]
    assert words["b"].get_color() == SERIES[1] != words["a"].get_color()
    head = words["head"]
    assert isinstance(head, Annotation)
    assert head.xy == (2 * 7, 0)
    for text in ("Title", "A note.", "two lines", "head", "below"):
        assert f">{text}</text>" in svg_text(figure)


def test_the_same_rows_give_the_same_bytes() -> None:
    figures = [grid_figure([Row("", tiles(2))], title="t", note="") for _ in range(2)]
    assert png_bytes(figures[0], dpi=50) == png_bytes(figures[1], dpi=50)


def test_blank_tiles_are_clear_and_names_short() -> None:
    assert blank(tiles(1), 2).shape == (2, 4, 6, 4)
    assert not blank(tiles(1)).any()
    assert cell("$a$") == r"\$a\$"
    assert cell("x" * 30, most=5) == "xxxx…"


def test_nothing_to_draw() -> None:
    for rows in ([], [Row("empty", tiles(0))]):
        with pytest.raises(DataError, match="no picture"):
            grid_figure(rows, title="t", note="n")
