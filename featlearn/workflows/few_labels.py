"""What pre-training is worth when labels are few: paired draws against a control."""

import copy
import itertools
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec
import numpy as np
from numpy.typing import NDArray

from featlearn.config.training import FinetuneSpec
from featlearn.datasets.held_out import split_training
from featlearn.datasets.labels import balanced_subset
from featlearn.datasets.source import open_splits
from featlearn.errors import DataError
from featlearn.evaluate.paired import paired_interval
from featlearn.evaluate.probe import linear_probe
from featlearn.heads.finetuning import start_finetuning, untrained_stack
from featlearn.heads.problem import labels_of, logits_of
from featlearn.networks.stack import Stack
from featlearn.networks.store import load_stack
from featlearn.seeds import derive
from featlearn.training.device import pick_device
from featlearn.training.pictures import Pictures
from featlearn.training.settling import fitting_sample

PRETRAINED = "pretrained"
SCRATCH = "scratch"
PIXELS = "pixels"
ARMS = (PRETRAINED, SCRATCH)

# Seeds of the draws that settings are chosen on, apart from those that are reported.
_TUNING_SEEDS = range(1000, 1002)


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


class Point(msgspec.Struct, frozen=True, kw_only=True):
    """Accuracies at one number of labels, draw by draw.

    Attributes:
        labels: Labels, class-balanced.
        pretrained: Accuracy on the test split for each draw, in [0, 1].
        scratch: The same draws, the same network with random weights.
        pixels: The same draws, a linear classifier on the plain images: what any
            network must be better than.
        difference_interval: 95 % interval of the mean of the paired differences.
    """

    labels: int
    pretrained: list[float]
    scratch: list[float]
    pixels: list[float]
    difference_interval: tuple[float, float]


class FewLabels(msgspec.Struct, frozen=True, kw_only=True):
    """The comparison and how it was made.

    Attributes:
        curve: One point for each number of labels.
        settings: What each arm was given, chosen on other draws.
        tuning_labels: Labels of the draws that settings were chosen on.
        tuning_draws: How many such draws.
        validation: Labelled training images, not drawn, that settings were judged on.
        test: Test images, the same for every draw, looked at once.
    """

    curve: list[Point]
    settings: dict[str, Setting]
    tuning_labels: int
    tuning_draws: int
    validation: int
    test: int


class Arms:
    """Fine-tunes a run's stack and its untrained twin on the same draws of labels."""

    def __init__(self, path: Path, *, root: Path | None, device: str = "auto") -> None:
        """Open the run and its data.

        Raises:
            DataError: If the data have no labels or no test split.
        """
        self.stack, self.recipe, _ = load_stack(path)
        self.device = pick_device(device)
        self.stack = self.stack.to(self.device)
        splits = open_splits(self.recipe.data, root=root, seed=self.recipe.seed)
        if splits.train.labels is None or splits.test is None:
            raise DataError(f"{self.recipe.data.source} needs labels and a test split")
        self.labels: NDArray[np.int64] = splits.train.labels
        self.train = Pictures(splits.train, self.device)
        self.test = Pictures(splits.test, self.device)
        learned = split_training(self.recipe, splits.train)[0]
        self.sample = fitting_sample(self.recipe, Pictures(learned, self.device))

    def run(
        self,
        counts: Sequence[int],
        *,
        draws: int,
        tuning_labels: int,
        told: Callable[[str], None],
    ) -> FewLabels:
        """Choose each arm's setting, then compare the arms.

        Args:
            counts: Numbers of labels.
            draws: Paired draws for each number.
            tuning_labels: Labels of the draws that settings are chosen on.
            told: Told, in a line, how far it is.
        """
        settings = {arm: self._choose(arm, tuning_labels, told) for arm in ARMS}
        curve = [self._point(count, draws, settings, told) for count in counts]
        return FewLabels(
            curve=curve,
            settings=settings,
            tuning_labels=tuning_labels,
            tuning_draws=len(_TUNING_SEEDS),
            validation=len(self.train) - tuning_labels,
            test=len(self.test),
        )

    def _choose(self, arm: str, count: int, told: Callable[[str], None]) -> Setting:
        """Find the setting with the best mean accuracy on training images that were not drawn."""

        def score(setting: Setting) -> float:
            scores: list[float] = []
            for seed in _TUNING_SEEDS:
                drawn = balanced_subset(self.labels, count, seed=seed)
                others = np.setdiff1d(np.arange(len(self.labels)), drawn)
                judged = Pictures(self.train.set.subset(others), self.device)
                scores.append(self._accuracy(arm, setting, drawn, judged, seed))
            return sum(scores) / len(scores)

        scores = {setting: score(setting) for setting in SETTINGS}
        best = max(scores, key=lambda setting: scores[setting])
        told(
            f"{arm}: of {len(SETTINGS)} settings, learning rate {best.lr:g} (stages "
            f"{best.stack_lr:g} of it) is best on other draws"
        )
        return best

    def _point(
        self,
        count: int,
        draws: int,
        settings: dict[str, Setting],
        told: Callable[[str], None],
    ) -> Point:
        """Compare both arms at one number of labels."""
        accuracy: dict[str, list[float]] = {PRETRAINED: [], SCRATCH: []}
        pixels: list[float] = []
        for seed in range(draws):
            drawn = balanced_subset(self.labels, count, seed=seed)
            pixels.append(self._on_pixels(drawn))
            for arm, scores in accuracy.items():
                scores.append(self._accuracy(arm, settings[arm], drawn, self.test, seed))
        interval = paired_interval(accuracy[PRETRAINED], accuracy[SCRATCH])
        told(
            f"{count} labels, {draws} draws: pre-trained {np.mean(accuracy[PRETRAINED]):.1%}, "
            f"from scratch {np.mean(accuracy[SCRATCH]):.1%}, linear on pixels "
            f"{np.mean(pixels):.1%}, difference [{interval.low:+.1%}, {interval.high:+.1%}]"
        )
        return Point(
            labels=count,
            pretrained=accuracy[PRETRAINED],
            scratch=accuracy[SCRATCH],
            pixels=pixels,
            difference_interval=(interval.low, interval.high),
        )

    def _accuracy(
        self, arm: str, setting: Setting, drawn: NDArray[np.int64], judged: Pictures, seed: int
    ) -> float:
        """Fine-tune one arm on the labels at `drawn`, and judge it."""
        work = start_finetuning(
            self._network(arm, seed),
            setting.applied(self.recipe.finetune),
            Pictures(self.train.set.subset(drawn), self.device),
            sample=self.sample,
            seed=seed,
        )
        for _ in work.loop.steps():
            pass
        right = logits_of(work.classifier, judged).argmax(1) == labels_of(judged)
        return float(right.float().mean())

    def _on_pixels(self, drawn: NDArray[np.int64]) -> float:
        """Fit a linear classifier on the plain images at `drawn`, and judge it."""
        assert self.test.set.labels is not None
        learned = self.train.set.images[drawn].reshape(len(drawn), -1).astype(np.float32)
        judged = self.test.set.images.reshape(len(self.test), -1).astype(np.float32)
        score = linear_probe(learned, self.labels[drawn], judged, self.test.set.labels)
        return score.accuracy

    def _network(self, arm: str, seed: int) -> Stack:
        """Copy the trained stack, or draw its untrained twin anew."""
        if arm == PRETRAINED:
            return copy.deepcopy(self.stack)
        return untrained_stack(self.recipe, self.stack, self.sample, seed=derive(seed, "scratch"))
