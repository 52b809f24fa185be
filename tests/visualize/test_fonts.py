"""Characters that no font has: one sentence, and only where they are drawn."""

import warnings
from pathlib import Path

import pytest
from matplotlib import font_manager
from matplotlib.figure import Figure

from featlearn.errors import MissingCharacters
from featlearn.visualize.fonts import fallbacks, missing_said
from featlearn.visualize.style import figure_pixels, new_figure, save_figure, styled, svg_text

NOWHERE = "\U000f0000\U000f0001"
"""Characters of nobody's, which no font has."""


def figure(text: str) -> Figure:
    with styled():
        drawn = new_figure(3, 2)
        drawn.text(0.1, 0.5, text)
    return drawn


@pytest.mark.parametrize("ending", [".png", ".pdf"])
def test_it_is_one_sentence_for_a_file(tmp_path: Path, ending: str) -> None:
    with pytest.warns(MissingCharacters, match="the fonts here lack") as said:
        save_figure(figure(NOWHERE * 3), tmp_path / f"x{ending}")
    assert len(said) == 1
    assert str(said[0].message).endswith(f"boxes: {NOWHERE}")
    assert (tmp_path / f"x{ending}").exists()


def test_pixels_are_drawn_too() -> None:
    many = "".join(map(chr, range(0xF0000, 0xF0009)))
    with pytest.warns(MissingCharacters, match=f": {many[:5]}, among others$"):
        figure_pixels(figure(many))


def test_text_that_stays_text_lacks_nothing(tmp_path: Path) -> None:
    save_figure(figure(NOWHERE), tmp_path / "x.svg")
    assert NOWHERE in (tmp_path / "x.svg").read_text()
    assert NOWHERE in svg_text(figure(NOWHERE))


def test_characters_that_are_there_are_not_mentioned(tmp_path: Path) -> None:
    with warnings.catch_warnings(record=True) as said:
        save_figure(figure("Größe ≤ λ"), tmp_path / "x.png")
    assert not said


def test_other_warnings_go_on() -> None:
    with pytest.warns(UserWarning, match="^another$"), missing_said():
        warnings.warn("another", stacklevel=1)


def test_only_fonts_that_are_there_are_asked() -> None:
    assert {*fallbacks()} <= {font.name for font in font_manager.fontManager.ttflist}


def test_a_font_of_the_system_fills_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """STIX, which matplotlib brings, has letters that DejaVu has not."""
    letters = "\u210a \u2312 \u231a"
    monkeypatch.setattr("featlearn.visualize.fonts._OTHERS", ())
    fallbacks.cache_clear()
    try:
        with pytest.warns(MissingCharacters):
            save_figure(figure(letters), tmp_path / "x.png")
        monkeypatch.setattr("featlearn.visualize.fonts._OTHERS", ("Nowhere", "STIXGeneral"))
        fallbacks.cache_clear()
        assert fallbacks() == ["STIXGeneral"]
        for ending in (".png", ".pdf", ".svg"):
            save_figure(figure(letters), tmp_path / f"x{ending}")
    finally:
        fallbacks.cache_clear()
