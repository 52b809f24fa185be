"""Trials of a comparison at few labels: one network, fine-tuned on one draw and judged."""

import copy
import functools
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from featlearn.config.heads import ClassificationSpec
from featlearn.config.recipe import Recipe
from featlearn.config.training import FinetuneSpec
from featlearn.datasets.held_out import split_training
from featlearn.datasets.imageset import ImageSet, Indices
from featlearn.datasets.labels import limited, match_classes
from featlearn.datasets.source import open_splits
from featlearn.errors import DataError, TrainingError, UsageError
from featlearn.evaluate.probe import linear_probe
from featlearn.files import sha256
from featlearn.heads.finetuning import Finetuning, start_finetuning, untrained_stack
from featlearn.heads.problem import logits_of
from featlearn.networks.stack import Stack
from featlearn.networks.store import find_model, load_stack
from featlearn.seeds import derive
from featlearn.training.device import pick_device
from featlearn.training.pictures import Pictures
from featlearn.training.settling import fitting_sample
from featlearn.workflows.head_results import head_kind
from featlearn.workflows.labelled import Drawn, draw_places, unlabelled_images
from featlearn.workflows.processes import in_processes, one_thread
from featlearn.workflows.trial import PIXELS, PRETRAINED, Score, Trial

MOST_JUDGED = 10_000
"""Up to so many training images that were not drawn judge a setting."""


