"""Trials of a comparison at few labels: one network, fine-tuned on one draw and judged."""

import copy
import functools
import itertools
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import joblib
import msgspec
import numpy as np
import torch
from numpy.typing import NDArray

from featlearn.config.training import FinetuneSpec
from featlearn.datasets.held_out import split_training
from featlearn.datasets.imageset import ImageSet
from featlearn.datasets.labels import balanced_subset
from featlearn.datasets.source import open_splits
from featlearn.errors import DataError
from featlearn.evaluate.probe import linear_probe
from featlearn.files import sha256
from featlearn.heads.finetuning import start_finetuning, untrained_stack
from featlearn.heads.problem import labels_of, logits_of
from featlearn.networks.stack import Stack
from featlearn.networks.store import find_model, load_stack
from featlearn.seeds import derive
from featlearn.training.device import pick_device
from featlearn.training.pictures import Pictures
from featlearn.training.settling import fitting_sample

PRETRAINED = "pretrained"
SCRATCH = "scratch"
PIXELS = "pixels"


class Setting(msgspec.Struct, frozen=True):
    """What is tuned, alike for both arms.

    Attributes:
        lr: Learning rate of the head.
        stack_lr: Multiplies it for the stages.
    """

    lr: float
    stack_lr: float

    def overrides(self) -> list[str]:
        """Write the setting as changes to a recipe."""
        return [f"finetune.optimizer.lr={self.lr}", f"finetune.stack_lr={self.stack_lr}"]

    def applied(self, spec: FinetuneSpec) -> FinetuneSpec:
        """Put the setting into a recipe's fine-tuning."""
        optimizer = msgspec.structs.replace(spec.optimizer, lr=self.lr)
        return msgspec.structs.replace(spec, optimizer=optimizer, stack_lr=self.stack_lr)


SETTINGS = tuple(itertools.starmap(Setting, itertools.product((2e-3, 6e-3, 2e-2), (0.1, 1.0))))
"""What each arm chooses from."""


class Trial(msgspec.Struct, frozen=True, kw_only=True):
    """One classifier to make and to judge.

    Attributes:
        arm: `pretrained`, `scratch`, or `pixels`: a linear classifier on the plain images.
        setting: How an arm is fine-tuned; a linear classifier on pixels has none.
        labels: Labels that are drawn, class-balanced.
        seed: Seed of the draw, of the head and of a network from scratch.
        choosing: Whether it is judged on the training images that were not drawn, to
            choose a setting, instead of on the test split.
    """

    arm: str
    setting: Setting | None = None
    labels: int
    seed: int
    choosing: bool = False


class Workbench:
    """Everything that trials of one run have in common: its stack, recipe and images."""

    def __init__(self, path: Path, *, root: Path | None, device: str = "auto") -> None:
        """Open the run and its data.

        Raises:
            DataError: If the data have no labels or no test split.
        """
        self.path = path.resolve()  # what a process elsewhere finds it by
        self.root = None if root is None else root.resolve()
        self.device = pick_device(device)
        stack, self.recipe, _ = load_stack(path)
        self.stack = stack.to(self.device)
        splits = open_splits(self.recipe.data, root=root, seed=self.recipe.seed)
        if splits.train.labels is None or splits.test is None:
            raise DataError(f"{self.recipe.data.source} needs labels and a test split")
        self.train = splits.train
        self.labels: NDArray[np.int64] = splits.train.labels
        self.test = splits.test
        learned = split_training(self.recipe, splits.train)[0]
        self.sample = fitting_sample(self.recipe, Pictures(learned, self.device))

    def accuracies(self, trials: Sequence[Trial], *, workers: int) -> Iterator[float]:
        """Judge all trials, several at once, and give their accuracies in their order.

        Each is computed on one thread, in which its bytes do not depend on how many
        others run beside it; networks this small gain nothing from a second.

        Args:
            trials: What to try.
            workers: Processes on the CPU; on another device the trials take turns.
        """
        if workers == 1 or self.device.type != "cpu":
            with _one_thread():
                yield from map(self.accuracy, trials)
            return
        with joblib.parallel_config("loky", inner_max_num_threads=1):
            at_once: Any = joblib.Parallel(n_jobs=workers, return_as="generator")
            asked = joblib.delayed(_accuracy)
            model = sha256(find_model(self.path))
            yield from at_once(asked(self.path, self.root, model, trial) for trial in trials)

    def accuracy(self, trial: Trial) -> float:
        """Make the classifier of a trial, and judge it: its accuracy in [0, 1]."""
        drawn = balanced_subset(self.labels, trial.labels, seed=trial.seed)
        judged = self.test
        if trial.choosing:
            judged = self.train.subset(np.setdiff1d(np.arange(len(self.labels)), drawn))
        if trial.setting is None:
            return self._on_pixels(drawn, judged)
        work = start_finetuning(
            self._network(trial.arm, trial.seed),
            trial.setting.applied(self.recipe.finetune),
            Pictures(self.train.subset(drawn), self.device),
            sample=self.sample,
            seed=trial.seed,
        )
        for _ in work.loop.steps():
            pass
        shown = Pictures(judged, self.device)
        right = logits_of(work.classifier, shown).argmax(1) == labels_of(shown)
        return int(right.sum()) / len(right)

    def _on_pixels(self, drawn: NDArray[np.intp], judged: ImageSet) -> float:
        """Fit a linear classifier on the plain images at `drawn`, and judge it."""
        assert judged.labels is not None
        learned = self.train.images[drawn].reshape(len(drawn), -1).astype(np.float32)
        asked = judged.images.reshape(len(judged), -1).astype(np.float32)
        return linear_probe(learned, self.labels[drawn], asked, judged.labels).accuracy

    def _network(self, arm: str, seed: int) -> Stack:
        """Copy the trained stack, or draw its untrained twin anew."""
        if arm == PRETRAINED:
            return copy.deepcopy(self.stack)
        return untrained_stack(self.recipe, self.stack, self.sample, seed=derive(seed, "scratch"))


def _accuracy(path: Path, root: Path | None, model: str, trial: Trial) -> float:
    """Judge one trial in a process of its own, which keeps its workbench for the next."""
    with _one_thread():
        return _workbench(path, root, model).accuracy(trial)


@functools.lru_cache(maxsize=1)
def _workbench(path: Path, root: Path | None, model: str) -> Workbench:  # noqa: ARG001
    """Open a run; `model`, the checksum of its weights, tells a run from a later one there."""
    return Workbench(path, root=root, device="cpu")


@contextmanager
def _one_thread() -> Generator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
