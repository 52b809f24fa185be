"""What a head comes to on labelled images, by its kind."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Literal

import msgspec
import numpy as np
from torch import Tensor

from featlearn.config.heads import (
    ClassificationSpec,
    HeadSpec,
    MultiLabelSpec,
    RegressionSpec,
)
from featlearn.datasets.imageset import ImageSet, Indices, Targets
from featlearn.datasets.labels import match_classes
from featlearn.datasets.targets import match_targets
from featlearn.errors import DataError
from featlearn.evaluate.calibration import Reliability, reliability
from featlearn.evaluate.metrics import ClassScore, classification_report
from featlearn.evaluate.target_metrics import (
    LabelScore,
    NumberScore,
    multi_label_report,
    regression_report,
)
from featlearn.heads.answering import mean_answers
from featlearn.heads.labels import check_binary
from featlearn.networks.formats import FORMAT
from featlearn.workflows.runs import TrainedHead


class Judgement(msgspec.Struct, frozen=True, kw_only=True):
    """What the figures of every kind of head have in common.

    Attributes:
        run: The run.
        head: The head.
        source: Where the images came from.
        split: `test`, or `given` for images that the command named.
        images: How many there are.
        seen: How many given images are, pixel for pixel, among the run's training
            images; None for the test split, or where that cannot be told: the training
            images are gone, or the run learned from random crops of them.
        note: A sentence about what the figures do not say, if there is one.
        tta: Augmented copies of each image whose answers were averaged with its own; 0 is none.
    """

    format: int = FORMAT
    run: str
    head: str
    source: str
    split: str
    images: int
    seen: int | None = None
    note: str | None = None
    tta: int = 0


class Calibrated(msgspec.Struct, frozen=True, kw_only=True):
    """How reliable the probabilities of a classifier are on the images that it is judged on.

    Attributes:
        temperature: What logits are divided by; 1 where the head was not calibrated.
        before: At the temperature 1.
        after: At the fitted temperature; None where there is none.
    """

    temperature: float
    before: Reliability
    after: Reliability | None


class EvaluateResult(Judgement, frozen=True, kw_only=True):
    """Figures of a classification, as `evaluation.json` holds them.

    Attributes:
        accuracy: Share named right, in [0, 1].
        error: `1 - accuracy`.
        majority: Share of the largest class: the accuracy of naming it every time.
        classes: Names of the classes, in the order of the confusion matrix.
        per_class: Accuracy within each class.
        confusion: `confusion[true][predicted]`, in images.
        calibration: How reliable its probabilities are; None where it has none.
    """

    kind: Literal["classification"] = "classification"
    accuracy: float
    error: float
    majority: float
    classes: tuple[str, ...]
    per_class: tuple[ClassScore, ...]
    confusion: tuple[tuple[int, ...], ...]
    calibration: Calibrated | None = None


class RegressionEvaluation(Judgement, frozen=True, kw_only=True):
    """Figures of a regression; see `RegressionResult`."""

    kind: Literal["regression"] = "regression"
    r2: float | None
    per_target: tuple[NumberScore, ...]


class MultiLabelEvaluation(Judgement, frozen=True, kw_only=True):
    """Figures of a multi-label head; see `MultiLabelResult`."""

    kind: Literal["multi-label"] = "multi-label"
    map: float | None
    f1: float
    micro_f1: float
    error: float
    exact: float
    per_label: tuple[LabelScore, ...]


Evaluation = EvaluateResult | RegressionEvaluation | MultiLabelEvaluation


def judge(trained: TrainedHead, images: ImageSet, outputs: Tensor, **common: Any) -> Evaluation:
    """Compare what a head says with what images are labelled with.

    Args:
        trained: The head.
        images: What it was asked about.
        outputs: `(copies, n, outputs)`, see `outputs_of`.
        common: The fields of `Judgement`, but for the number of images.

    Raises:
        DataError: If the images lack the labels that the head was trained on.
    """
    answers = mean_answers(trained.classifier, outputs, temperature=trained.temperature)
    said = answers.cpu().numpy()
    match trained.recipe.finetune.head:
        case ClassificationSpec() as spec:
            labels = match_classes(images, trained.classes)
            report = classification_report(labels, said.argmax(1), trained.classes)
            calibration = calibrated(trained, spec, outputs, images)
            return EvaluateResult(
                calibration=calibration, **msgspec.structs.asdict(report), **common
            )
        case RegressionSpec():
            targets, known = _targets(images, trained.classes)
            numbers = regression_report(targets, said[known], trained.classes)
            return RegressionEvaluation(**msgspec.structs.asdict(numbers), **common)
        case MultiLabelSpec():
            targets, known = _targets(images, trained.classes)
            wanted = images.subset(known)
            check_binary(replace(wanted, targets=targets, target_names=trained.classes))
            sets = multi_label_report(targets, said[known], trained.classes)
            return MultiLabelEvaluation(**msgspec.structs.asdict(sets), **common)


def _targets(images: ImageSet, names: Sequence[str]) -> tuple[Targets, Indices]:
    """Take the targets of the images that have all of them, and say which these are.

    Raises:
        DataError: If none has.
    """
    targets = match_targets(images, names)
    known = np.flatnonzero(~np.isnan(targets).any(1))
    if not len(known):
        raise DataError(f"no image of {images.name} has all of {', '.join(names)}")
    return targets[known], known


def calibrated(
    trained: TrainedHead, spec: HeadSpec, outputs: Tensor, images: ImageSet
) -> Calibrated | None:
    """Measure how reliable probabilities are.

    Scores of a hinge are none before it has a temperature.
    """
    fitted = trained.temperature
    if isinstance(spec, ClassificationSpec) and spec.loss == "hinge" and fitted is None:
        return None
    labels = match_classes(images, trained.classes)

    def measured(temperature: float) -> Reliability:
        shares = mean_answers(trained.classifier, outputs, temperature=temperature)
        return reliability(shares.cpu().numpy(), labels)

    return Calibrated(
        temperature=fitted or 1.0,
        before=measured(1.0),
        after=None if fitted is None else measured(fitted),
    )
