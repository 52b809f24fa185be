"""Making the trials of a search: a recipe with other values, trained and measured."""

import math
from contextlib import nullcontext
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch

from featlearn.config.recipe import Recipe
from featlearn.datasets.held_out import split_training
from featlearn.datasets.imageset import ImageSet
from featlearn.datasets.labels import hold_out_labelled, limited
from featlearn.errors import DataError, RecipeError
from featlearn.heads.finetuning import Finetuning, start_finetuning
from featlearn.heads.labels import labels_of
from featlearn.heads.problem import logits_of
from featlearn.networks.stack import Stack
from featlearn.networks.store import load_stack
from featlearn.seeds import derive
from featlearn.training.pictures import Pictures
from featlearn.training.pretraining import Pretraining
from featlearn.training.settling import fitting_sample
from featlearn.training.unrecorded import Unrecorded
from featlearn.workflows.labelled import draw_places, unlabelled_images
from featlearn.workflows.measuring import Making
from featlearn.workflows.search_plan import SearchPlan
from featlearn.workflows.trials import MOST_JUDGED

MEASUREMENTS = 10
"""Up to so many times fine-tuning is measured on its way."""


class Pool(NamedTuple):
    """Labelled training images of a search.

    Attributes:
        learned: What labels are drawn from.
        labels: How many are drawn; all if absent.
        judged: Others, on which every trial is measured.
    """

    learned: ImageSet
    labels: int | None
    judged: Pictures


