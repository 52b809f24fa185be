"""`describe` where a recipe has several modalities."""

import itertools
from pathlib import Path

import msgspec

from featlearn.config.modalities import MultimodalRecipe, one_modality
from featlearn.datasets.entries import told_shape
from featlearn.datasets.source import open_splits
from featlearn.workflows.describe import Description, describe


class SharedLayer(msgspec.Struct, frozen=True, kw_only=True):
    """A linear layer between a stack's output and the shared code.

    Attributes:
        name: `MODALITY.encoder1`, …, `MODALITY.decoder1`, …
        inputs: Numbers that go in.
        outputs: Numbers that come out.
        weights: Numbers to learn, without biases.
        biases: Numbers that are added.
    """

    name: str
    inputs: int
    outputs: int
    weights: int
    biases: int


class MultimodalDescription(msgspec.Struct, frozen=True, kw_only=True):
    """The stack of every modality, and the layers of the code that they share.

    `parameters` are the weights and biases of all of these, without the stacks' decoders.
    """

    title: str
    modalities: dict[str, Description]
    shared: list[SharedLayer]
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
    shared: list[SharedLayer] = []
    for place, spec in enumerate(recipe.modalities):
        shape = told_shape(spec.data)
        if shape is None:
            shape = open_splits(spec.data, root=root, seed=recipe.seed).train.shape
        found = describe(one_modality(recipe, place), shape)
        layers = tuple(layer for layer in found.layers if layer.stage is not None)
        stacks[spec.name] = found
        units = layers[-1].units
        shared += _net(recipe, f"{spec.name}.encoder", [units, *recipe.shared.hidden], forth=True)
        shared += _net(recipe, f"{spec.name}.decoder", [*recipe.shared.hidden[::-1], units])
    counted = [layer.weights + layer.biases for each in stacks.values() for layer in each.layers]
    counted += [layer.weights + layer.biases for layer in shared]
    return MultimodalDescription(
        title=recipe.title, modalities=stacks, shared=shared, parameters=sum(counted)
    )


def _net(
    recipe: MultimodalRecipe, name: str, widths: list[int], *, forth: bool = False
) -> list[SharedLayer]:
    """List the layers of one net to or from the code."""
    code = recipe.shared.code
    whole = [*widths, code] if forth else [code, *widths]
    return [
        SharedLayer(
            name=f"{name}{number}",
            inputs=inputs,
            outputs=outputs,
            weights=inputs * outputs,
            biases=outputs,
        )
        for number, (inputs, outputs) in enumerate(itertools.pairwise(whole), 1)
    ]
