"""`describe` where a recipe has several modalities."""

from pathlib import Path

import msgspec
import torch

from featlearn.config.modalities import MultimodalRecipe, one_modality
from featlearn.datasets.entries import told_shape
from featlearn.datasets.source import open_splits
from featlearn.geometry import MapShape
from featlearn.networks.multimodal import SharedLayer, build_multimodal, shared_layers
from featlearn.networks.stack import parameter_count
from featlearn.workflows.describe import Description, describe


class MultimodalDescription(msgspec.Struct, frozen=True, kw_only=True):
    """The stack of every modality, and the layers of the code that they share.

    Attributes:
        title: The recipe's.
        modalities: Of each modality, the layers of its stack.
        shared: The layers between these and the code.
        decoders: Numbers that only the stacks' decoders have; a tied one has biases alone.
        parameters: Weights and biases of all of these, as `pretrain` counts them.
    """

    title: str
    modalities: dict[str, Description]
    shared: list[SharedLayer]
    decoders: int
    parameters: int


def describe_modalities(recipe: MultimodalRecipe, *, root: Path | None) -> MultimodalDescription:
    """Count the layers of a recipe of several modalities.

    Args:
        recipe: What to count.
        root: Where data sets are; they are opened only where the recipe and the catalogue do not
            tell the shape of a sample.

    Raises:
        FeatlearnError: If the stages do not fit, or the data stand in the way.
    """
    stacks: dict[str, Description] = {}
    shapes: list[MapShape] = []
    for place, spec in enumerate(recipe.modalities):
        shape = told_shape(spec.data)
        if shape is None:
            shape = open_splits(spec.data, root=root, seed=recipe.seed).train.shape
        shapes.append(shape)
        stacks[spec.name] = describe(one_modality(recipe, place), shape)
    with torch.device("meta"):  # nothing is drawn, and no memory taken
        net = build_multimodal(recipe, shapes)
    shared = shared_layers(net.shared)
    listed = [layer for each in stacks.values() for layer in each.layers]
    counted = sum(layer.weights + layer.biases for layer in [*listed, *shared])
    whole = parameter_count(net)
    return MultimodalDescription(
        title=recipe.title,
        modalities=stacks,
        shared=shared,
        decoders=whole - counted,
        parameters=whole,
    )
