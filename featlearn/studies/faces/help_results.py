"""What the study of detection helped by identification came to, and how it is told."""

import msgspec

from featlearn.evaluate.paired import Interval, mean_interval, paired_interval
from featlearn.networks.formats import FORMAT
from featlearn.wording import percent


class HelpTrial(msgspec.Struct, frozen=True, kw_only=True):
    """One network, as a line of `trials.jsonl` holds it.

    Attributes:
        labels: Labelled images that detection learned from.
        draw: Seed of their draw; it is added to the recipe's seed for the weights.
        together: Whether identification was learned with it.
        error: Of detection on the test scenes, in [0, 1].
        identification: Error of naming people on other portraits of them, where it was learned.
    """

    labels: int
    draw: int
    together: bool
    error: float
    identification: float | None = None


class HelpPoint(msgspec.Struct, frozen=True, kw_only=True):
    """What one number of detection labels came to.

    Attributes:
        labels: That number.
        alone: Mean error of detection learned alone, and its 95 % interval.
        together: The same where identification was learned with it.
        gain: Mean of `alone - together`, pair by pair, and its 95 % interval.
        identification: Mean error of identification.
    """

    labels: int
    alone: Interval
    together: Interval
    gain: Interval
    identification: float


class HelpResult(msgspec.Struct, frozen=True, kw_only=True):
    """What the study came to, as `results.json` holds it.

    Attributes:
        out: The folder.
        seconds: Time that everything took, this time.
        draws: Draws at each number of labels.
        test: Scenes that detection was judged on, once by each network.
        majority: Error of always saying that there is no face.
        table: A row for each number of labels.
        run: The pre-trained run that every network began from.
    """

    format: int = FORMAT
    out: str
    seconds: float
    draws: int
    test: int
    majority: float
    table: list[HelpPoint]
    run: str


def sum_up(labels: int, pairs: list[tuple[HelpTrial, HelpTrial]]) -> HelpPoint:
    """Sum up the draws at one number of labels."""
    alone = [pair[0].error for pair in pairs]
    together = [pair[1].error for pair in pairs]
    named = [pair[1].identification or 0.0 for pair in pairs]
    return HelpPoint(
        labels=labels,
        alone=mean_interval(alone),
        together=mean_interval(together),
        gain=paired_interval(alone, together),
        identification=sum(named) / len(named),
    )


def markdown(result: HelpResult) -> str:
    """Write the table."""
    of = f"{result.test:,} scenes with people and pictures never seen"
    naive = f'always "no face": {percent(result.majority)}'
    lines = [
        "# Finding faces, helped by naming them",
        "",
        f"Error of detection on {of} ({naive}); means over {result.draws} draws, 95 % intervals.",
        "",
        "| detection labels | alone | with identification | gain, points | identification errs |",
        "|---|---|---|---|---|",
    ]
    for point in result.table:
        cells = [_cell(found) for found in (point.alone, point.together)]
        mean, low, high = (100 * value for value in point.gain)
        cells += [f"{mean:+.2f} [{low:+.2f}, {high:+.2f}]", percent(point.identification)]
        lines.append(f"| {point.labels} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def _cell(found: Interval) -> str:
    """Write a mean and its interval."""
    mean, low, high = found
    return f"{percent(mean)} [{100 * low:.2f}, {100 * high:.2f}]"
