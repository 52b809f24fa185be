"""Fitting what a stage measures on training data rather than learns by gradient."""

import torch

from featlearn.config.recipe import Recipe
from featlearn.networks.stack import Stack
from featlearn.ops.random import generator
from featlearn.stages.norm import BatchNorm
from featlearn.training.pictures import Pictures

_AT_ONCE = 256


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
    maps = (stack.maps_below(images, place) for images in sample.batches(_AT_ONCE))
    stack.stage(place).scaler.fit(maps)


@torch.no_grad()
def settle_norm(stack: Stack, place: int, sample: Pictures) -> None:
    """Measure the statistics of a stage's batch normalisation once its filters stand still."""
    stack.eval()
    norm = stack.stage(place).norm
    if not isinstance(norm, BatchNorm):
        return
    momentum = norm.momentum
    norm.reset_running_stats()
    norm.momentum = None  # a plain average over all batches
    norm.train()
    for images in sample.batches(_AT_ONCE):
        stack.stage(place)(stack.maps_below(images, place))
    norm.momentum = momentum
    norm.eval()


def settle(stack: Stack, sample: Pictures) -> None:
    """Fit every stage's scaling and statistics as its weights are, bottom first."""
    for place in range(len(stack)):
        fit_scaler(stack, place, sample)
        settle_norm(stack, place, sample)
