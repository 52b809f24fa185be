"""Networks of several modalities on disk."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from featlearn.config.base import Count
from featlearn.config.modalities import MultimodalRecipe, one_modality
from featlearn.config.tables import as_tables
from featlearn.errors import CheckpointError
from featlearn.geometry import MapShape
from featlearn.networks.multimodal import MultimodalNet, build_multimodal
from featlearn.networks.store import (
    build_loaded,
    check_recorded,
    find_model,
    load_tensors,
    recipe_as_built,
    save_tensors,
)


class LoadedNet(NamedTuple):
    """A network from disk with what its file says about it."""

    net: MultimodalNet
    recipe: MultimodalRecipe
    shapes: tuple[MapShape, ...]


def multimodal_header(net: MultimodalNet, recipe: MultimodalRecipe) -> dict[str, object]:
    """Say how to build a network again, as `read_multimodal_header` reads it."""
    modalities = tuple(
        msgspec.structs.replace(
            each,
            preprocess=recipe_as_built(one_modality(recipe, place), net.stack(place)).preprocess,
        )
        for place, each in enumerate(recipe.modalities)
    )
    built = msgspec.structs.replace(recipe, modalities=modalities)
    shapes = [list(net.stack(place).input_shape) for place in range(len(net.stacks))]
    return {"multimodal": as_tables(built), "input_shapes": shapes}


def save_multimodal(path: Path, net: MultimodalNet, recipe: MultimodalRecipe) -> None:
    """Write a network with its recipe."""
    save_tensors(path, net.state_dict(), multimodal_header(net, recipe))


def read_multimodal_header(
    path: Path, metadata: Mapping[str, Any]
) -> tuple[MultimodalRecipe, tuple[MapShape, ...]]:
    """Read the recipe and the samples' shapes out of a model's metadata.

    Raises:
        CheckpointError: If they are not there.
    """
    try:
        recipe = msgspec.convert(metadata["multimodal"], MultimodalRecipe)
        shapes = msgspec.convert(metadata["input_shapes"], list[tuple[Count, Count, Count]])
    except (KeyError, msgspec.ValidationError) as error:
        raise CheckpointError(f"{path} holds no network of several modalities ({error})") from None
    if len(shapes) != len(recipe.modalities):
        raise CheckpointError(
            f"{path} is damaged: it has {len(recipe.modalities)} modalities, but "
            f"{len(shapes)} shapes"
        )
    return recipe, tuple(MapShape(*shape) for shape in shapes)


def load_multimodal(path: Path | str) -> LoadedNet:
    """Read a network of several modalities from its file, or from the run that holds it.

    Raises:
        CheckpointError: If the file cannot be used; the sentence says why.
    """
    file = find_model(path)
    tensors, metadata = load_tensors(file)
    recipe, shapes = read_multimodal_header(file, metadata)
    net = build_loaded(file, lambda: build_multimodal(recipe, shapes), tensors)
    check_recorded(path)
    return LoadedNet(net.eval(), recipe, shapes)
