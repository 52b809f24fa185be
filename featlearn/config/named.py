"""Recipes that name a published network instead of listing stages."""

from collections.abc import Mapping, Sequence
from typing import Any, cast

import tomli_w

from featlearn.config.architectures.catalogue import architecture, canonical_name
from featlearn.config.data import DataSpec
from featlearn.config.overrides import Override, parse_value
from featlearn.config.recipe import Recipe
from featlearn.config.tables import as_tables
from featlearn.config.training import FinetuneSpec
from featlearn.errors import RecipeError, UsageError

_KEY = "network"
_HEAD = """\
# {title} ({source}), over images of your own.
#
# Print this, name your images under [data], and change what you like; or leave [[stages]] out, and
# `network` stands for them. Published weights to begin with: `featlearn pretrain RECIPE --weights`.
"""


def with_network(
    raw: Mapping[str, object], texts: Sequence[str], *, title: str
) -> tuple[dict[str, object], list[Override], list[str]]:
    """Put the stages of a network in the place of its name.

    What the recipe says itself stands. Where it lists stages, they are those of the network, by
    their names, perhaps changed, and nothing else is taken from it.

    Args:
        raw: The recipe, as a TOML parser gives it.
        texts: Overrides; those of `network` take the place of stages that are there.
        title: What the recipe is called, to begin a sentence.

    Returns:
        The recipe with stages, the overrides that are done, and those that are left.

    Raises:
        UsageError: If an override names no network.
        RecipeError: If the recipe does.
    """
    changed, done, left = dict(raw), list[Override](), list[str]()
    for text in texts:
        key, found, value = text.partition("=")
        if not found or key.strip() != _KEY:
            left.append(text)
            continue
        name = parse_value(value.strip())
        try:
            changed[_KEY] = canonical_name(str(name))
        except UsageError as error:
            raise UsageError(f"{text}: {error}") from None
        changed.pop("stages", None)
        done.append(Override(text, (_KEY,)))
    return _filled(changed, title), done, left


def network_recipe(name: str) -> Recipe:
    """Make a recipe of a network alone, over images that are yet to be named.

    Raises:
        UsageError: If there is no network of that name.
    """
    own = canonical_name(name)
    declared = architecture(own)
    data = DataSpec(
        source="images",
        size=(declared.input.height, declared.input.width),
        fit="resize",
        colour="rgb" if declared.input.maps == 3 else "grey",
    )
    return Recipe(
        title=declared.title,
        shows=f"The network of {declared.source}, as published.",
        network=own,
        data=data,
        preprocess=declared.preprocess,
        stages=declared.stages,
        finetune=FinetuneSpec(head=declared.head),
    )


def network_text(name: str) -> str:
    """Write the recipe of a network alone as TOML, with what to do with it above.

    Raises:
        UsageError: If there is no network of that name.
    """
    declared = architecture(name)
    head = _HEAD.format(title=declared.title, source=declared.source)
    return f"{head}{tomli_w.dumps(as_tables(network_recipe(name)))}"


def _filled(raw: dict[str, object], title: str) -> dict[str, object]:
    """Put the network's parts where the recipe has none of its own."""
    name = raw.get(_KEY)
    if not isinstance(name, str):
        return raw
    try:
        raw = {**raw, _KEY: canonical_name(name)}
    except UsageError as error:
        raise RecipeError(f"{title}: {error}") from None
    if "stages" in raw:
        return raw
    declared = architecture(name)
    raw["stages"] = [as_tables(stage) for stage in declared.stages]
    raw.setdefault("preprocess", [as_tables(spec) for spec in declared.preprocess])
    finetune = raw.get("finetune", {})
    if isinstance(finetune, dict):
        own = cast("dict[str, Any]", finetune)
        raw["finetune"] = {"head": as_tables(declared.head), **own}
    return raw
