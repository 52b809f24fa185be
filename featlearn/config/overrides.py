"""Changing single values of a recipe by `key=value` texts, as `--set` has them."""

import copy
import tomllib
from collections.abc import Mapping, Sequence
from typing import NamedTuple, cast

import msgspec
from msgspec import inspect

from featlearn.config import schema
from featlearn.config.schema import Keys
from featlearn.config.validate import dotted, label, unknown_key
from featlearn.errors import UsageError
from featlearn.wording import suggestion

_NAMED = {"stages": "stage", schema.SEVERAL: "modality"}

Holder = dict[str, object] | list[object]
"""A table or a list of raw values."""


class Override(NamedTuple):
    """One text, as it was written and where it points."""

    text: str
    keys: Keys


def apply_overrides(
    raw: Mapping[str, object], overrides: Sequence[str]
) -> tuple[dict[str, object], list[Override]]:
    """Change `raw` by `key=value` texts, in order; `raw` itself stays as it is.

    A key is a path with dots. Stages are addressed by name
    (`stages.strokes.pool.size=2`), other lists by place (`preprocess.0.floor=0.1`).
    A value is read as TOML (`3`, `true`, `[28, 28]`, `{ kind = "max", size = 2 }`)
    and taken as text if it is none; `none` takes an optional part away.

    Raises:
        UsageError: If a text has no `=`, or its key belongs nowhere in a recipe.
    """
    changed = copy.deepcopy(dict(raw))
    done: list[Override] = []
    for text in overrides:
        path, found, value = text.partition("=")
        if not found or not path.strip():
            raise UsageError(f"{text}: expected KEY=VALUE, such as stages.strokes.pool.size=2")
        try:
            keys = _assign(changed, _parts(path), value.strip())
        except UsageError as error:
            raise UsageError(f"{text}: {error}") from None
        done.append(Override(text, keys))
    return changed, done


def says(overrides: Sequence[str], key: str) -> bool:
    """Tell whether one of the texts gives `key` a value, by itself or in a whole table.

    >>> says(["finetune={ epochs = 3 }"], "finetune.epochs"), says(["seed=1"], "finetune.epochs")
    (True, False)
    """
    return any(_says(text, key.split(".")) for text in overrides)


def _says(text: str, keys: list[str]) -> bool:
    path, _, value = text.partition("=")
    parts = _parts(path)
    if keys[: len(parts)] != parts:
        return False
    inside = parse_value(value.strip())
    for key in keys[len(parts) :]:
        if not isinstance(inside, dict) or key not in inside:
            return False
        inside = cast("dict[str, object]", inside)[key]
    return True


def kind_at(raw: Mapping[str, object], path: str) -> inspect.Type:
    """Give the type of the value at a path with dots, such as `stages.strokes.pool.size`.

    Raises:
        UsageError: If the path belongs nowhere in a recipe with these raw values.
    """
    return _find(copy.deepcopy(dict(raw)), _parts(path)).kind


class _Place(NamedTuple):
    """Where a value of a recipe goes: its table or list, its key there, its type, its way."""

    holder: Holder
    key: str | int
    kind: inspect.Type
    keys: Keys


def _parts(path: str) -> list[str]:
    return [part.strip() for part in path.split(".")]


def _assign(raw: dict[str, object], path: list[str], text: str) -> Keys:
    """Put a value in its place, making the tables on the way that have defaults."""
    place = _find(raw, path)
    _store(place.holder, place.key, text, place.kind)
    return place.keys


def _find(raw: dict[str, object], path: list[str]) -> _Place:
    """Go to a place, making the tables on the way that have defaults."""
    kind = schema.recipe_type(schema.recipe_kind(raw))
    holder: Holder = raw
    keys: Keys = ()
    for depth, part in enumerate(path):
        key = _key(kind, holder, part, keys)
        below = schema.step(kind, holder, key)
        if below is None:
            if isinstance(key, str):
                known = schema.known_keys(kind, holder)
                if known == (schema.TAG,):
                    raise UsageError(_without_kind(raw, keys, kind))
                raise UsageError(unknown_key(raw, (*keys, key), known).text)
            raise UsageError(f"{dotted(keys)} has no place {key}")
        keys = (*keys, key)
        if depth == len(path) - 1:
            return _Place(holder, key, below, keys)
        holder = _descend(kind, holder, key)
        kind = below
    raise AssertionError("a path has at least one part")


