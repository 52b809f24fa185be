"""A small recipe, and how it is refused when it is changed."""

from pathlib import Path

import pytest

from featlearn.config.load import parse_recipe
from featlearn.errors import RecipeError

SMALL = Path(__file__).with_name("small.toml").read_text(encoding="utf-8")


def refusal(text: str) -> str:
    with pytest.raises(RecipeError) as caught:
        parse_recipe(text, title="recipe x")
    return str(caught.value)