class SearchBench:
    """Everything that the trials of a search have in common.

    Attributes:
        plan: What is searched.
        pool: Labelled images, if it is by labels.
        pretrained: The run whose stack all trials begin from, if they have one in common.
    """

    def __init__(
        self,
        recipe: Recipe,
        plan: SearchPlan,
        train: ImageSet,
        device: torch.device,
        *,
        root: Path | None,
    ) -> None:
        """Divide the training split; no other is ever looked at.

        Args:
            recipe: What the values are put into.
            plan: What is searched.
            train: The training split.
            device: Where to compute.
            root: Where data sets are.

        Raises:
            DataError: If there are no labels, or too few.
            FeatlearnError: If `finetune.semi` names images that cannot be read.
        """
        self.plan = plan
        self.train = train
        self.device = device
        self.root = root
        self.pretrained: Path | None = None
        learned, kept = split_training(recipe, train)
        self.learned = Pictures(learned, device)
        self.kept = Pictures(kept, device) if len(kept) else None
        self.pool = self._pool(recipe) if plan.labels is not None else None
        self._others: dict[str, Pictures] = {}
        if self.pool is not None:
            self._unlabelled(recipe)  # before anything is trained, as they may not be there

    @property
    def judged(self) -> int:
        """Count the images on which every trial is measured."""
        if self.pool is not None:
            return len(self.pool.judged)
        return 0 if self.kept is None else len(self.kept)

    def make(self, recipe: Recipe, trial: "Making") -> float:
        """Train by a recipe, and give what is minimised.

        Args:
            recipe: The recipe of this trial.
            trial: Takes its measurements.

        Raises:
            Pruned: If it was stopped early.
            RecipeError: If the recipe does not fit.
            DataError: If there are too few images or labels for it.
            TrainingError: If the loss is no longer finite.
        """
        if self.pretrained is not None:
            return self._finetuned(load_stack(self.pretrained).stack, recipe, trial)
        training = Pretraining(recipe, self.learned, held_out=self.kept)
        trial.phases = [phase.name for phase in training.phases]
        trial.planned = [phase.epochs for phase in training.phases]
        measured = self.pool is None
        training.run(Unrecorded(watch=trial.pretraining if measured else trial.unmeasured))
        if measured:
            return trial.settled
        return self._finetuned(training.stack, recipe, trial)

    def _finetuned(self, stack: Stack, recipe: Recipe, trial: "Making") -> float:
        """Fine-tune a stack as `finetune` does, and give its error on the judged images."""
        assert self.pool is not None, "fine-tuning needs labels"
        work = self._start(stack.to(self.device), recipe, self.pool)
        judged = self.pool.judged
        trial.phases, trial.planned = [*trial.phases, work.loop.problem.name], [work.loop.epochs]
        every = math.ceil(work.loop.epochs / MEASUREMENTS)
        for report in work.loop.steps():
            last = report.step == report.steps
            due = report.ended and (report.epoch + 1) % every == 0 and not last
            trial.finetuning(report, (lambda: error_on_the_way(work, judged)) if due else None)
        return error_on(work, judged)

    def _start(self, stack: Stack, recipe: Recipe, pool: Pool) -> Finetuning:
        """Put a head on a stack, with the labels that the plan's seed draws."""
        seed = self.plan.label_seed
        drawn = draw_places(recipe, pool.learned, labels=pool.labels, label_seed=seed)
        validation = None
        if len(drawn.validation):
            validation = Pictures(pool.learned.subset(drawn.validation), self.device)
        return start_finetuning(
            stack,
            recipe.finetune,
            Pictures(pool.learned.subset(drawn.train), self.device),
            sample=fitting_sample(recipe, self.learned),
            unlabelled=self._unlabelled(recipe),
            validation=validation,
            seed=recipe.seed,
        )

    def _unlabelled(self, recipe: Recipe) -> Pictures:
        """Give the images that `finetune.semi` learns from, each source read once."""
        semi = recipe.finetune.semi
        if semi is None or semi.source is None:
            return self.learned
        if semi.source not in self._others:
            images = unlabelled_images(recipe, self.learned.set, root=self.root)
            self._others[semi.source] = Pictures(images, self.device)
        return self._others[semi.source]

    def _pool(self, recipe: Recipe) -> Pool:
        """Set the images apart that every trial is measured on.

        They are training images whose labels were not drawn, up to some thousands, or a part of
        all where all labels are asked for. Crops of one picture are on one side.
        """
        train, plan = self.train, self.plan
        if train.labels is None:
            raise DataError(
                f"{recipe.data.source} has no labels, and --labels searches by them; take a "
                "source with classes, or leave --labels out"
            )
        pictures = np.arange(len(train)) // (recipe.data.crops or 1)
        if plan.labels == "all":
            seed = derive(plan.label_seed, "search")
            share = recipe.data.hold_out or 0.1
            on, off = hold_out_labelled(train.labels, share, seed=seed, pictures=pictures)
            learned, labels = train.subset(on), None
        else:
            assert plan.labels is not None, "a pool is for labels"
            seed = plan.label_seed
            used = draw_places(recipe, train, labels=plan.labels, label_seed=seed).used
            off = np.flatnonzero(~np.isin(pictures, pictures[used]))
            off = off[limited(train.labels[off], len(off), MOST_JUDGED, seed=seed)]
            learned, labels = train, plan.labels
        if len(off) == 0:
            raise DataError(
                f"{plan.labels} labels of {len(train)} leave no labelled training images to "
                "measure trials on; ask for fewer"
            )
        return Pool(learned, labels, Pictures(train.subset(off), self.device))


def error_on(work: Finetuning, judged: Pictures) -> float:
    """Give the share of images that a classifier names wrong, and let it go on learning."""
    wrong = logits_of(work.classifier, judged).argmax(1) != labels_of(judged)
    work.classifier.train()
    return int(wrong.sum()) / len(judged)


def error_on_the_way(work: Finetuning, judged: Pictures) -> float:
    """Give the error with which fine-tuning would end here: that of the average, if one is kept."""
    average = work.loop.average
    with nullcontext() if average is None else average.in_use():
        return error_on(work, judged)


def check_taught(recipe: Recipe, plan: SearchPlan) -> None:
    """Refuse to minimise a loss that no stage has.

    Raises:
        RecipeError: If nothing is learned without labels.
    """
    if plan.labels is None and all(stage.objective is None for stage in recipe.stages):
        raise RecipeError(
            f"no stage of {recipe.title!r} has an objective, so that there is no loss without "
            "labels to search by; add --labels N"
        )
