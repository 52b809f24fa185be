"""Changing keys of a recipe from Python."""

import json
from collections.abc import Mapping
from typing import cast

from featlearn.config.overrides import apply_overrides
from featlearn.config.recipe import Recipe
from featlearn.config.tables import as_tables
from featlearn.config.validate import Problem, validate
from featlearn.errors import RecipeError


def changed_recipe(recipe: Recipe, changes: Mapping[str, object]) -> Recipe:
    """Give a recipe with some keys changed.

    >>> changed_recipe(recipe, {"stages.strokes.filter.maps": 16, "pretrain.epochs": 3})

    Args:
        recipe: What to begin with; it stays as it is.
        changes: Values by key, a path with dots as on the command line; `None` takes an
            optional part away.

    Raises:
        UsageError: If a key belongs nowhere in a recipe.
        RecipeError: If a value does not fit.
    """
    texts = [f"{key}={_text(value)}" for key, value in changes.items()]
    changed, _ = apply_overrides(as_tables(recipe), texts)
    result = validate(changed)
    if isinstance(result, Problem):
        raise RecipeError(f"the recipe with {', '.join(texts)}: {result.text}")
    return result


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
