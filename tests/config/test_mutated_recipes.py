"""Shipped recipes with a word or a line lost, doubled or moved: read, or refused by name."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from featlearn.config.load import (
    dump_recipe,
    load_recipe,
    parse_recipe,
    recipe_text,
    stack_recipe_names,
)
from featlearn.config.plan import plan
from featlearn.config.recipe import Recipe
from featlearn.geometry import MapShape

Attempt = Callable[..., Any]
Put = Callable[[Path, bytes], None]

_WORDS = re.compile(r"[\w.+-]+|\s+|.")
_LINES = re.compile(r"[^\n]*\n")
TEXTS = {name: recipe_text(name) for name in stack_recipe_names()}


def once(parts: list[str], place: int, how: str) -> list[str]:
    """Lose one of the parts, double it, or let it and the next one that is no blank change places.

    Which parts there are is for the caller.
    """
    parts = list(parts)
    if how == "lost":
        del parts[place]
    elif how == "doubled":
        parts.insert(place, parts[place])
    else:
        other = next((k for k in range(place + 1, len(parts)) if parts[k].strip()), place)
        parts[place], parts[other] = parts[other], parts[place]
    return parts


def read(text: str, path: Path, attempt: Attempt, put: Put) -> Recipe | None:
    """Read a recipe, which may be refused; one that is read can be planned."""
    put(path, text.encode())
    recipe = attempt(lambda: load_recipe(path), str(path)).content
    if isinstance(recipe, Recipe):
        attempt(lambda: plan(recipe, MapShape(1, 28, 28), 10), "")
    return recipe


def refused_or_survives(recipe: Recipe | None) -> bool:
    """Tell whether what was read is the same when it is written and read again."""
    return recipe is None or parse_recipe(dump_recipe(recipe)) == recipe


def single_changes(text: str) -> Iterator[str]:
    for pattern in (_WORDS, _LINES):
        parts = pattern.findall(text)
        for place in range(len(parts)):
            for how in ("lost", "doubled", "moved"):
                if parts[place].strip():
                    yield "".join(once(parts, place, how))


# What the other tests of recipes reach is reached here thirty thousand times more, most of it
# in the reader of TOML, which to be traced takes twice as long again.
@pytest.mark.no_cover
@pytest.mark.parametrize("name", TEXTS)
def test_one_change_at_any_place(name: str, tmp_path: Path, attempt: Attempt, put: Put) -> None:
    path = tmp_path / "mine.toml"
    text = re.sub(r"#[^\n]*", "", TEXTS[name])  # in a comment anything may stand
    found = [read(changed, path, attempt, put) for changed in single_changes(text)]
    assert all(map(refused_or_survives, found))
    assert len(found) > 300
    assert 0.3 < found.count(None) / len(found) < 1


@settings(max_examples=150, deadline=None)
@given(
    name=st.sampled_from(sorted(TEXTS)),
    changes=st.lists(
        st.tuples(
            st.sampled_from([_WORDS, _LINES]),
            st.integers(0, 10**6),
            st.sampled_from(["lost", "doubled", "moved"]),
        ),
        min_size=2,
        max_size=6,
    ),
)
def test_several_changes(
    name: str,
    changes: list[tuple[re.Pattern[str], int, str]],
    tmp_path_factory: pytest.TempPathFactory,
    attempt: Attempt,
    put: Put,
) -> None:
    text = TEXTS[name]
    for pattern, place, how in changes:
        parts: list[str] = pattern.findall(text)
        if parts:
            text = "".join(once(parts, place % len(parts), how))
    path = tmp_path_factory.getbasetemp() / "mine.toml"
    assert refused_or_survives(read(text, path, attempt, put))


@settings(max_examples=150, deadline=None)
@given(
    name=st.sampled_from(sorted(TEXTS)),
    place=st.integers(0, 10**6),
    word=st.sampled_from(
        [
            *("0", "-1", "1e400", "nan", "inf", "9" * 30, "9" * 5000, "true", "''", '"x"', "[]"),
            *("{}", "[[", "]]", "=", ",", "\0", "\ud7ff", "1979-05-27", "0x10", "1_0", '"""'),
            *('"\\u001b[31m"', '"""a\nb"""', '"\\r\\n"', '"\\u0085\\u2028"', "[" * 2000),
            *("{a=" * 2000, "kind", "joint", '"dense"', '"mean"', "\\u", '"\\uD800"'),
        ]
    ),
)
def test_another_word_at_any_place(
    name: str,
    place: int,
    word: str,
    tmp_path_factory: pytest.TempPathFactory,
    attempt: Attempt,
    put: Put,
) -> None:
    parts = _WORDS.findall(TEXTS[name])
    parts[place % len(parts)] = word
    path = tmp_path_factory.getbasetemp() / "mine.toml"
    assert refused_or_survives(read("".join(parts), path, attempt, put))
