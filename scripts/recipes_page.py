#!/usr/bin/env python3
"""Write docs/recipes.md: every table of a recipe, its keys, what they may be, their defaults.

All of it is read off the structs that a recipe is checked by, so the page says what is so.
With --check nothing is written, and the exit code is 1 if the page is not up to date.
"""

import argparse
import inspect
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import msgspec
from msgspec.inspect import Field, StructType, Type, VarTupleType

from featlearn.config import schema
from featlearn.config.base import KindSpec, Spec
from featlearn.config.modalities import MultimodalRecipe

PAGE = Path(__file__).resolve().parents[1] / "docs" / "recipes.md"

HEAD = """\
# Recipe reference

<!-- Written by scripts/recipes_page.py from the structs in featlearn/config; do not edit. -->

Every table that a recipe may have, with every key: what it may be, and what it is where it is left
out. `featlearn recipes` lists the shipped recipes, `featlearn recipes template` prints one with
comments to copy and change, and the words are explained in [concepts.md](concepts.md).

Any key can be changed for one run: `--set pretrain.epochs=10`. Stages are addressed by their names
(`--set stages.strokes.pool.size=2`), other lists by place, from 0 (`--set preprocess.0.floor=0.1`).
A value that is a table is written as one: `--set 'stages.strokes.pool={ kind = "max", size = 2 }'`;
`none` takes an optional part away.
"""


SEVERAL = """\
## A recipe of several modalities

Known by its `[[modalities]]`. Tables that a recipe of one stack has too are explained above.
"""


class Section(NamedTuple):
    """One table of a recipe, or several kinds of it, and where it may stand.

    Attributes:
        kinds: What it may be.
        paths: Keys that lead to it, as `stages.filter`.
        listed: Whether it is a list of such tables.
        title: What it is called, if not by where it stands.
    """

    kinds: tuple[StructType, ...]
    paths: list[str]
    listed: bool
    title: str = ""

    @property
    def classes(self) -> tuple[type, ...]:
        """What its tables become."""
        return tuple(kind.cls for kind in self.kinds)


def page() -> str:
    """Write the page."""
    root, several = schema.recipe_type(), schema.recipe_type(MultimodalRecipe)
    assert isinstance(root, StructType)
    assert isinstance(several, StructType)
    places = list(sections(root))
    links = {path: _anchor(place) for place in places for path in place.paths}
    parts = [HEAD, "## The recipe itself\n", _struct(root, "", links), *_written(places, links)]
    explained = {place.classes: place for place in places}
    others = [
        place._replace(title=f"Several modalities: {_title(place)}")
        if place.classes not in explained
        else place._replace(title=_title(explained[place.classes]))
        for place in sections(several)
    ]
    links = {path: _anchor(place) for place in others for path in place.paths}
    new = [place for place in others if place.classes not in explained]
    parts += [SEVERAL, _struct(several, "", links), *_written(new, links)]
    return "\n".join(parts)


def _written(places: list[Section], links: dict[str, str]) -> Iterator[str]:
    """Write the sections of some tables."""
    for place in places:
        yield f"## {_title(place)}\n"
        if place.kinds[0].tag is None:
            yield _struct(place.kinds[0], place.paths[0], links)
            continue
        for kind in place.kinds:
            yield f'### `kind = "{kind.tag}"`\n'
            yield _struct(kind, place.paths[0], links)


def sections(root: StructType) -> Iterator[Section]:
    """List every table below a struct, each once, in the order in which they are met."""
    found: dict[tuple[type, ...], Section] = {}
    _collect(root, "", found)
    return iter(found.values())


def _collect(
    struct: StructType,
    path: str,
    found: dict[tuple[type, ...], Section],
    above: frozenset[type] = frozenset(),
) -> None:
    """Note the tables that the keys of a struct may hold, and those below them.

    Tables that hold their like are gone into once.
    """
    for field in struct.fields:
        below = f"{path}.{field.encode_name}".strip(".")
        kinds, listed = _tables(field.type)
        if not kinds:
            continue
        known = found.setdefault(tuple(kind.cls for kind in kinds), Section(kinds, [], listed))
        if below not in known.paths:
            known.paths.append(below)
        for kind in kinds:
            if kind.cls not in above:
                _collect(kind, below, found, above | {kind.cls})


def _tables(kind: Type) -> tuple[tuple[StructType, ...], bool]:
    """Give the tables that a value, or each item of a list, may be."""
    for member in schema.alternatives(kind):
        if isinstance(member, VarTupleType):
            inner, _ = _tables(member.item_type)
            return inner, True
    return schema.structs(kind), False


def _title(place: Section) -> str:
    """Name a table as it is written in a file: `[data]`, `[[stages]]`, `stages.filter`."""
    path = place.paths[0]
    if place.title:
        return place.title
    if "." in path:
        return ", ".join(f"`{path}`" for path in place.paths)
    return f"`[[{path}]]`" if place.listed else f"`[{path}]`"


def _anchor(place: Section) -> str:
    """Give the anchor that a code host makes of a title."""
    kept = (c for c in _title(place).lower() if c.isalnum() or c in " -_")
    return "".join(kept).replace(" ", "-")


def _struct(struct: StructType, path: str, links: dict[str, str]) -> str:
    """Write what a struct is for, and a row for each key."""
    lines = [_documented(struct.cls), ""]
    if struct.fields:
        lines += ["| key | what it may be | left out |", "|---|---|---|"]
        lines += [
            _row(field, f"{path}.{field.encode_name}".strip("."), links) for field in struct.fields
        ]
        lines += [""]
    return "\n".join(lines)


def _documented(cls: type) -> str:
    """Give the docstring of a struct, and what those that it stands on say of their keys."""
    paragraphs = _paragraphs(cls)
    for base in cls.__mro__[1:]:
        if issubclass(base, Spec) and base not in (Spec, KindSpec):
            paragraphs += _paragraphs(base)[1:]  # the first says only that it is shared
    return "\n\n".join(paragraphs)


def _paragraphs(cls: type) -> list[str]:
    """Split a docstring into paragraphs of one line each."""
    parts = inspect.cleandoc(cls.__doc__ or "").split("\n\n")
    return [" ".join(part.split()) for part in parts]


def _row(field: Field, path: str, links: dict[str, str]) -> str:
    """Write a key, what it may be, and its default."""
    said = schema.expectation(field.type)
    if path in links:
        said = f"[{said}](#{links[path]})"
    return f"| `{field.encode_name}` | {said} | {_default(field)} |"


def _default(field: Field) -> str:
    """Write what a key is where it is left out."""
    if field.default_factory is not msgspec.NODEFAULT:
        value = msgspec.to_builtins(field.default_factory())
    elif field.default is msgspec.NODEFAULT:
        return "**must be given**"
    else:
        value = field.default
    match value:
        case None:
            return "none"
        case dict() if schema.TAG not in value:
            return "its defaults"
        case dict():
            return f'`{{ kind = "{value[schema.TAG]}" }}`'
        case _:
            return f"`{json.dumps(value, ensure_ascii=False)}`"


def main() -> None:
    """Write the page, or compare it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="only say whether it is up to date")
    if not parser.parse_args().check:
        PAGE.write_text(page(), encoding="utf-8")
        print(PAGE)
    elif PAGE.read_text(encoding="utf-8") != page():
        sys.exit(f"{PAGE} is not up to date; run scripts/recipes_page.py")


if __name__ == "__main__":
    main()
