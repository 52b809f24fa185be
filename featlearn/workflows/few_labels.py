"""What pre-training is worth when labels are few: paired draws against a control."""

from collections.abc import Callable, Sequence
from statistics import fmean

import msgspec

from featlearn.evaluate.paired import paired_interval
from featlearn.wording import percent
from featlearn.workflows.trial import PIXELS, PRETRAINED, SCRATCH, SETTINGS, Judge, Setting, Trial
from featlearn.workflows.trials import Workbench

ARMS = (PRETRAINED, SCRATCH)

# Seeds of the draws that settings are chosen on, apart from those that are reported.
TUNING_SEEDS = range(1000, 1002)


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
        tried: What each arm could choose from, by its own mean accuracy.
        tuning_labels: Labels of the draws that settings were chosen on.
        tuning_draws: How many such draws, none of them among those reported.
        validation: Labelled training images, not drawn, that settings were judged on.
        test: Test images, the same for every draw, looked at once.
    """

    curve: list[Point]
    settings: dict[str, Setting]
    tried: list[Setting]
    tuning_labels: int
    tuning_draws: int
    validation: int
    test: int


def compare_few_labels(
    bench: Workbench,
    counts: Sequence[int],
    *,
    draws: int,
    tuning_labels: int,
    workers: int = 1,
    settings: Sequence[Setting] = SETTINGS,
    told: Callable[[str], None],
) -> FewLabels:
    """Choose each arm's setting, then compare a run's stack with its untrained twin.

    Args:
        bench: The run and its data.
        counts: Numbers of labels.
        draws: Paired draws for each number.
        tuning_labels: Labels of the draws that settings are chosen on.
        workers: Trials made at once on the CPU; they change nothing but the time.
        settings: What each arm chooses from.
        told: Told, in a line, how far it is.
    """
    chosen = choose_settings(bench, settings, ARMS, labels=tuning_labels, workers=workers)
    for arm, setting in chosen.items():
        told(
            f"{arm}: of {len(settings)} settings, learning rate {setting.lr:g} (stages "
            f"{setting.stack_lr:g} of it) is best on other draws"
        )
    curve: list[Point] = []
    for count in counts:
        curve.append(_point(bench, chosen, count, draws, workers))
        told(_line(curve[-1]))
    return FewLabels(
        curve=curve,
        settings=chosen,
        tried=list(settings),
        tuning_labels=tuning_labels,
        tuning_draws=len(TUNING_SEEDS),
        validation=bench.left(tuning_labels),
        test=len(bench.test),
    )


def tuning_trials(
    settings: Sequence[Setting], arms: Sequence[str], *, labels: int, seed: int = 0
) -> list[Trial]:
    """List the trials that settings are chosen by, arm by arm and setting by setting.

    Args:
        settings: What each arm chooses from.
        arms: Which arms choose.
        labels: Labels of the draws.
        seed: Added to a draw's seed, for the seed of the weights.
    """
    return [
        Trial(
            arm=arm,
            setting=setting,
            labels=labels,
            label_seed=draw,
            seed=seed + draw,
            choosing=True,
        )
        for arm in arms
        for setting in settings
        for draw in TUNING_SEEDS
    ]


def choose_settings(
    judge: Judge,
    settings: Sequence[Setting],
    arms: Sequence[str],
    *,
    labels: int,
    workers: int,
    seed: int = 0,
) -> dict[str, Setting]:
    """Find each arm's best setting, by accuracy on training images that were not drawn."""
    trials = tuning_trials(settings, arms, labels=labels, seed=seed)
    found = [score.accuracy for score in judge.scores(trials, workers=workers)]
    draws = len(TUNING_SEEDS)
    asked = [(arm, setting) for arm in arms for setting in settings]
    mean = {pair: fmean(found[i * draws : (i + 1) * draws]) for i, pair in enumerate(asked)}
    return {arm: max(settings, key=lambda setting: mean[arm, setting]) for arm in arms}


def _point(
    bench: Workbench, chosen: dict[str, Setting], labels: int, draws: int, workers: int
) -> Point:
    """Compare both arms, and a linear classifier on pixels, at one number of labels."""
    trials = [
        Trial(arm=arm, setting=chosen.get(arm), labels=labels, label_seed=seed, seed=seed)
        for arm in (*ARMS, PIXELS)
        for seed in range(draws)
    ]
    found = [score.accuracy for score in bench.scores(trials, workers=workers)]
    pretrained, scratch, pixels = (found[i * draws : (i + 1) * draws] for i in range(3))
    interval = paired_interval(pretrained, scratch)
    return Point(
        labels=labels,
        pretrained=pretrained,
        scratch=scratch,
        pixels=pixels,
        difference_interval=(interval.low, interval.high),
    )


def _line(point: Point) -> str:
    low, high = point.difference_interval
    return (
        f"{point.labels} labels, {len(point.pretrained)} draws: pre-trained "
        f"{percent(fmean(point.pretrained), places=1)}, from scratch "
        f"{percent(fmean(point.scratch), places=1)}, linear on pixels "
        f"{percent(fmean(point.pixels), places=1)}, difference "
        f"[{100 * low:+.1f}, {100 * high:+.1f}] points"
    )
