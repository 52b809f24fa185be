"""Changing keys of a recipe from Python."""

import json
from collections.abc import Mapping, Sequence
from typing import cast

from featlearn.config.overrides import apply_overrides
from featlearn.config.recipe import Recipe
from featlearn.config.tables import as_tables
from featlearn.config.validate import Problem, validate
from featlearn.errors import RecipeError, UsageError

Overrides = Mapping[str, object] | Sequence[str]
"""Values by key, or `key=value` texts."""


def changed_recipe(recipe: Recipe, changes: Overrides | None) -> Recipe:
    """Give a recipe with some keys changed.

    >>> changed_recipe(recipe, {"stages.strokes.filter.maps": 16, "pretrain.epochs": 3})

    Args:
        recipe: What to begin with; it stays as it is.
        changes: See `override_texts`.

    Raises:
        UsageError: If a key belongs nowhere in a recipe, or these are no changes.
        RecipeError: If a value does not fit.
    """
    texts = override_texts(changes)
    changed, _ = apply_overrides(as_tables(recipe), texts)
    result = validate(changed)
    if isinstance(result, Problem):
        raise RecipeError(f"the recipe with {', '.join(texts)}: {result.text}")
    return result


def override_texts(changes: object) -> list[str]:
    """Write changes of a recipe as `key=value` texts, in whichever form they come.

    >>> override_texts({"pretrain.epochs": 3, "stages.strokes.pool": None})
    ['pretrain.epochs=3', 'stages.strokes.pool=none']

    Args:
        changes: Values by key, a path with dots as on the command line, where `None` takes an
            optional part away; or such texts already; or `None` for no changes.

    Raises:
        UsageError: If they are neither.
    """
    if changes is None:
        return []
    if isinstance(changes, Mapping):
        table = cast("Mapping[object, object]", changes)
        return [f"{key}={_text(value)}" for key, value in table.items()]
    if isinstance(changes, Sequence) and not isinstance(changes, str):
        texts = list(cast("Sequence[object]", changes))
        if all(isinstance(text, str) for text in texts):
            return cast("list[str]", texts)
    raise UsageError(
        'overrides are values by key, as {"pretrain.epochs": 3}, or a list of texts, as '
        f'["pretrain.epochs=3"]; got {changes!r}'
    )


def _text(value: object) -> str:
    """Write a value as `key=value` has it: text as it is, the rest as TOML."""
    if value is None:
        return "none"
    return value if isinstance(value, str) else _toml(value)


def _toml(value: object) -> str:
    """Write a value as TOML, tables in one line."""
    match value:
        case Mapping():
            table = cast("Mapping[str, object]", value)
            return f"{{ {', '.join(f'{json.dumps(k)} = {_toml(v)}' for k, v in table.items())} }}"
        case list() | tuple():
            items = cast("list[object]", value)
            return f"[{', '.join(map(_toml, items))}]"
        case str() | bool():
            return json.dumps(value, ensure_ascii=False)
        case _:
            item = getattr(value, "item", None)  # a number of NumPy's
            return str(value if item is None else item())
