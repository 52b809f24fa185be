import tomllib

import pytest

from featlearn.config.load import load_recipe, recipe_names, stack_recipe_names
from featlearn.errors import UsageError
from featlearn.workflows.recipes import list_recipes, read_recipe


def test_every_shipped_recipe_has_a_row() -> None:
    rows = list_recipes().recipes
    assert [row.name for row in rows] == list(recipe_names())
    for row in rows:
        if row.name not in stack_recipe_names():
            continue  # tests/workflows/test_multimodal.py looks at what has several sources
        recipe = load_recipe(row.name)
        assert (row.title, row.source) == (recipe.title, recipe.data.source)
        assert row.stages == [stage.name for stage in recipe.stages]


def test_a_recipe_is_read_as_it_is_written() -> None:
    found = read_recipe("lenet5")
    assert found.name == "lenet5"
    assert tomllib.loads(found.toml)["title"] == load_recipe("lenet5").title


def test_an_unknown_one_is_suggested() -> None:
    with pytest.raises(UsageError, match="did you mean lenet5"):
        read_recipe("lenet")
