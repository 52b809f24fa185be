"""What pre-training takes of memory at the same time, by its schedule."""

from collections.abc import Collection, Iterable

import msgspec

from featlearn.config.data import PCASpec
from featlearn.config.footprint import Footprint, sum_of
from featlearn.config.layers import Layer
from featlearn.config.plan import plan
from featlearn.config.recipe import Recipe
from featlearn.geometry import MapShape


def pretraining_footprint(
    recipe: Recipe, input_shape: MapShape, *, own: Collection[str] = ()
) -> Footprint | None:
    """Count the bytes that pre-training must hold at once.

    The weights of all stages are there from the beginning. Of stages that learn one after
    the other, only the one that takes most counts with gradients, optimiser and
    activations. In bfloat16 the weights that learn are there once more, rounded. Patches are
    small, and what is computed of them is not counted; nor are the images, and what a layer
    computes on the way to its output. So a run takes somewhat more.

    Args:
        recipe: What is trained.
        input_shape: Shape of one image.
        own: Names of the stages that learn by an objective which is not the recipe's.

    Returns:
        The bytes; `None` where only the data tell how large the stages are.

    Raises:
        RecipeError: If the stages do not fit the image.
    """
    if any(
        isinstance(spec, PCASpec) and isinstance(spec.keep, float) for spec in recipe.preprocess
    ):
        return None
    layers = [layer for layer in plan(recipe, input_shape).layers if layer.stage is not None]
    half = recipe.pretrain.precision == "bfloat16"
    learning = [
        _learning(
            (layer for layer in layers if layer.stage == stage.name),
            patches=stage.patches is not None,
            half=half,
        )
        for stage in recipe.stages
        if stage.objective is not None or stage.name in own
    ]
    if recipe.pretrain.schedule == "greedy" and learning:
        learning = [max(learning, key=total_bytes)]
    found = sum_of(learning)
    weights = sum(layer.training.weights for layer in layers)
    gradients, activations = found.gradients, found.activations
    if recipe.pretrain.update == "backward":  # then the largest is the most there is at a time
        gradients = max((stage.gradients for stage in learning), default=0)
    if recipe.pretrain.recompute:
        activations = max((stage.activations for stage in learning), default=0)
    return msgspec.structs.replace(
        found,
        weights=weights + found.weights,
        gradients=gradients,
        activations=activations,
    )


def total_bytes(footprint: Footprint) -> int:
    """Add the parts of a footprint up."""
    return sum(msgspec.structs.astuple(footprint))


def _learning(layers: Iterable[Layer], *, patches: bool, half: bool) -> Footprint:
    """Count what a stage takes beyond its weights while it learns."""
    taken = sum_of(layer.training for layer in layers)
    activations = 0 if patches else taken.activations // (2 if half else 1)
    rounded = taken.weights // 2 if half else 0
    return msgspec.structs.replace(taken, weights=rounded, activations=activations)
