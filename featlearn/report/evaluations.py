"""The figures of a head on images that training never saw, as its kind has them."""

from typing import Annotated, Literal

import msgspec

from featlearn.config.base import Count, NonNegativeInt
from featlearn.evaluate.calibration import Bin
from featlearn.evaluate.metrics import ClassScore
from featlearn.evaluate.target_metrics import LabelScore, NumberScore
from featlearn.networks.formats import read_figures
from featlearn.report.records import Share
from featlearn.training.rundir import HeadFolder


class ReliabilityRecord(msgspec.Struct, frozen=True):
    """How reliable probabilities are."""

    ece: Share
    nll: float
    bins: list[Bin]


class CalibratedRecord(msgspec.Struct, frozen=True):
    """How reliable they are before and after a temperature."""

    temperature: float
    before: ReliabilityRecord
    after: ReliabilityRecord | None = None


class FiguresRecord(msgspec.Struct, frozen=True):
    """What a head got right of some samples."""

    images: Count
    accuracy: Share
    error: Share
    classes: Annotated[list[str], msgspec.Meta(min_length=1)]
    per_class: list[ClassScore]
    confusion: list[list[NonNegativeInt]]

    def __post_init__(self) -> None:
        """Every figure is of the same classes."""
        sizes = {len(self.per_class), len(self.confusion), *map(len, self.confusion)}
        if sizes != {len(self.classes)}:
            raise ValueError("`per_class` and `confusion` are not of as many classes as `classes`")


class EvaluationRecord(FiguresRecord, frozen=True, kw_only=True):
    """`evaluation.json` of a classification."""

    source: str
    split: str
    tta: int = 0
    calibration: CalibratedRecord | None = None


class NumbersRecord(msgspec.Struct, frozen=True):
    """`evaluation.json` of a regression."""

    source: str
    split: str
    images: Count
    per_target: Annotated[list[NumberScore], msgspec.Meta(min_length=1)]
    r2: float | None = None
    tta: int = 0


class LabelsRecord(msgspec.Struct, frozen=True):
    """`evaluation.json` of a multi-label head."""

    source: str
    split: str
    images: Count
    error: Share
    exact: Share
    f1: Share
    per_label: Annotated[list[LabelScore], msgspec.Meta(min_length=1)]
    map: Share | None = None
    tta: int = 0


AnyEvaluation = EvaluationRecord | NumbersRecord | LabelsRecord


class _Kind(msgspec.Struct, frozen=True):
    kind: Literal["classification", "regression", "multi-label"] = "classification"


def read_evaluation(folder: HeadFolder) -> AnyEvaluation:
    """Read the figures that `evaluate` wrote beside a head.

    Raises:
        CheckpointError: If they are missing, of another format version, or damaged.
    """
    file = folder.evaluation_file
    match read_figures(file, _Kind).kind:
        case "classification":
            return read_figures(file, EvaluationRecord)
        case "regression":
            return read_figures(file, NumbersRecord)
        case "multi-label":
            return read_figures(file, LabelsRecord)
