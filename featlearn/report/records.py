"""The figures that commands wrote, as the page needs them."""

from typing import Annotated, Any, Literal, TypedDict

import msgspec

from featlearn.config.base import Count
from featlearn.errors import DataError
from featlearn.wording import METHODS

Share = Annotated[float, msgspec.Meta(ge=0, le=1)]
"""A part of a whole, in [0, 1]."""


class PhaseRecord(msgspec.Struct, frozen=True):
    """One phase of training."""

    name: str
    epochs: int
    steps: int
    seconds: float


class DataRecord(msgspec.Struct, frozen=True):
    """Which images a run learned from."""

    source: str
    train: int
    held_out: int
    pictures: int | None = None


class RunRecord(msgspec.Struct, frozen=True):
    """`results.json` of a run, as far as the page shows it."""

    title: str
    seconds: float
    parameters: int
    phases: list[PhaseRecord]
    input_shape: tuple[int, int, int]
    data: DataRecord
    environment: dict[str, Any]
    files: dict[str, str]
    own_objectives: dict[str, str] = {}


class HeadRecord(msgspec.Struct, frozen=True):
    """`results.json` of a head, as far as the page shows it."""

    head: str
    labels: int | Literal["all"]
    label_seed: int
    freeze: int
    from_scratch: bool
    seconds: float
    classes: list[str]
    files: dict[str, str]
    kind: str = "classification"
    semi: str | None = None
    train_error: float | None = None
    train_loss: float | None = None
    labelled: int | None = None
    validation: int = 0


class ModalityRecord(msgspec.Struct, frozen=True):
    """What a run learned from in one modality."""

    source: str
    train: int
    held_out: int
    input_shape: tuple[int, int, int]


class SeveralRecord(msgspec.Struct, frozen=True):
    """`results.json` of a run of several modalities, as far as the page shows it."""

    title: str
    seconds: float
    parameters: int
    phases: list[PhaseRecord]
    modalities: dict[str, ModalityRecord]
    pairs: int
    held_out_pairs: int
    environment: dict[str, Any]
    files: dict[str, str]


class FusionHeadRecord(msgspec.Struct, frozen=True):
    """`results.json` of a head over several modalities, as far as the page shows it."""

    head: str
    kind: str
    labels: int | Literal["all"]
    label_seed: int
    labelled: int
    alone: dict[str, int]
    seconds: float
    files: dict[str, str]


class SettingRecord(TypedDict):
    """The learning rate of a head, and what it is multiplied by for the stages."""

    lr: float
    stack_lr: float


class SweepDrawRecord(msgspec.Struct, frozen=True):
    """One draw of a sweep: the error of each method."""

    error: dict[str, Share]


class GainRecord(msgspec.Struct, frozen=True):
    """How much more a control errs than the pre-trained stages, on the same draws."""

    mean: float
    interval: tuple[float, float]


class SweepRowRecord(msgspec.Struct, frozen=True):
    """One number of labels in a sweep."""

    labelled: Count
    validation: int
    draws: Annotated[list[SweepDrawRecord], msgspec.Meta(min_length=2)]
    mean: dict[str, float]
    interval: dict[str, tuple[float, float]]
    gain: dict[str, GainRecord]

    def __post_init__(self) -> None:
        """Every figure is of the same methods, the pre-trained stages among them."""
        arms, controls = set(self.mean), set(self.mean) - {"pretrained"}
        if arms == controls or not arms <= set(METHODS):
            raise ValueError(f"`mean` is not of pre-trained stages and controls: {sorted(arms)}")
        if any(set(draw.error) != arms for draw in self.draws):
            raise ValueError("`draws` are not of the same methods as `mean`")
        if set(self.interval) != arms or set(self.gain) != controls:
            raise ValueError("`interval` and `gain` are not of the same methods as `mean`")


class SweepTuningRecord(msgspec.Struct, frozen=True):
    """How the settings of a sweep were chosen."""

    tried: list[Any]
    labels: int
    draws: int
    images: int


class SweepRecord(msgspec.Struct, frozen=True):
    """`results.json` of a sweep over labels, as far as the page shows it."""

    sweep: str
    table: Annotated[list[SweepRowRecord], msgspec.Meta(min_length=1)]
    settings: dict[str, SettingRecord]
    tuning: SweepTuningRecord | None
    freeze: int
    test: int
    majority: float
    files: dict[str, str]

    def __post_init__(self) -> None:
        """Rows are comparable."""
        if len({(*row.mean, len(row.draws)) for row in self.table}) > 1:
            raise ValueError("the rows of `table` have other methods, or other numbers of draws")


class CurvePoint(msgspec.Struct, frozen=True):
    """Accuracies at one number of labels, one for each draw; pairs share their draw."""

    labels: Count
    pretrained: Annotated[list[Share], msgspec.Meta(min_length=2)]
    scratch: list[Share]
    difference_interval: tuple[float, float]
    pixels: list[Share] = []

    def __post_init__(self) -> None:
        """Pairs share their draw."""
        sizes = {len(self.scratch), len(self.pixels or self.pretrained)}
        if sizes != {len(self.pretrained)}:
            raise ValueError("`scratch` or `pixels` has not as many draws as `pretrained`")


class TuningRecord(msgspec.Struct, frozen=True):
    """How the settings of both methods were chosen, each by its own accuracy."""

    settings: dict[str, SettingRecord]
    tried: list[Any]
    tuning_labels: int
    tuning_draws: int
    validation: int
    steps: int | None = None


class Comparison(msgspec.Struct, frozen=True):
    """What pre-training was worth, as `quickstart.json` holds it.

    Attributes:
        labels: The number of labels that the headline is about.
        accuracy: Mean accuracies in [0, 1], under `pretrained` and `scratch`.
        difference_interval: 95 % interval of the paired difference at that number.
        seconds: How long all of it took.
        curve: The accuracies of every draw, at several numbers of labels.
        test_images: How many images the accuracies were measured on.
        protocol: How settings were chosen.
    """

    labels: int
    accuracy: dict[str, float]
    difference_interval: tuple[float, float]
    curve: list[CurvePoint]
    seconds: float | None = None
    test_images: int | None = None
    protocol: TuningRecord | None = None


def read_comparison(value: object) -> Comparison:
    """Read a comparison from JSON's types.

    Raises:
        DataError: If something is missing or of another type.
    """
    try:
        comparison = msgspec.convert(value, Comparison)
    except msgspec.ValidationError as error:
        raise DataError(f"the comparison for the report is not complete ({error})") from None
    missing = {"pretrained", "scratch"} - comparison.accuracy.keys()
    if missing:
        raise DataError(f"the comparison for the report lacks accuracy.{min(missing)}")
    return comparison
