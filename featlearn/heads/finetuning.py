"""Supervised training of a classifier on top of a stack."""

import copy
import math
from typing import NamedTuple

from featlearn.config.recipe import Recipe
from featlearn.config.training import FinetuneSpec
from featlearn.datasets.augment import build_augment
from featlearn.heads.classifier import Classifier
from featlearn.heads.problem import FinetuneProblem, fit_feature_scaler
from featlearn.networks.stack import Stack, build_stack
from featlearn.training.loop import Loop
from featlearn.training.pictures import Pictures
from featlearn.training.settling import settle


class Finetuning(NamedTuple):
    """A classifier and the loop that trains it."""

    classifier: Classifier
    loop: Loop


def untrained_stack(recipe: Recipe, trained: Stack, sample: Pictures, *, seed: int) -> Stack:
    """Build the paired control: the same network with random weights.

    It gets everything but the learned filters: the same preprocessing, and
    scaling and batch statistics fitted on the same unlabelled images.
    """
    parts = [copy.deepcopy(step) for step in trained.preparation]
    stack = build_stack(recipe, trained.input_shape, seed=seed, preprocess=parts)
    stack = stack.to(sample.device)
    settle(stack, sample)
    return stack


def start_finetuning(
    stack: Stack,
    spec: FinetuneSpec,
    labelled: Pictures,
    *,
    sample: Pictures,
    validation: Pictures | None = None,
    seed: int,
) -> Finetuning:
    """Put a head on a stack and set up its training.

    Args:
        stack: The stages; they become part of the classifier and are changed.
        spec: The head and how to train it.
        labelled: Labelled images to learn from.
        sample: Training images to fit the scaling of the features on.
        validation: Labelled images for early stopping.
        seed: Seed of the head's weights, of order, noise and dropout.

    Raises:
        DataError: If the labels are missing or of one class.
        RecipeError: If the head does not fit.
    """
    # Stages that learn at no rate are frozen, their batch statistics too.
    freeze = len(stack) if spec.stack_lr == 0 else spec.freeze
    classifier = Classifier(
        stack, spec.head, classes=len(labelled.set.classes), freeze=freeze, seed=seed
    ).to(labelled.device)
    fit_feature_scaler(classifier, sample)
    problem = FinetuneProblem(
        classifier,
        labelled,
        spec=spec.head,
        stack_lr=spec.stack_lr,
        validation=validation,
        augment=build_augment(spec.augment) if spec.augment else None,
    )
    steps = math.ceil(len(labelled) / spec.batch)
    epochs = max(spec.epochs, math.ceil(spec.steps / steps))
    return Finetuning(classifier, Loop(problem, spec, epochs=epochs, seed=seed))