def _without_kind(raw: Mapping[str, object], keys: Keys, kind: inspect.Type) -> str:
    """Say that a table must be of some kind before it has other keys."""
    first = (*keys, schema.TAG)
    chosen = schema.expectation(schema.tags(kind)).removeprefix("one of ")
    return f"{label(raw, keys)} has no kind yet; set {_path(raw, first)} first (to {chosen})"


def _path(raw: Mapping[str, object], keys: Keys) -> str:
    """Write keys as they are written after `--set`, stages by their names."""
    if len(keys) > 1 and keys[0] in _NAMED:
        name = schema.at(schema.at(raw.get(str(keys[0])), keys[1]), "name")
        keys = (keys[0], str(name), *keys[2:])
    return dotted(keys)


def _key(kind: inspect.Type, holder: Holder, part: str, keys: Keys) -> str | int:
    """Turn one part of a path into a key, or into a place in a list."""
    if not any(
        isinstance(member, inspect.VarTupleType | inspect.TupleType)
        for member in schema.alternatives(kind)
    ):
        return part
    items = schema.sequence(holder)
    what = _NAMED.get(str(keys[-1])) if keys else None
    if what is not None:
        names = [str(schema.at(item, "name")) for item in items]
        if part not in names:
            hint = suggestion(part, names)
            raise UsageError(f"unknown {what} {part}{hint} (known: {', '.join(names)})")
        return names.index(part)
    if not part.isdecimal() or int(part) >= len(items):
        places = f"0 to {len(items) - 1}" if items else "none, the list is empty"
        raise UsageError(f"{dotted(keys)} is a list; name a place in it ({places}); got {part}")
    return int(part)


def _descend(kind: inspect.Type, holder: Holder, key: str | int) -> Holder:
    """Give the table or list at `key`, made from its default if it was left out."""
    inside = schema.at(holder, key)
    if inside is None and isinstance(key, str):
        field = schema.field_of(kind, holder, key)
        default = None if field is None else _default(field)
        inside = {} if default is None else msgspec.to_builtins(default)
        inside = list(cast("tuple[object]", inside)) if isinstance(inside, tuple) else inside
        _put(holder, key, inside)
    if not isinstance(inside, dict | list):
        raise UsageError(f"{key} is a plain value, with nothing inside")
    return cast("Holder", inside)


def _default(field: inspect.Field) -> object:
    """Make what a key holds when it is left out; `None` if it must be given."""
    if field.default_factory is not msgspec.NODEFAULT:
        return field.default_factory()
    return None if field.default is msgspec.NODEFAULT else field.default


def _store(holder: Holder, key: str | int, text: str, kind: inspect.Type) -> None:
    """Write the value that `text` spells, or take the key away."""
    takes_text = any(isinstance(member, inspect.StrType) for member in schema.alternatives(kind))
    if text == "none" and schema.is_optional(kind) and not takes_text:
        if isinstance(holder, dict):
            holder.pop(str(key), None)
        return
    value = parse_value(text)
    _put(holder, key, text if takes_text and not isinstance(value, str) else value)


def _put(holder: Holder, key: str | int, value: object) -> None:
    """Set one key of a table or one place of a list."""
    if isinstance(holder, dict):
        holder[str(key)] = value
    else:
        holder[int(key)] = value


def parse_value(text: str) -> object:
    """Read a TOML value; what is none is taken as text.

    >>> parse_value("[28, 28]"), parse_value("relu")
    ([28, 28], 'relu')
    """
    try:
        document = tomllib.loads(f"value = {text}")
    except (ValueError, RecursionError):
        return text
    return document["value"] if set(document) == {"value"} else text
