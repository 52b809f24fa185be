"""Putting weights of a network from a file into the stages of a stack."""

from pathlib import Path

import torch

from featlearn.config.architectures.catalogue import architecture
from featlearn.config.recipe import Recipe
from featlearn.errors import RecipeError, UsageError
from featlearn.geometry import MapShape
from featlearn.networks.published import check_published, published_state
from featlearn.networks.stack import Stack, build_stack
from featlearn.networks.stage_names import by_places, by_stage_names

_ASKED = "the recipe says"


def load_stages(stack: Stack, path: Path | str, name: str | None) -> None:
    """Give a stack the weights of its network from a file; the last layer is left out.

    Args:
        stack: The stages of the network, in place.
        path: A safetensors file; see `published_state`.
        name: Of the network; `None` if the stack is of none.

    Raises:
        CheckpointError: If the weights are not those of the network.
        UsageError: If the stack is of no network.
    """
    name = _needed(name)
    own = by_stage_names(stack, stack.state_dict())
    state = published_state(path, name, own, head=False, asked=_ASKED)
    stack.load_state_dict(by_places(stack, state))


def check_stages(recipe: Recipe, path: Path | str, shape: MapShape | None) -> None:
    """Refuse a file that `load_stages` would refuse, before the network is built.

    Args:
        recipe: Of the network.
        path: The file.
        shape: Of an image; shapes of weights are not looked at where it is not known yet.

    Raises:
        CheckpointError: If the weights are not those of the network.
        UsageError: If the recipe is of no network.
    """
    name = _needed(recipe.network)
    try:
        with torch.device("meta"):
            stack = build_stack(recipe, shape or architecture(name).input, seed=recipe.seed)
    except RecipeError:
        return  # it is refused where images are at hand, which some preparation cannot do without
    own = by_stage_names(stack, stack.state_dict())
    check_published(path, name, own, shapes=shape is not None, asked=_ASKED)


def _needed(name: str | None) -> str:
    """Refuse stages of no network."""
    if name is None:
        raise UsageError(
            'weights bear the names of a network: give the recipe one, as `network = "resnet18"` '
            "instead of [[stages]]"
        )
    return name
