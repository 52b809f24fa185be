"""The best single units in the page, as `evaluate --units` found them, beside their controls."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

from featlearn.config.base import Count
from featlearn.report.records import Share
from featlearn.report.tables import Table
from featlearn.report.words import names_only, percent, points
from featlearn.wording import caution, count, plural

_CONTROLS = ("random-weights", "statistics", "templates", "k-means", "majority", "run")
"""Kinds of methods that the best units must be better than."""

_FEW_GROUPS = 20
"""Of fewer groups an interval is too narrow as a rule."""

_NAMED = 3
"""Units that the first screen names, at most."""


class ScoreRecord(msgspec.Struct, frozen=True):
    """How well one class is told from all others, as far as the page shows it."""

    positive: str
    accuracy: Share
    interval: tuple[float, float]
    auc: Share | None = None
    selectivity: float | None = None
    stage: str | None = None
    unit: str | None = None


class MethodRecord(msgspec.Struct, frozen=True):
    """One way to tell classes apart, averaged over the classes."""

    kind: str
    name: str
    candidates: int | None
    accuracy: Share
    interval: tuple[float, float]
    auc: Share | None
    behind: float | None
    behind_interval: tuple[float, float] | None
    scores: list[ScoreRecord]


class UnitTestRecord(msgspec.Struct, frozen=True):
    """`units.json` of a run, as far as the page shows it."""

    source: str
    split: str
    chosen_on: Count
    scored_on: Count
    thresholds: int
    positives: list[str]
    rows: list[MethodRecord]
    groups: int | None = None
    seen: int | None = None
    note: str | None = None

    def __post_init__(self) -> None:
        """The network comes first, and every row is of the same classes."""
        if not self.rows or self.rows[0].kind != "network":
            raise ValueError("`rows` does not begin with the network's best units")
        if any(len(row.scores) != len(self.positives) for row in self.rows):
            raise ValueError("`scores` are not of as many classes as `positives`")


@dataclass(frozen=True)
class BestUnitsView:
    """The best single units and their controls.

    Attributes:
        methods: A row for each method, averaged over classes.
        units: A row for each class: its best unit.
        links: For each row of `units` the key of the unit's stage, and its name.
        words: What was found, for the first screen.
        doubt: Which controls do as well, and of how few groups it all is, for the first screen;
            empty where there is nothing to doubt.
        note: How it was done.
    """

    methods: Table
    units: Table
    links: list[tuple[str, str]]
    words: str
    doubt: str
    note: str


def best_units_view(key: str, record: UnitTestRecord) -> BestUnitsView:
    """Arrange the best-unit test of a run; `key` is the run's."""
    best, images = record.rows[0], record.scored_on
    majority = next((row for row in record.rows if row.kind == "majority"), None)
    return BestUnitsView(
        methods=Table(
            "Best single units and controls",
            ["Method", "Chosen among", "Accuracy", "95 % interval", "AUC", "Best unit ahead by"],
            [_method(row, images) for row in record.rows],
        ),
        units=Table(
            "The best unit of each class",
            ["Class", "Unit", "Accuracy", "95 % interval", "AUC", "d′"],
            [_score(score, images) for score in best.scores],
        ),
        links=[(f"{key}-stage-{score.stage}", str(score.unit)) for score in best.scores],
        words=_words(best, majority, images),
        doubt=" ".join(filter(None, [_doubt(record.rows[1:]), _few(record)])),
        note=_note(record),
    )


def named_units(record: UnitTestRecord | None) -> dict[str, list[str]]:
    """List the best units by the names of their stages, so that galleries show them."""
    found: dict[str, list[str]] = {}
    for score in record.rows[0].scores if record is not None else []:
        if score.stage is not None and score.unit is not None:
            found.setdefault(score.stage, []).append(score.unit)
    return {stage: list(dict.fromkeys(units)) for stage, units in found.items()}


def _method(row: MethodRecord, images: int) -> list[str]:
    """Write a method's row."""
    ahead = "–"
    if row.behind is not None and row.behind_interval is not None:
        low, high = (points(end, of=images) for end in row.behind_interval)
        ahead = f"{points(row.behind, of=images)} points ({low} to {high})"
    return [
        _name(row),
        "–" if row.candidates is None else count(row.candidates),
        percent(row.accuracy, of=images),
        _interval(row.interval, images),
        _area(row.auc),
        ahead,
    ]


