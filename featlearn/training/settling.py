"""Fitting what a stage measures on training data rather than learns by gradient."""

from collections.abc import Generator, Iterable
from contextlib import contextmanager

import torch
from torch import Tensor

from featlearn.config.footprint import images_at_once
from featlearn.config.inputs import WhitenSpec
from featlearn.config.recipe import Recipe
from featlearn.errors import DataError, RecipeError
from featlearn.networks.stack import Stack
from featlearn.ops.planes import middle
from featlearn.ops.random import generator
from featlearn.stages.stage import Stage
from featlearn.training.pictures import Pictures


def measured_at_once(stack: Stack) -> int:
    """Say how many images a stack looks at together while it does not learn from them."""
    stages = map(stack.stage, range(len(stack)))
    return images_at_once(max(stage.code_shape.units for stage in stages))


def fitting_sample(recipe: Recipe, images: Pictures) -> Pictures:
    """Draw the images that scaling and statistics are fitted on.

    Args:
        recipe: Its seed and `pretrain.fit_samples`.
        images: Images to learn from, without those that are held out.
    """
    return images.sample(recipe.pretrain.fit_samples, generator(recipe.seed, "fit-sample"))


@torch.no_grad()
def fit_scaler(stack: Stack, place: int, sample: Pictures) -> None:
    """Fit how the input of a stage is centred and scaled."""
    stack.eval()
    stage = stack.stage(place)
    batches = sample.batches(measured_at_once(stack))
    stage.scaler.fit(_learned_from(stage, stack.maps_below(some, place)) for some in batches)


def _learned_from(stage: Stage, maps: Tensor) -> Tensor:
    """Take the part of a stage's input maps that it learns from, if that is one part."""
    patches = stage.spec.patches
    if patches is None or patches.at == "anywhere":
        return maps
    return middle(maps, patches.size, patches.size)


@torch.no_grad()
def settle_norm(stack: Stack, place: int, sample: Pictures) -> None:
    """Measure a stage's batch statistics once its filters stand still.

    They are those of batch normalisation, and the threshold of a batch-top-k activation.

    Raises:
        DataError: If there is one number for each map to measure, which has no variance.
    """
    stack.eval()
    stage = stack.stage(place)
    measuring = stage.measuring
    if not measuring:
        return
    if len(sample) < 2 and any(norm.single for norm in stage.batch_norms):
        raise DataError(
            f"stage {stage.name!r}: batch normalisation over single positions needs two or more "
            f"images to measure; got {len(sample)}"
        )
    momenta = [part.momentum for part in measuring]
    for part in measuring:
        part.reset_running_stats()
        part.momentum = None  # a plain average over all batches
        part.train()
    for images in sample.even_batches(measured_at_once(stack)):
        stage(stack.maps_below(images, place))
    for part, momentum in zip(measuring, momenta, strict=True):
        part.momentum = momentum
        part.eval()


def settle(stack: Stack, sample: Pictures, *, norms: bool = True) -> None:
    """Fit every stage's scaling and statistics as its weights are, bottom first.

    Args:
        stack: The network.
        sample: The images to fit on.
        norms: Whether batch statistics are measured; otherwise they stay as they are.
    """
    for place in range(len(stack)):
        fit_scaler(stack, place, sample)
        if norms:
            settle_norm(stack, place, sample)


def settle_above(stack: Stack, place: int, sample: Pictures) -> None:
    """Fit what stands on a stage's filters: its own statistics, and all of the stages above.

    Joint training leaves these as they were: no batch passes the top of the last stage
    that learns.
    """
    settle_norm(stack, place, sample)
    for above in range(place + 1, len(stack)):
        fit_scaler(stack, above, sample)
        settle_norm(stack, above, sample)


@contextmanager
def following(stack: Stack, *, on: bool) -> Generator[None]:
    """Let the scaling of every stage follow its batches, while the stages below change.

    Args:
        stack: The network.
        on: Whether they change; otherwise the scaling stays as it is.
    """
    scalers = [stack.stage(place).scaler for place in range(len(stack))]
    for scaler in scalers:
        scaler.running = on
    try:
        yield
    finally:
        for scaler in scalers:
            scaler.running = False


def check_norms(
    stack: Stack, places: Iterable[int], *, batch: int, samples: int, table: str
) -> None:
    """Refuse batches of one image where batch statistics are taken over single positions.

    Args:
        stack: The network.
        places: Stages whose batch normalisation will be in training.
        batch: Images in a batch.
        samples: Images in all.
        table: The recipe's table that says how many images are in a batch.

    Raises:
        RecipeError: If batches hold one image.
        DataError: If there is only one image.
    """
    for stage in map(stack.stage, places):
        if min(batch, samples) > 1 or not any(norm.single for norm in stage.batch_norms):
            continue
        what = f"stage {stage.name!r}: batch normalisation over single positions"
        if samples < 2:
            raise DataError(f"{what} needs two or more images to learn from; got {samples}")
        raise RecipeError(f"{what} needs two or more images in a batch: set {table}.batch above 1")


def check_components(stack: Stack, sample: Pictures) -> None:
    """Refuse more components than a sample can tell apart, which would be arbitrary directions.

    Args:
        stack: The network.
        sample: The images that whitening is fitted on.

    Raises:
        DataError: Naming the stage.
    """
    for stage in map(stack.stage, range(len(stack))):
        spec = stage.spec.input
        if isinstance(spec, WhitenSpec) and len(sample) <= spec.keep:
            raise DataError(
                f"stage {stage.name!r}: {spec.keep} components need {spec.keep + 1} images or "
                f"more to be measured on; got {len(sample)}: lower input.keep, or raise "
                "pretrain.fit_samples or data.limit"
            )
