"""What a sweep over labels came to."""

from collections.abc import Mapping, Sequence

import msgspec

from featlearn.evaluate.paired import mean_interval, paired_interval
from featlearn.networks.formats import FORMAT, read_figures
from featlearn.training.identity import Environment
from featlearn.training.rundir import SweepFolder
from featlearn.workflows.labelled import Drawn
from featlearn.workflows.sweep_plan import Labels
from featlearn.workflows.trial import PRETRAINED, Score, Setting, Trial


class Draw(msgspec.Struct, frozen=True, kw_only=True):
    """One draw of labels.

    Attributes:
        label_seed: Seed of the draw.
        seed: Seed of the head, of order and noise, and of a network from scratch.
        error: Share of the test split named wrong, in [0, 1], for each method.
    """

    label_seed: int
    seed: int
    error: dict[str, float]


class Gain(msgspec.Struct, frozen=True, kw_only=True):
    """What the pre-trained stages save: a control's error less theirs, on the same draws.

    Attributes:
        mean: Its mean, in [-1, 1]; positive where pre-training helps.
        interval: The paired 95 % interval of the mean (Student).
    """

    mean: float
    interval: tuple[float, float]


class SweepPoint(msgspec.Struct, frozen=True, kw_only=True):
    """What came out at one number of labels.

    Attributes:
        labels: The number, as it was asked for.
        labelled: Labelled images that a draw has, those for validation included.
        validation: Those of them that are only measured.
        draws: Draw by draw.
        mean: Mean error for each method.
        interval: 95 % interval of that mean (Student).
        gain: For each control, what pre-training saves.
    """

    labels: Labels
    labelled: int
    validation: int
    draws: list[Draw]
    mean: dict[str, float]
    interval: dict[str, tuple[float, float]]
    gain: dict[str, Gain]


class SweepTuning(msgspec.Struct, frozen=True, kw_only=True):
    """How the settings were chosen, by each method's own mean accuracy.

    Attributes:
        tried: What each could choose from.
        labels: Labels of the draws that they were chosen on.
        draws: How many such draws, none of them among those reported.
        images: Labelled training images, not drawn, that they were judged on.
    """

    tried: list[Setting]
    labels: int
    draws: int
    images: int


class SweepResult(msgspec.Struct, frozen=True, kw_only=True):
    """What a sweep over labels came to, as its `results.json` holds it.

    Attributes:
        run: The run.
        sweep: Name of the sweep.
        table: A row for each number of labels.
        settings: What each method was fine-tuned with.
        tuning: How that was chosen; None where the rate is what the recipe says, for all.
        freeze: Stages that were left as they are, from the bottom.
        seed: Seed of the first draw's weights; the others count on from it.
        test: Test images, the same for every trial.
        majority: Share of the largest class among them: the accuracy of naming it
            every time.
        environment: What each trial computed with, on one thread.
        files: Checksums of the files beside this one.
    """

    format: int = FORMAT
    command: str = "finetune"
    run: str
    sweep: str
    table: list[SweepPoint]
    settings: dict[str, Setting]
    tuning: SweepTuning | None
    freeze: int
    seed: int
    test: int
    majority: float
    classes: list[str]
    fingerprints: dict[str, str]
    environment: Environment
    files: dict[str, str]


def sum_up(
    labels: Labels, drawn: Drawn, trials: Sequence[Trial], scores: Mapping[Trial, Score]
) -> SweepPoint:
    """Make the row of one number of labels.

    Args:
        labels: The number, as it was asked for.
        drawn: One of its draws, for their sizes.
        trials: Its trials, the methods of a draw side by side.
        scores: What came of them.
    """
    draws: list[Draw] = []
    for trial in trials:
        if not draws or draws[-1].label_seed != trial.label_seed:
            draws.append(Draw(label_seed=trial.label_seed, seed=trial.seed, error={}))
        draws[-1].error[trial.arm] = scores[trial].error
    errors = {arm: [draw.error[arm] for draw in draws] for arm in draws[0].error}
    means = {arm: mean_interval(values) for arm, values in errors.items()}
    gains = {
        arm: paired_interval(values, errors[PRETRAINED])
        for arm, values in errors.items()
        if arm != PRETRAINED
    }
    return SweepPoint(
        labels=labels,
        labelled=len(drawn.used),
        validation=len(drawn.validation),
        draws=draws,
        mean={arm: found.mean for arm, found in means.items()},
        interval={arm: (found.low, found.high) for arm, found in means.items()},
        gain={
            arm: Gain(mean=found.mean, interval=(found.low, found.high))
            for arm, found in gains.items()
        },
    )


def read_sweep_result(folder: SweepFolder) -> SweepResult:
    """Read what a finished sweep came to.

    Raises:
        CheckpointError: If `results.json` is not what a sweep writes.
    """
    return read_figures(folder.results_file, SweepResult)