class Workbench:
    """Everything that trials of one run have in common: its stack, recipe and images."""

    def __init__(
        self,
        path: Path,
        *,
        root: Path | None,
        device: str = "auto",
        recipe: Recipe | None = None,
    ) -> None:
        """Open the run and its data.

        Args:
            path: The run.
            root: Where data sets are; `$FEATLEARN_DATA` or the user's cache if absent.
            device: `auto`, `cpu` or `cuda`.
            recipe: The run's, with another `[finetune]` perhaps; its own if absent.

        Raises:
            UsageError: If the head is no classification.
            DataError: If the data have no labels or no test split.
        """
        self.path = path.resolve()  # what a process elsewhere finds it by
        self.root = None if root is None else root.resolve()
        self.device = pick_device(device)
        stack, own, _ = load_stack(path)
        self.stack = stack.to(self.device)
        self.recipe = recipe or own
        if not isinstance(self.recipe.finetune.head, ClassificationSpec):
            raise UsageError(
                "draws of labels are compared by the error of classifiers, and finetune.head is of "
                f"the kind {head_kind(self.recipe.finetune.head)!r}"
            )
        self.splits = open_splits(self.recipe.data, root=root, seed=self.recipe.seed)
        self.train = self.splits.train
        if self.train.labels is None or self.splits.test is None:
            raise DataError(f"{self.recipe.data.source} needs labels and a test split")
        self.labels: NDArray[np.int64] = self.train.labels
        self.test = self.splits.test
        learned = split_training(self.recipe, self.train)[0]
        self.sample = fitting_sample(self.recipe, Pictures(learned, self.device))
        unlabelled = unlabelled_images(self.recipe, learned, root=root)
        self.others = None if unlabelled is learned else unlabelled
        self.unlabelled = Pictures(unlabelled, self.device)

    def scores(self, trials: Sequence[Trial], *, workers: int) -> Iterator[Score]:
        """Judge all trials, several at once, and give their scores in their order.

        Each is computed on one thread, in which its bytes do not depend on how many
        others run beside it; networks this small gain nothing from a second.

        Args:
            trials: What to try.
            workers: Processes on the CPU; on another device the trials take turns.
        """
        if workers == 1 or len(trials) < 2 or self.device.type != "cpu":
            for trial in trials:
                with one_thread():  # not around the yield: who stops asking gets his threads back
                    score = self.score(trial)
                yield score
            return
        others = () if self.others is None else (self.others.fingerprint,)
        data = (*self.splits.fingerprints().values(), *others)
        at = _Place(self.path, self.root, self.recipe, (sha256(find_model(self.path)), *data))
        yield from in_processes(functools.partial(_score, at), trials, workers=workers)

    def score(self, trial: Trial) -> Score:
        """Make the classifier of a trial, and judge it.

        Raises:
            DataError: If there are too few labels for the draw.
            TrainingError: If training goes wrong; a setting under trial is the worst then.
        """
        spec = self._spec(trial)
        drawn = self._draw(trial, spec)
        judged = self._judged(trial, drawn)
        labels = match_classes(judged, self.train.classes)
        if trial.arm == PIXELS:
            return self._on_pixels(drawn, judged, labels)
        work = self._start(trial, spec, drawn, sample=self.sample)
        try:
            for _ in work.loop.steps():
                pass
        except TrainingError as error:
            if trial.choosing:
                return Score(0, len(judged))
            raise TrainingError(f"{trial.words}: {error}") from None
        named = logits_of(work.classifier, Pictures(judged, self.device)).argmax(1).cpu().numpy()
        return Score(int((named == labels).sum()), len(judged))

    def check(self, trial: Trial) -> Drawn:
        """Refuse a trial that cannot be made, without making it.

        Returns:
            What it draws.

        Raises:
            FeatlearnError: If there are too few labels, or the recipe does not fit them.
        """
        spec = self._spec(trial)
        drawn = self._draw(trial, spec)
        if trial.choosing and self.left(len(drawn.used)) == 0:
            raise DataError(
                f"{len(drawn.used)} labels leave no labelled images to choose settings on; "
                "ask for fewer, or leave out --tune"
            )
        few = Pictures(self.sample.set.subset(np.arange(min(32, len(self.sample)))), self.device)
        if trial.arm != PIXELS:
            self._start(trial, spec, drawn, sample=few)
        return drawn

    def left(self, labels: int) -> int:
        """Count the training images that judge a setting when so many are drawn."""
        return min(len(self.labels) - labels, MOST_JUDGED)

    def _spec(self, trial: Trial) -> FinetuneSpec:
        """Say how a trial is trained."""
        spec = self.recipe.finetune
        return spec if trial.setting is None else trial.setting.applied(spec)

    def _draw(self, trial: Trial, spec: FinetuneSpec) -> Drawn:
        """Draw the labels of a trial."""
        recipe = msgspec.structs.replace(self.recipe, finetune=spec)
        return draw_places(recipe, self.train, labels=trial.labels, label_seed=trial.label_seed)

    def _judged(self, trial: Trial, drawn: Drawn) -> ImageSet:
        """Give the images that a trial is judged on."""
        if not trial.choosing:
            return self.test
        rest = np.setdiff1d(np.arange(len(self.labels)), drawn.used)
        count = self.left(len(drawn.used))
        some = limited(self.labels[rest], len(rest), count, seed=trial.label_seed)
        return self.train.subset(rest[some])

    def _start(
        self, trial: Trial, spec: FinetuneSpec, drawn: Drawn, *, sample: Pictures
    ) -> Finetuning:
        """Set up what `finetune` would train with the same labels and seed."""
        validation = None
        if len(drawn.validation):
            validation = Pictures(self.train.subset(drawn.validation), self.device)
        return start_finetuning(
            self._network(trial.arm, trial.seed, sample),
            spec,
            Pictures(self.train.subset(drawn.train), self.device),
            sample=sample,
            unlabelled=self.unlabelled,
            validation=validation,
            seed=trial.seed,
        )

    def _on_pixels(self, drawn: Drawn, judged: ImageSet, labels: Indices) -> Score:
        """Fit a linear classifier on the plain images at `drawn`, and judge it."""
        learned = self.train.images[drawn.used].reshape(len(drawn.used), -1).astype(np.float32)
        asked = judged.images.reshape(len(judged), -1).astype(np.float32)
        found = linear_probe(learned, self.labels[drawn.used], asked, labels)
        return Score(int((found.predictions == labels).sum()), len(judged))

    def _network(self, arm: str, seed: int, sample: Pictures) -> Stack:
        """Copy the trained stack, or draw its untrained twin anew."""
        if arm == PRETRAINED:
            return copy.deepcopy(self.stack)
        return untrained_stack(self.recipe, self.stack, sample, seed=derive(seed, "scratch"))


class _Place(NamedTuple):
    """Where a process finds a workbench.

    Attributes:
        path: The run.
        root: Where data sets are.
        recipe: The run's, perhaps changed.
        checksums: Of the weights and of the images; they tell a run from a later one there.
    """

    path: Path
    root: Path | None
    recipe: Recipe
    checksums: tuple[str, ...]


def _score(at: _Place, trial: Trial) -> Score:
    """Judge one trial in a process that keeps its workbench for the next."""
    return _workbench(at).score(trial)


@functools.lru_cache(maxsize=1)
def _workbench(at: _Place) -> Workbench:
    """Open a run."""
    return Workbench(at.path, root=at.root, device="cpu", recipe=at.recipe)
