"""From raw values to a recipe, or to a sentence that says what is wrong with them."""

import math
import re
from collections.abc import Mapping
from typing import NamedTuple

import msgspec

from featlearn.config import schema
from featlearn.config.modalities import MultimodalRecipe
from featlearn.config.recipe import Recipe
from featlearn.config.schema import Keys
from featlearn.wording import suggestion

_NAMED = {"stages": "stage", schema.SEVERAL: "modality"}
_PATH_KEY = re.compile(r"\.([A-Za-z_]\w*)|\[(\d+)\]")


class Problem(NamedTuple):
    """What is wrong with a recipe, and where."""

    keys: Keys
    text: str


def validate(raw: Mapping[str, object]) -> Recipe | Problem:
    """Build the recipe that `raw` describes, or say why it describes none.

    Args:
        raw: Tables, lists and plain values, as a TOML parser gives them.

    Returns:
        The recipe, or the first problem; its text names the stage and the key.
    """
    result = validate_any(raw)
    if isinstance(result, MultimodalRecipe):
        return Problem(
            (schema.SEVERAL,),
            "it describes several modalities, and what was asked for is about one stack of stages",
        )
    return result


def validate_any(raw: Mapping[str, object]) -> Recipe | MultimodalRecipe | Problem:
    """Build the recipe of one or several modalities, or say why `raw` describes none."""
    unusable = _unusable_number(raw, ())
    if unusable is not None:
        keys, text = unusable
        return Problem(keys, f"{label(raw, keys)} {text}")
    try:
        return msgspec.convert(raw, schema.recipe_kind(raw))
    except msgspec.ValidationError as error:
        return _reworded(str(error), raw)


def label(raw: Mapping[str, object], keys: Keys) -> str:
    """Name a place as people do: `stage 'strokes': pool.size`."""
    if len(keys) < 2 or keys[0] not in _NAMED or not isinstance(keys[1], int):
        return dotted(keys)
    inside = schema.table(schema.at(raw.get(str(keys[0])), keys[1]))
    what, name = _NAMED[str(keys[0])], inside.get("name")
    named = f"{what} {name!r}" if isinstance(name, str) and name else f"{what} {keys[1] + 1}"
    return f"{named}: {label(inside, keys[2:])}" if keys[2:] else named


def dotted(keys: Keys) -> str:
    """Write keys as they are written after `--set`: `preprocess.0.floor`."""
    return ".".join(str(key) for key in keys)


def unknown_key(raw: Mapping[str, object], keys: Keys, known: tuple[str, ...]) -> Problem:
    """Say that the last of `keys` is not known, and what is."""
    *above, wrong = keys
    inside = label(raw, tuple(above))
    stage, _, path = inside.rpartition(": ")
    if len(above) >= 2 and above[-2] in _NAMED:
        stage, path = inside, ""
    key = f"{path}.{wrong}" if path else str(wrong)
    hint = suggestion(str(wrong), known)
    listed = ", ".join(known) or "none"
    text = f"unknown key {key}{hint} (known: {listed})"
    return Problem(keys, f"{stage}: {text}" if stage else text)


def _unusable_number(value: object, keys: Keys) -> Problem | None:
    """Find a number that TOML can write but no run could use or save."""
    children: list[tuple[str | int, object]] = [
        *schema.table(value).items(),
        *enumerate(schema.sequence(value)),
    ]
    for key, child in children:
        problem = _unusable_number(child, (*keys, key))
        if problem is not None:
            return problem
    if isinstance(value, float) and not math.isfinite(value):
        return Problem(keys, f"must be a finite number; got {value}")
    if isinstance(value, int) and abs(value) >= 2**63:
        return Problem(keys, "must be a number of at most 64 bits")
    return None


def _reworded(message: str, raw: Mapping[str, object]) -> Problem:
    """Turn msgspec's message into one that names the stage, the key and the choices."""
    text, _, path = message.rpartition(" - at `$")
    if not text:
        text, path = message, ""
    keys: Keys = tuple(
        name or int(index) for name, index in (found.groups() for found in _PATH_KEY.finditer(path))
    )
    kind, value = _walk(raw, keys)
    if text.startswith("Object contains unknown field"):
        known = schema.known_keys(kind, value)
        wrong = next(key for key in schema.table(value) if key not in known)
        return unknown_key(raw, (*keys, wrong), known)
    if text.startswith("Object missing required field"):
        missing = text.split("`")[1]
        wanted = schema.step(kind, value, missing)
        wants = f"; it must be {schema.expectation(wanted)}" if wanted else ""
        return Problem((*keys, missing), f"{label(raw, (*keys, missing))} is missing{wants}")
    where = label(raw, keys)
    if text.startswith(("Expected", "Invalid")):
        wants = schema.expectation(kind, value)
        hint = ""
        if isinstance(value, str):
            hint = suggestion(value, _choices(kind))
        text = f"must be {wants}; got {schema.shown(value)}{hint}"
        return Problem(keys, f"{where} {text}" if where else f"the recipe {text}")
    named = not where or f"`{where}." in text
    return Problem(keys, text if named else f"{where}: {text}")


def _walk(raw: Mapping[str, object], keys: Keys) -> tuple[msgspec.inspect.Type, object]:
    """Go down to `keys`, in the types and in the values at once."""
    kind, value = schema.recipe_type(schema.recipe_kind(raw)), raw
    current: object = value
    for key in keys:
        below = schema.step(kind, current, key)
        assert below is not None, f"msgspec named {keys}, which no recipe has"
        kind, current = below, schema.at(current, key)
    return kind, current


def _choices(kind: msgspec.inspect.Type) -> tuple[str, ...]:
    """List the words that a value may be."""
    return tuple(
        str(choice)
        for member in schema.alternatives(kind)
        if isinstance(member, msgspec.inspect.LiteralType)
        for choice in member.values
    )
