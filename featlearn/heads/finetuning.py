"""Supervised training of a classifier on top of a stack."""

import copy
import math
from typing import NamedTuple

import torch

from featlearn.autoencoders.build import build_objectives
from featlearn.config.augmentation import check_augment
from featlearn.config.recipe import Recipe
from featlearn.config.training import FinetuneSpec
from featlearn.datasets.augment import build_augment
from featlearn.datasets.batches import batches_of
from featlearn.errors import DataError
from featlearn.heads.classifier import Classifier
from featlearn.heads.labels import output_names
from featlearn.heads.problem import FinetuneProblem, fit_feature_scaler, fit_targets
from featlearn.heads.semi.build import build_way
from featlearn.heads.semi.problem import SemiProblem
from featlearn.networks.stack import Stack, build_stack
from featlearn.training.loop import Loop
from featlearn.training.pictures import Pictures
from featlearn.training.rates import check_warmup
from featlearn.training.settling import check_norms, settle

TEACHER_DECAY = 0.999
"""How much of itself the average of a teacher keeps where `finetune.ema` says nothing."""


class Finetuning(NamedTuple):
    """A classifier and the loop that trains it."""

    classifier: Classifier
    loop: Loop


def untrained_stack(recipe: Recipe, trained: Stack, sample: Pictures, *, seed: int) -> Stack:
    """Build the paired control: the same network with random weights.

    It gets everything but the learned filters: the same preprocessing, the constraints
    under which they were learned, such as unit norm, and scaling and batch statistics
    fitted on the same unlabelled images.
    """
    parts = [copy.deepcopy(step) for step in trained.preparation]
    stack = build_stack(recipe, trained.input_shape, seed=seed, preprocess=parts)
    stack = stack.to(sample.device)
    with torch.no_grad():
        for place, objective in build_objectives(recipe.stages).items():
            objective.after_step(stack.stage(place))
    settle(stack, sample)
    return stack


def start_finetuning(
    stack: Stack,
    spec: FinetuneSpec,
    labelled: Pictures,
    *,
    sample: Pictures,
    unlabelled: Pictures | None = None,
    validation: Pictures | None = None,
    seed: int,
) -> Finetuning:
    """Put a head on a stack and set up its training.

    Args:
        stack: The stages; they become part of the classifier and are changed.
        spec: The head and how to train it.
        labelled: Labelled images to learn from.
        sample: Training images to fit the scaling of the features on.
        unlabelled: What `spec.semi` learns from without labels; the sample if absent.
        validation: Labelled images for early stopping.
        seed: Seed of the head's weights, of order, noise and dropout.

    Raises:
        DataError: If the labels are missing or of one class.
        RecipeError: If the head or the augmentation does not fit, or the rate's warm-up takes
            every step.
    """
    check_augment(spec.augment, labelled.shape, table="finetune")
    classifier = Classifier(
        stack,
        spec.head,
        classes=len(output_names(spec.head, labelled.set)),
        freeze=spec.freeze,
        seed=seed,
        frozen_statistics=spec.batch_statistics == "frozen",
    ).to(labelled.device)
    if not classifier.frozen_statistics:
        check_norms(
            stack,
            range(spec.freeze, len(stack)),
            batch=spec.batch,
            samples=len(labelled),
            table="finetune",
        )
    fit_feature_scaler(classifier, sample)
    fit_targets(classifier, labelled)
    problem = _build_problem(
        classifier,
        labelled,
        spec,
        unlabelled=sample if unlabelled is None else unlabelled,
        validation=validation,
        seed=seed,
    )
    # Counted as the loop counts them: a last batch of one image is left out.
    steps = len(batches_of(len(labelled), batch=spec.batch, seed=seed, epoch=0))
    epochs = max(spec.epochs, math.ceil(spec.steps / steps))
    check_warmup(spec.rate, steps=epochs * steps, phase=problem.name, table="finetune")
    teaching = isinstance(problem, SemiProblem) and problem.way.averages
    ema = TEACHER_DECAY if teaching and spec.ema is None else spec.ema
    loop = Loop(problem, spec, epochs=epochs, seed=seed, ema=ema)
    if isinstance(problem, SemiProblem):
        problem.plan(loop.total_steps, loop.average)
    return Finetuning(classifier, loop)


def _build_problem(
    classifier: Classifier,
    labelled: Pictures,
    spec: FinetuneSpec,
    *,
    unlabelled: Pictures,
    validation: Pictures | None,
    seed: int,
) -> FinetuneProblem:
    """Build what is minimised: the loss of labelled images alone, or of others too."""
    augment = build_augment(spec.augment) if spec.augment else None
    if spec.semi is None:
        return FinetuneProblem(
            classifier,
            labelled,
            spec=spec.head,
            stack_lr=spec.stack_lr,
            decay_by_stage=spec.decay_by_stage,
            validation=validation,
            augment=augment,
        )
    if not classifier.frozen_statistics:
        learning = range(spec.freeze, len(classifier.stack))
        batch, samples = spec.semi.batch, len(unlabelled)
        check_norms(classifier.stack, learning, batch=batch, samples=samples, table="finetune.semi")
    if unlabelled.shape != labelled.shape:
        raise DataError(
            f"{unlabelled.set.name}: unlabelled images must have the shape of the labelled ones, "
            f"{labelled.shape}; got {unlabelled.shape}"
        )
    return SemiProblem(
        classifier,
        labelled,
        unlabelled,
        spec=spec,
        way=build_way(spec.semi, classifier, labelled, unlabelled, seed=seed),
        validation=validation,
        augment=augment,
    )
