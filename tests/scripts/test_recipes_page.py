"""The page of keys: up to date, complete, and each key explained."""

import re
import runpy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from msgspec.inspect import StructType

from featlearn.config import schema
from featlearn.config.load import load_any_recipe, recipe_names
from featlearn.config.modalities import MultimodalRecipe
from featlearn.config.tables import as_tables

ROOT = Path(__file__).resolve().parents[2]
SCRIPT: dict[str, Any] = runpy.run_path(str(ROOT / "scripts" / "recipes_page.py"))
PAGE = (ROOT / "docs" / "recipes.md").read_text(encoding="utf-8")


def structs() -> list[StructType]:
    """List every table that a recipe may have, by the script's own walk."""
    roots = [schema.recipe_type(), schema.recipe_type(MultimodalRecipe)]
    found: dict[type, StructType] = {}
    for root in roots:
        assert isinstance(root, StructType)
        kinds = [root, *(kind for place in SCRIPT["sections"](root) for kind in place.kinds)]
        found |= {kind.cls: kind for kind in kinds}
    return [*found.values()]


def test_the_page_is_up_to_date() -> None:
    page: Callable[[], str] = SCRIPT["page"]
    assert page() == PAGE, "run scripts/recipes_page.py"


def keys_of(value: object) -> set[str]:
    """Gather the keys of nested tables."""
    if isinstance(value, dict):
        return {str(key) for key in value} | {k for below in value.values() for k in keys_of(below)}
    return {key for item in value for key in keys_of(item)} if isinstance(value, list) else set()


@pytest.mark.parametrize("name", recipe_names())
def test_every_key_of_a_shipped_recipe_is_on_the_page(name: str) -> None:
    rows = set(re.findall(r"^\| `(\w+)` \|", PAGE, flags=re.MULTILINE)) | {"kind"}
    assert keys_of(as_tables(load_any_recipe(name))) <= rows


@pytest.mark.parametrize("struct", structs(), ids=lambda struct: struct.cls.__name__)
def test_every_key_is_explained(struct: StructType) -> None:
    said: str = SCRIPT["_documented"](struct.cls)
    names = [field.encode_name for field in struct.fields]
    # Where there is but one key, what the table is for says what it is.
    unexplained = [name for name in names if f"`{name}" not in said] if len(names) > 1 else []
    assert not unexplained


def test_every_link_within_the_page_leads_to_a_heading() -> None:
    headings = re.findall(r"^#+ (.*)$", PAGE, flags=re.MULTILINE)
    kept = ("".join(c for c in text.lower() if c.isalnum() or c in " -_") for text in headings)
    anchors = {text.replace(" ", "-") for text in kept}
    links = re.findall(r"\]\(#([^)]+)\)", PAGE)
    assert len(links) > 20
    assert set(links) <= anchors
