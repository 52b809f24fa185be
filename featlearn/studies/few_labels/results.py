"""What the study of few labels came to, and how it is told."""

from collections.abc import Iterator, Sequence

import msgspec

from featlearn.networks.formats import FORMAT
from featlearn.studies.few_labels.progress import Spent
from featlearn.wording import METHODS, count, duration, percent, plural
from featlearn.workflows.sweep_results import Gain, SweepPoint, SweepResult
from featlearn.workflows.trial import PRETRAINED, SCRATCH


class FewLabelsRow(msgspec.Struct, frozen=True, kw_only=True):
    """One set at one number of labels.

    Attributes:
        labels: The number.
        error: Mean share of the test images named wrong, in [0, 1], `pretrained` and from
            `scratch`.
        interval: 95 % interval of each of these means (Student).
        gain: What the network from scratch errs more on the same draws.
        above: Whether the interval of the gain is above zero.
    """

    labels: int
    error: dict[str, float]
    interval: dict[str, tuple[float, float]]
    gain: Gain
    above: bool


class FewLabelsSet(msgspec.Struct, frozen=True, kw_only=True):
    """One set.

    Attributes:
        name: What it is called.
        recipe: What was trained on it.
        run: The run, whose sweep `sweep` has all draws.
        sweep: Name of the sweep.
        images: Images that it learned from without labels.
        test: Test images, the same for every draw.
        majority: Share of the largest class among them.
        pretrain_seconds: Time to pre-train.
        spent: What the trials cost; `None` where that was not kept.
        rows: A row for each number of labels.
    """

    name: str
    recipe: str
    run: str
    sweep: str
    images: int
    test: int
    majority: float
    pretrain_seconds: float
    spent: Spent | None
    rows: list[FewLabelsRow]

    @property
    def above(self) -> list[int]:
        """The numbers of labels at which the interval of the gain is above zero."""
        return [row.labels for row in self.rows if row.above]


class FewLabelsResult(msgspec.Struct, frozen=True, kw_only=True):
    """What the study came to, as `results.json` holds it.

    Attributes:
        out: The folder.
        seed: Of pre-training and of the first draw's weights; draws count on from it.
        draws: Draws at each number of labels.
        changes: Changes of the recipes, as `key=value` texts.
        sets: The sets.
        figures: The picture, in two kinds.
    """

    format: int = FORMAT
    command: str = "study few-labels"
    out: str
    seed: int
    draws: int
    changes: list[str]
    sets: list[FewLabelsSet]
    figures: list[str]


def row_of(point: SweepPoint) -> FewLabelsRow:
    """Take from a sweep's row what the study tells."""
    assert point.labels != "all", "the study has numbers of labels"
    gain = point.gain[SCRATCH]
    return FewLabelsRow(
        labels=point.labels,
        error=point.mean,
        interval=point.interval,
        gain=gain,
        above=gain.interval[0] > 0,
    )


def errors_of(result: SweepResult) -> dict[str, list[list[float]]]:
    """Give the errors of a sweep for a picture: by method, number of labels and draw."""
    return {
        arm: [[draw.error[arm] for draw in point.draws] for point in result.table]
        for arm in (PRETRAINED, SCRATCH)
    }


def verdict(found: FewLabelsSet) -> str:
    """Say at which numbers of labels the interval of the gain is above zero."""
    others = [row.labels for row in found.rows if not row.above]
    if not others:
        return "the gain is above zero at every number of labels"
    if not found.above:
        return "the gain is above zero at no number of labels"
    return f"the gain is above zero at {_listed(found.above)} labels, not at {_listed(others)}"


def cost_cells(found: FewLabelsSet) -> list[str]:
    """Write what a set cost: to pre-train, for the trials, and on what."""
    spent = found.spent
    trials = ["not kept", ""]
    if spent is not None:
        trials = [duration(spent.seconds), f"{spent.machine}, {plural(spent.threads, 'thread')}"]
    return [duration(found.pretrain_seconds), *trials]


_SET_HEADS = ("set", "recipe", "images", "test images", "error of the largest class")


def markdown(result: FewLabelsResult) -> str:
    """Tell the study in Markdown."""
    own, control = METHODS[PRETRAINED], METHODS[SCRATCH]
    told = (
        f"Each recipe learned once without labels, and was then fine-tuned on {result.draws} draws "
        "of each number of labels; so was the same network from random weights, on the same draws. "
        f"Mean test error in %, with Student's 95 % interval over draws. The gain is what the "
        f"network {control} errs more, in points, with the paired interval. Seed {result.seed}."
    )
    changed = f"The recipes were changed: {', '.join(f'`{c}`' for c in result.changes)}."
    lines = ["# What pre-training is worth with few labels", "", told, ""]
    lines += [changed, ""] if result.changes else []
    heads = ["set", "labels", own, "95 %", control, "95 %", "gain", "95 %", "above zero"]
    lines += _table(heads, (cells for found in result.sets for cells in _rows(found)))
    lines += ["", *(f"- {found.name}: {verdict(found)}." for found in result.sets), ""]
    lines += _table(
        [*_SET_HEADS, "to pre-train", "to fine-tune and judge", "on"],
        ([*_set_cells(found), *cost_cells(found)] for found in result.sets),
    )
    hours = f"In all {duration(seconds_of(result))}, pre-training and trials."
    picture = "![Test errors over the number of labels, and gains below](few-labels.png)"
    return "\n".join([*lines, "", hours, "", picture, ""])


def seconds_of(result: FewLabelsResult) -> float:
    """Add up the time of all sets, as far as it was kept."""
    return sum(
        found.pretrain_seconds + (0.0 if found.spent is None else found.spent.seconds)
        for found in result.sets
    )


def _rows(found: FewLabelsSet) -> Iterator[list[str]]:
    """Write the rows of a set."""
    for row in found.rows:
        low, high = row.gain.interval
        errors = (
            cell
            for arm in (PRETRAINED, SCRATCH)
            for cell in (f"{100 * row.error[arm]:.2f}", _range(row.interval[arm], "{:.2f}"))
        )
        gain = [f"{100 * row.gain.mean:+.2f}", _range((low, high), "{:+.2f}")]
        yield [found.name, count(row.labels), *errors, *gain, "yes" if row.above else "no"]


def _set_cells(found: FewLabelsSet) -> list[str]:
    """Say what a set is, and what names for nothing would err."""
    return [
        found.name,
        f"`{found.recipe}`",
        count(found.images),
        count(found.test),
        percent(1 - found.majority),
    ]


def _range(interval: tuple[float, float], form: str) -> str:
    low, high = (form.format(100 * end) for end in interval)
    return f"{low} to {high}"


def _listed(numbers: Sequence[int]) -> str:
    """Write numbers as a sentence has them: `100, 300 and 1 000`."""
    *first, last = map(count, numbers)
    return f"{', '.join(first)} and {last}" if first else last


def _table(heads: Sequence[str], rows: Iterator[Sequence[str]]) -> list[str]:
    """Write a table."""
    lines = [f"| {' | '.join(heads)} |", f"|{'---|' * len(heads)}"]
    return [*lines, *(f"| {' | '.join(cells)} |" for cells in rows)]
