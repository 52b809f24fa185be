"""`recipes`: what comes with the package."""

import msgspec

from featlearn.config.load import parse_recipe, recipe_names, recipe_text


class RecipeRow(msgspec.Struct, frozen=True, kw_only=True):
    """A shipped recipe in one line.

    `minutes` is its time on 2 CPU cores, if it is stated.
    """

    name: str
    title: str
    shows: str
    expect: str
    minutes: float | None
    source: str
    stages: list[str]


class RecipeList(msgspec.Struct, frozen=True):
    """Every shipped recipe, in alphabetical order."""

    recipes: list[RecipeRow]


class RecipeText(msgspec.Struct, frozen=True):
    """A shipped recipe as its file is written, comments too."""

    name: str
    toml: str


def list_recipes() -> RecipeList:
    """List the recipes that come with the package."""
    return RecipeList([_row(name) for name in recipe_names()])


def read_recipe(name: str) -> RecipeText:
    """Read one of them, to be copied and changed.

    Raises:
        UsageError: If there is none of that name; the sentence suggests one.
    """
    return RecipeText(name, recipe_text(name))


def _row(name: str) -> RecipeRow:
    recipe = parse_recipe(recipe_text(name), title=f"recipe {name}")
    return RecipeRow(
        name=name,
        title=recipe.title,
        shows=recipe.shows,
        expect=recipe.expect,
        minutes=recipe.minutes,
        source=recipe.data.source,
        stages=[stage.name for stage in recipe.stages],
    )
