"""What the study of detection helped by identification came to, and how it is told."""

from collections.abc import Sequence

import msgspec

from featlearn.evaluate.paired import Interval, mean_interval, paired_interval
from featlearn.networks.formats import FORMAT
from featlearn.wording import count, percent, plural


class HelpTrial(msgspec.Struct, frozen=True, kw_only=True):
    """One network, as a line of `trials.jsonl` holds it.

    Attributes:
        labels: Labelled images that detection learned from; none where identification was
            learned alone.
        draw: Seed of their draw; it is added to the recipe's seed for the weights.
        together: Whether both tasks were learned.
        error: Of detection on the test scenes, in [0, 1], where it was learned.
        identification: Error of naming people on other portraits of them, where it was learned.
    """

    labels: int | None
    draw: int
    together: bool
    error: float | None = None
    identification: float | None = None


class HelpPoint(msgspec.Struct, frozen=True, kw_only=True):
    """What one number of detection labels came to.

    Attributes:
        labels: That number.
        alone: Mean error of detection learned alone, and its 95 % interval.
        together: The same where identification was learned with it.
        gain: Mean of `alone - together`, pair by pair, and its 95 % interval.
        identification: Mean error of identification learned with detection, and its interval.
        identification_gain: Mean of identification's error learned alone less that learned with
            detection, pair by pair, and its 95 % interval.
    """

    labels: int
    alone: Interval
    together: Interval
    gain: Interval
    identification: Interval
    identification_gain: Interval


class HelpResult(msgspec.Struct, frozen=True, kw_only=True):
    """What the study came to, as `results.json` holds it.

    Attributes:
        out: The folder.
        seconds: Time that everything took, this time.
        draws: Draws at each number of labels.
        test: Scenes that detection was judged on, once by each network.
        majority: Error of always saying that there is no face.
        identification_test: Scenes that identification was judged on.
        identification_majority: Error of naming one person every time.
        identification_alone: Mean error of identification learned alone, and its 95 % interval.
        table: A row for each number of labels.
        run: The pre-trained run that every network began from.
    """

    format: int = FORMAT
    out: str
    seconds: float
    draws: int
    test: int
    majority: float
    identification_test: int
    identification_majority: float
    identification_alone: Interval
    table: list[HelpPoint]
    run: str


def sum_up(
    labels: int, pairs: Sequence[tuple[HelpTrial, HelpTrial]], named: Sequence[HelpTrial]
) -> HelpPoint:
    """Sum up the draws at one number of labels.

    Args:
        labels: That number.
        pairs: Of each draw, detection alone and both tasks together.
        named: Of each of these draws, identification alone.
    """
    alone = detection_errors([pair[0] for pair in pairs])
    together = detection_errors([pair[1] for pair in pairs])
    helped = identification_errors([pair[1] for pair in pairs])
    return HelpPoint(
        labels=labels,
        alone=mean_interval(alone),
        together=mean_interval(together),
        gain=paired_interval(alone, together),
        identification=mean_interval(helped),
        identification_gain=paired_interval(identification_errors(named), helped),
    )


def detection_errors(trials: Sequence[HelpTrial]) -> list[float]:
    """Give the errors of detection of networks that learned it."""
    return [trial.error for trial in trials if trial.error is not None]


def identification_errors(trials: Sequence[HelpTrial]) -> list[float]:
    """Give the errors of identification of networks that learned it."""
    return [trial.identification for trial in trials if trial.identification is not None]


def markdown(result: HelpResult) -> str:
    """Write the two tables: of each task, alone against together."""
    of = f"{plural(result.test, 'scene')} with people and pictures never seen"
    naive = f'always "no face": {percent(result.majority)}'
    named_of = f"{plural(result.identification_test, 'scene')} with other portraits"
    guess = f"a guess: {percent(result.identification_majority)}"
    head = "| detection labels | alone | together | gain, points |"
    detection = (
        f"Error of detection on {of} ({naive}), learned alone and together with identification; "
        f"means over {result.draws} draws, 95 % intervals, that of the gain paired."
    )
    identification = (
        f"Error of identification on {named_of} ({guess}), learned alone and together with "
        "detection, on the same draws."
    )
    lines = [
        "# Finding faces, helped by naming them",
        "",
        detection,
        "",
        head,
        "|---|---|---|---|",
        *(_row(point.labels, point.alone, point.together, point.gain) for point in result.table),
        "",
        identification,
        "",
        head,
        "|---|---|---|---|",
    ]
    for point in result.table:
        alone = result.identification_alone
        lines.append(_row(point.labels, alone, point.identification, point.identification_gain))
    return "\n".join(lines) + "\n"


def _row(labels: int, alone: Interval, together: Interval, gain: Interval) -> str:
    """Write what one task came to at one number of labels."""
    mean, low, high = (100 * value for value in gain)
    difference = f"{mean:+.2f} [{low:+.2f}, {high:+.2f}]"
    return f"| {count(labels)} | {_cell(alone)} | {_cell(together)} | {difference} |"


def _cell(found: Interval) -> str:
    """Write a mean and its interval."""
    mean, low, high = found
    return f"{percent(mean)} [{100 * low:.2f}, {100 * high:.2f}]"
