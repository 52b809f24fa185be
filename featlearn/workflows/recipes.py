"""`recipes`: what comes with the package."""

import msgspec

from featlearn.config.architectures.catalogue import architecture, network_names
from featlearn.config.load import load_any_recipe, recipe_names, recipe_text
from featlearn.config.named import network_recipe
from featlearn.config.plan import plan
from featlearn.config.recipe import Recipe


class RecipeRow(msgspec.Struct, frozen=True, kw_only=True):
    """A shipped recipe in one line.

    `minutes` is its time on 2 CPU cores, if it is stated. Of several modalities `source` names
    each, and `stages` are those of one after the other.
    """

    name: str
    title: str
    shows: str
    expect: str
    minutes: float | None
    source: str
    stages: list[str]


class NetworkRow(msgspec.Struct, frozen=True, kw_only=True):
    """A published network in one line.

    `parameters` are its weights and biases, the scales and offsets of its batch normalisation
    among them, for images of shape `input` (maps, height, width) and so many `classes`.
    """

    name: str
    title: str
    source: str
    parameters: int
    input: tuple[int, int, int]
    classes: int


class RecipeList(msgspec.Struct, frozen=True):
    """Every shipped recipe, in alphabetical order, and every network that a recipe may name."""

    recipes: list[RecipeRow]
    networks: list[NetworkRow]


class RecipeText(msgspec.Struct, frozen=True):
    """A shipped recipe as its file is written, comments too, or that of a network alone."""

    name: str
    toml: str


def list_recipes() -> RecipeList:
    """List the recipes and networks that come with the package."""
    return RecipeList(
        [_row(name) for name in recipe_names()], [_network(name) for name in network_names()]
    )


def read_recipe(name: str) -> RecipeText:
    """Read one of them, to be copied and changed.

    Raises:
        UsageError: If there is none of that name; the sentence suggests one.
    """
    return RecipeText(name, recipe_text(name))


def _network(name: str) -> NetworkRow:
    declared = architecture(name)
    counted = plan(network_recipe(name), declared.input, declared.classes)
    return NetworkRow(
        name=name,
        title=declared.title,
        source=declared.source,
        parameters=counted.totals.parameters,
        input=declared.input,
        classes=declared.classes,
    )


def _row(name: str) -> RecipeRow:
    recipe = load_any_recipe(name)
    parts = [recipe] if isinstance(recipe, Recipe) else recipe.modalities
    return RecipeRow(
        name=name,
        title=recipe.title,
        shows=recipe.shows,
        expect=recipe.expect,
        minutes=recipe.minutes,
        source=" + ".join(part.data.source for part in parts),
        stages=[stage.name for part in parts for stage in part.stages],
    )
