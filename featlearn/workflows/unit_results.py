"""`evaluate --units`: what the best units are worth, beside what they must be better than."""

import math
from collections.abc import Sequence
from typing import NamedTuple

import msgspec
import numpy as np
import torch
from numpy.typing import NDArray

from featlearn.evaluate.bootstrap import bootstrap_means
from featlearn.evaluate.candidates import Best
from featlearn.evaluate.histogram import Histogram
from featlearn.evaluate.paired import Interval
from featlearn.evaluate.selectivity import selectivity
from featlearn.evaluate.separability import separability
from featlearn.networks.formats import FORMAT


class UnitScore(msgspec.Struct, frozen=True, kw_only=True):
    """How well one class is told from all others.

    Attributes:
        positive: The class.
        accuracy: Share of the images that are scored put rightly inside the class or outside.
        interval: Its 95 % bootstrap interval.
        auc: The chance that a positive answers more than another image; `None` for what
            answers with classes alone.
        selectivity: How far the positives' mean answer stands from that of others, in standard
            deviations (d'); `None` where that has no number.
        stage: Stage of the unit, or what kind of filter it is; `None` without one.
        unit: Its name.
        sign: 1 if responses above the threshold are named positive, -1 if those not above.
        threshold: In the unit's own scale.
        chosen_accuracy: Accuracy where the unit was chosen: too good, as the best of many.
        chance_accuracy: What that may come to by chance alone, for the best of as many
            candidates on as few images (`featlearn.evaluate.chance`): a choice that is no
            better may be luck. Of the network's best unit only.
        histogram: The unit's answers to positives and others; of the network's best unit only.
    """

    positive: str
    accuracy: float
    interval: tuple[float, float]
    auc: float | None = None
    selectivity: float | None = None
    stage: str | None = None
    unit: str | None = None
    sign: int | None = None
    threshold: float | None = None
    chosen_accuracy: float | None = None
    chance_accuracy: float | None = None
    histogram: Histogram | None = None


class UnitRow(msgspec.Struct, frozen=True, kw_only=True):
    """One way to tell classes apart, averaged over the classes that are looked for.

    Attributes:
        kind: `network`: the best unit of all stages; `stage`; `random-weights`; `run`: another
            run's best unit; `templates`; `k-means`; `statistics`; `probe` and `pixels`:
            linear classifiers, which may use everything at once; `majority`.
        name: What it is, in words; the stage's name or the path of the run.
        candidates: Units or filters that were chosen among; `None` where nothing is chosen.
        accuracy: Mean over the classes, in [0, 1].
        interval: Its 95 % bootstrap interval.
        auc: Mean over the classes.
        behind: By how much the network's best unit is more accurate, as a fraction; `None` of
            itself.
        behind_interval: The paired 95 % bootstrap interval of that.
        scores: One for each class.
    """

    kind: str
    name: str
    candidates: int | None
    accuracy: float
    interval: tuple[float, float]
    auc: float | None
    behind: float | None
    behind_interval: tuple[float, float] | None
    scores: tuple[UnitScore, ...]


class StageScores(msgspec.Struct, frozen=True, kw_only=True):
    """Every unit of a stage where units are chosen.

    Attributes:
        stage: Name of the stage.
        shape: Maps, height and width of its output; units are in that order.
        accuracy: Each unit's best accuracy, for the class that it tells best above guessing.
        positive: That class, a place in `positives` of the result.
    """

    stage: str
    shape: tuple[int, int, int]
    accuracy: tuple[float, ...]
    positive: tuple[int, ...]


class UnitTestResult(msgspec.Struct, frozen=True, kw_only=True):
    """The best-unit test of a run, as `units.json` holds it.

    Attributes:
        run: The run.
        source: Where the images came from.
        split: `test`, for units chosen on training images and scored on the run's test
            images; `given` for images that the command named.
        chosen_on: Images that units were chosen on.
        scored_on: Images that they were scored on.
        groups: Groups of images that belong together among the latter, drawn whole by the
            bootstrap; `None` where each image stands by itself.
        seed: Of the halves, the controls and the bootstrap.
        thresholds: How many thresholds each unit was tried with.
        positives: Classes that were looked for, each against all others.
        rows: The network's best unit first, then its stages and the controls.
        stages: Every unit's score where units were chosen.
        seen: How many given images are, pixel for pixel, among the run's training images.
        note: A sentence about what the figures do not say, if there is one.
    """

    format: int = FORMAT
    run: str
    source: str
    split: str
    chosen_on: int
    scored_on: int
    groups: int | None
    seed: int
    thresholds: int
    positives: tuple[str, ...]
    rows: tuple[UnitRow, ...]
    stages: tuple[StageScores, ...]
    seen: int | None = None
    note: str | None = None


