"""Characters that the font of figures lacks: others in its place, and a sentence where none has."""

import functools
import re
import warnings
from collections.abc import Generator
from contextlib import contextmanager

from matplotlib import font_manager

from featlearn.errors import MissingCharacters

_OTHERS = (
    *("Noto Sans", "Noto Sans JP", "Noto Sans SC", "Noto Sans KR", "Noto Sans Arabic"),
    *("Noto Sans Devanagari", "Noto Sans Thai", "IPAexGothic", "Droid Sans Fallback"),
    *("Arial Unicode MS", "Malgun Gothic", "Unifont"),
)
"""Fonts of more scripts that a system may have, in the order in which they are asked."""

_MISSING = re.compile(r"Glyph (\d+) .*missing from (?:current )?font")


@functools.cache
def fallbacks() -> list[str]:
    """List the fonts that this system has for what the font of figures lacks.

    Only plain TrueType files are among them, as a PDF is to hold the font.
    """
    fonts = font_manager.fontManager.ttflist
    there = {font.name for font in fonts if font.fname.lower().endswith(".ttf")}
    return [name for name in _OTHERS if name in there]


@contextmanager
def missing_said(*, drawn: bool = True) -> Generator[None]:
    """Say in one sentence what matplotlib says of each character that no font has.

    Args:
        drawn: Whether letters are drawn inside; where they stay text, nothing is missing.

    Warns:
        MissingCharacters: If some were.
    """
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        yield
    missing: dict[str, None] = {}
    for one in caught:
        found = _MISSING.search(str(one.message))
        if found is None:
            warnings.warn_explicit(one.message, one.category, one.filename, one.lineno)
        else:
            missing[chr(int(found[1]))] = None
    if missing and drawn:
        some = "".join(list(missing)[:5])
        more = ", among others" if len(missing) > 5 else ""
        warnings.warn(
            f"the fonts here lack characters of this figure, which it shows as boxes: {some}{more}",
            MissingCharacters,
            stacklevel=4,
        )
