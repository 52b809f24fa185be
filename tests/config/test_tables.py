"""Specs as tables."""

from typing import Any

import msgspec

from featlearn.config.load import load_recipe, stack_recipe_names
from featlearn.config.recipe import Recipe
from featlearn.config.tables import as_tables


def recipe(noise: dict[str, Any]) -> Recipe:
    stage = {
        "name": "it",
        "filter": {"kind": "dense", "maps": 4},
        "objective": {"kind": "denoising", "corruption": noise},
    }
    return msgspec.convert({"title": "x", "data": {"source": "digits"}, "stages": [stage]}, Recipe)


def test_defaults_are_left_out_though_they_were_said() -> None:
    said, unsaid = recipe({"kind": "mask", "rate": float("0.3")}), recipe({"kind": "mask"})
    assert as_tables(said) == as_tables(unsaid)
    assert as_tables(said)["stages"][0]["objective"]["corruption"] == {"kind": "mask"}


def test_lists_and_kinds_are_plain() -> None:
    tables = as_tables(recipe({"kind": "mask", "rate": 0.5}))
    assert isinstance(tables["stages"], list)
    assert tables["stages"][0]["filter"] == {"kind": "dense", "maps": 4}


def test_every_shipped_recipe_comes_back() -> None:
    for name in stack_recipe_names():
        found = load_recipe(name)
        assert msgspec.convert(as_tables(found), Recipe) == found
