"""Walking the types of a recipe beside its raw values, to say what belongs where."""

import json
from collections.abc import Mapping, Sequence
from functools import cache
from typing import cast

from msgspec import inspect

from featlearn.config.modalities import MultimodalRecipe
from featlearn.config.recipe import Recipe

Keys = tuple[str | int, ...]
"""Where a value stands in a recipe: names of keys and places in lists."""

TAG = "kind"


SEVERAL = "modalities"
"""The key by which a recipe of several modalities is known."""


def recipe_kind(raw: Mapping[str, object]) -> type[Recipe] | type[MultimodalRecipe]:
    """Tell what a raw recipe should become."""
    return MultimodalRecipe if SEVERAL in raw else Recipe


@cache
def recipe_type(kind: type[Recipe] | type[MultimodalRecipe] = Recipe) -> inspect.Type:
    """Give the type of a whole recipe."""
    return inspect.type_info(kind)


def alternatives(kind: inspect.Type) -> tuple[inspect.Type, ...]:
    """List what a value may be, without the absent value."""
    members = kind.types if isinstance(kind, inspect.UnionType) else (kind,)
    return tuple(member for member in members if not isinstance(member, inspect.NoneType))


def is_optional(kind: inspect.Type) -> bool:
    """Say whether a value may be absent, and is so written by leaving it out."""
    return isinstance(kind, inspect.UnionType) and kind.includes_none


def structs(kind: inspect.Type) -> tuple[inspect.StructType, ...]:
    """List the tables that a value may be."""
    return tuple(member for member in alternatives(kind) if isinstance(member, inspect.StructType))


def struct_of(kind: inspect.Type, value: object) -> inspect.StructType | None:
    """Find the table that `value` is, by its tag where there are several."""
    members = structs(kind)
    if len(members) == 1 and members[0].tag is None:
        return members[0]
    tag = table(value).get(TAG)
    return next((member for member in members if member.tag == tag), None)


def known_keys(kind: inspect.Type, value: object) -> tuple[str, ...]:
    """List the keys that the table `value` may have."""
    struct = struct_of(kind, value)
    tagged = any(member.tag is not None for member in structs(kind))
    own = tuple(field.encode_name for field in struct.fields) if struct else ()
    return (TAG, *own) if tagged else own


def field_of(kind: inspect.Type, value: object, key: str) -> inspect.Field | None:
    """Find a key of the table `value`."""
    struct = struct_of(kind, value)
    fields = struct.fields if struct else ()
    return next((field for field in fields if field.encode_name == key), None)


def item_type(kind: inspect.Type, index: int) -> inspect.Type | None:
    """Give the type of one place in a list, `None` where there is no such place."""
    for member in alternatives(kind):
        if isinstance(member, inspect.VarTupleType):
            return member.item_type
        if isinstance(member, inspect.TupleType) and index < len(member.item_types):
            return member.item_types[index]
    return None


def tags(kind: inspect.Type) -> inspect.Type:
    """Give the type of the key that tells tables apart."""
    return inspect.LiteralType(tuple(str(member.tag) for member in structs(kind)))


def step(kind: inspect.Type, value: object, key: str | int) -> inspect.Type | None:
    """Go down one key; `None` where nothing belongs there."""
    if isinstance(key, int):
        return item_type(kind, key)
    field = field_of(kind, value, key)
    if field is not None:
        return field.type
    named = next((some for some in alternatives(kind) if isinstance(some, inspect.DictType)), None)
    if named is not None:
        return named.value_type
    return tags(kind) if key in known_keys(kind, value) else None


def at(value: object, key: str | int) -> object:
    """Look up one key or place of a raw value; `None` where it is not."""
    if isinstance(key, int):
        items = sequence(value)
        return items[key] if key < len(items) else None
    return table(value).get(key)


def table(value: object) -> Mapping[str, object]:
    """Take a raw value for a table, an empty one if it is none."""
    return cast("dict[str, object]", value) if isinstance(value, dict) else {}


def sequence(value: object) -> Sequence[object]:
    """Take a raw value for a list, an empty one if it is none."""
    return cast("list[object]", value) if isinstance(value, list) else []


def shown(value: object) -> str:
    """Write a raw value as it stands in the file, cut short if it is long."""
    match value:
        case dict():
            return "a table"
        case list():
            return f"a list of {len(sequence(value))}"
        case str() | bool() | None:
            text = json.dumps(value, ensure_ascii=False)
        case int() if abs(value) >= 2**63:
            text = "a number beyond 64 bits"
        case _:
            text = str(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def expectation(kind: inspect.Type, value: object = None) -> str:
    """Write what a value should be: `>= 1`, `one of valid, same`, `true or false`.

    Args:
        kind: The type to describe.
        value: The value that was there instead; a number of the right type has
            only its bounds spelled out.
    """
    tagged = [str(member.tag) for member in structs(kind) if member.tag is not None]
    others = [member for member in alternatives(kind) if not isinstance(member, inspect.StructType)]
    texts = [_expectation(member, value) for member in (others if tagged else alternatives(kind))]
    if tagged:
        texts.append(f"a table with {TAG} = {', '.join(tagged)}")
    return " or ".join(texts)


def _expectation(kind: inspect.Type, value: object) -> str:
    match kind:
        case inspect.IntType() | inspect.FloatType():
            return _number(kind, value)
        case inspect.StrType():
            return "text" if kind.pattern is None else _NAME
        case inspect.BoolType():
            return "true or false"
        case inspect.LiteralType():
            choices = [str(choice) for choice in kind.values]
            return f"one of {', '.join(choices)}" if len(choices) > 1 else f'"{choices[0]}"'
        case inspect.StructType():
            return "a table"
        case inspect.DictType():
            return f"a table of names, each {expectation(kind.value_type)}"
        case inspect.TupleType():
            return f"a list of {len(kind.item_types)}, each {expectation(kind.item_types[0])}"
        case inspect.VarTupleType():
            return f"a list, each item {expectation(kind.item_type)}"
        case _:
            return "another type"


def _number(kind: inspect.IntType | inspect.FloatType, value: object) -> str:
    """Write `a whole number >= 1`, or the bound alone for a number out of bounds."""
    bounds = [
        f"{sign} {bound}"
        for sign, bound in ((">=", kind.ge), (">", kind.gt), ("<=", kind.le), ("<", kind.lt))
        if bound is not None
    ]
    whole = isinstance(kind, inspect.IntType)
    fits = isinstance(value, int if whole else (int, float)) and not isinstance(value, bool)
    noun = "a whole number" if whole else "a number"
    if fits and bounds:
        return " and ".join(bounds)
    return f"{noun} {' and '.join(bounds)}".rstrip()


_NAME = "a name of at most 64 letters, digits, `_` and `-` that begins with a letter or a digit"