def _score(score: ScoreRecord, images: int) -> list[str]:
    """Write the row of a class."""
    return [
        score.positive,
        f"{score.stage} {score.unit}",
        percent(score.accuracy, of=images),
        _interval(score.interval, images),
        _area(score.auc),
        "–" if score.selectivity is None else f"{score.selectivity:.2f}",
    ]


def _words(best: MethodRecord, majority: MethodRecord | None, images: int) -> str:
    """Name the best units in a sentence."""
    guesses: Sequence[ScoreRecord | None] = (
        [None] * len(best.scores) if majority is None else majority.scores
    )
    told = [
        f"{score.positive} by {score.stage} {score.unit} with {percent(score.accuracy, of=images)}"
        + (f" (guessing {percent(guess.accuracy, of=images)})" if guess is not None else "")
        for score, guess in zip(best.scores, guesses, strict=True)
    ]
    more = f", and {_classes(len(told) - _NAMED)} more" if len(told) > _NAMED else ""
    return f"Single units tell {', '.join(told[:_NAMED])}{more}."


def _doubt(rows: Sequence[MethodRecord]) -> str:
    """Name the controls that the best units are not clearly ahead of."""
    names = [
        f"the run {_name(row)}" if row.kind == "run" else row.name
        for row in rows
        if row.kind in _CONTROLS and row.behind_interval is not None and row.behind_interval[0] <= 0
    ]
    return f"Single units are not clearly ahead of {', '.join(names)}." if names else ""


def _few(record: UnitTestRecord) -> str:
    """Say of how few groups the figures are; nothing where there are enough, or none."""
    if not record.groups or record.groups >= _FEW_GROUPS:
        return ""
    of = plural(record.groups, "group")
    return f"Single units were scored on only {of} of images: their intervals are rough."


def _note(record: UnitTestRecord) -> str:
    """Say how it was done."""
    source = names_only(record.source, record.source)
    where = f"the test split of {source}" if record.split == "test" else Path(source).name
    groups = ""
    if record.groups:
        groups = f", drawn by {count(record.groups)} groups that belong together"
    others = f"{count(record.scored_on)} others of {where}"
    chosen = plural(record.chosen_on, "image")
    tried = f"Unit, sign and threshold (of {record.thresholds})"
    means = f"Accuracies are averaged over {_classes(len(record.positives))}, each against the rest"
    sentences = [
        f"{tried} were chosen on {chosen}, and scored on {others}",
        f"{means}; intervals are bootstrapped{groups}",
        "d′ is how far a class's mean answer is from that of others, in standard deviations",
        "Probes and pixels may use everything at once, and are no single unit",
    ]
    coarse = caution(record.scored_on)
    if coarse is not None:
        sentences.append(f"Figures are of {coarse}")
    if record.groups and record.groups < _FEW_GROUPS:
        sentences.append(f"So few groups, {record.groups}, make rough intervals")
    if any(low == high for low, high in _intervals(record.rows)):
        sentences.append(
            "An interval has no width where all images are told alike, as at 100\u00a0%: that is "
            "no proof that others would be"
        )
    if record.seen:
        sentences.append(f"{plural(record.seen, 'image')} of these were also learned from")
    text = ". ".join(sentences) + "."
    return f"{text} {record.note}" if record.note else text


def _name(row: MethodRecord) -> str:
    """Name a method; a run by its folder."""
    return names_only(row.name) if "/" in row.name else row.name


def _intervals(rows: Sequence[MethodRecord]) -> list[tuple[float, float]]:
    """List the intervals of accuracies, those of a constant guess left out."""
    own = [row for row in rows if row.kind != "majority"]
    return [row.interval for row in own] + [score.interval for row in own for score in row.scores]


def _classes(number: int) -> str:
    """Write how many classes there are."""
    return "1 class" if number == 1 else f"{count(number)} classes"


def _interval(ends: tuple[float, float], images: int) -> str:
    """Write an interval."""
    low, high = (percent(end, of=images) for end in ends)
    return f"{low.removesuffix(chr(0xA0) + '%')}–{high}"


def _area(auc: float | None) -> str:
    """Write an area under the curve."""
    return "–" if auc is None else f"{auc:.3f}"