class Method(NamedTuple):
    """One way to tell classes apart, before the figures.

    Attributes:
        kind: As in `UnitRow`.
        name: As there.
        right: `(n, positives)`, which images are put right.
        scores: For each class what is known but for accuracy and its interval.
        candidates: As in `UnitRow`.
    """

    kind: str
    name: str
    right: NDArray[np.bool_]
    scores: tuple[UnitScore, ...]
    candidates: int | None = None


class Named(NamedTuple):
    """A class as a score needs it: its name, and `(n,)` which scored images are of it."""

    name: str
    positive: torch.Tensor


def unit_method(
    kind: str,
    name: str,
    best: Sequence[Best],
    classes: Sequence[Named],
    *,
    units: Sequence[str],
    candidates: int,
    histograms: Sequence[Histogram] | None = None,
    chances: Sequence[float] | None = None,
) -> Method:
    """Put together what is known of the best units, one for each class.

    Args:
        kind: As in `UnitRow`.
        name: As there.
        best: The units.
        classes: Their classes.
        units: Names of the units.
        candidates: How many they were chosen among.
        histograms: Of their answers, if they are kept.
        chances: What their accuracies where they were chosen may come to by chance, if known.
    """
    right: list[NDArray[np.bool_]] = []
    scores: list[UnitScore] = []
    for place, (found, (positive, inside)) in enumerate(zip(best, classes, strict=True)):
        choice = found.choice
        right.append(choice.right(found.responses, inside).cpu().numpy())
        answers = found.responses[:, None]
        area = float(separability(answers, inside)[0])
        scores.append(
            UnitScore(
                positive=positive,
                accuracy=0.0,
                interval=(0.0, 0.0),
                auc=area if choice.sign > 0 else 1 - area,
                selectivity=_selectivity(answers, inside, choice.sign),
                stage=found.part,
                unit=units[place],
                sign=choice.sign,
                threshold=choice.threshold,
                chosen_accuracy=choice.accuracy,
                chance_accuracy=None if chances is None else chances[place],
                histogram=None if histograms is None else histograms[place],
            )
        )
    return Method(kind, name, np.stack(right, 1), tuple(scores), candidates)


def _selectivity(answers: torch.Tensor, inside: torch.Tensor, sign: int) -> float | None:
    """Say how far apart positives are for a unit of that sign; `None` if it has no number."""
    if min(int(inside.sum()), int((~inside).sum())) < 2:
        return None
    found = sign * float(selectivity(answers[inside], answers[~inside])[0])
    return found if math.isfinite(found) else None


def plain_method(
    kind: str, name: str, right: NDArray[np.bool_], classes: Sequence[Named]
) -> Method:
    """Put together what is known of a method that chooses no unit."""
    scores = tuple(
        UnitScore(positive=positive, accuracy=0.0, interval=(0.0, 0.0)) for positive, _ in classes
    )
    return Method(kind, name, right, scores)


def rows_of(
    methods: Sequence[Method], *, groups: NDArray[np.str_] | None, seed: int
) -> tuple[UnitRow, ...]:
    """Average and bound every method's accuracy, and its difference from the first method's.

    Args:
        methods: The network's best units first.
        groups: `(n,)`, images that belong together.
        seed: Of the bootstrap, whose draws are the same for all.
    """
    right = np.stack([method.right for method in methods]).astype(np.float64)  # (methods, n, k)
    count, images, classes = right.shape
    sums = right.sum(2)  # whole numbers, so that equal methods have equal figures
    single = right.transpose(1, 0, 2).reshape(images, -1)
    columns = np.concatenate([single, sums.T, (sums[0] - sums).T], 1)
    intervals = bootstrap_means(columns, groups=groups, seed=seed)
    single, rest = intervals[: count * classes], intervals[count * classes :]
    rest = [Interval(*(number / classes for number in found)) for found in rest]
    return tuple(
        _row(
            method,
            single[place * classes : (place + 1) * classes],
            rest[place],
            None if place == 0 else rest[count + place],
        )
        for place, method in enumerate(methods)
    )


def _row(
    method: Method, single: Sequence[Interval], mean: Interval, behind: Interval | None
) -> UnitRow:
    """Fill in the figures of a method."""
    scores = tuple(
        msgspec.structs.replace(score, accuracy=found.mean, interval=(found.low, found.high))
        for score, found in zip(method.scores, single, strict=True)
    )
    areas = [score.auc for score in scores if score.auc is not None]
    return UnitRow(
        kind=method.kind,
        name=method.name,
        candidates=method.candidates,
        accuracy=mean.mean,
        interval=(mean.low, mean.high),
        auc=float(np.mean(areas)) if areas else None,
        behind=None if behind is None else behind.mean,
        behind_interval=None if behind is None else (behind.low, behind.high),
        scores=scores,
    )
