"""The best single units in the page, as `evaluate --units` found them, beside their controls."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from featlearn.report.tables import Table
from featlearn.report.unit_records import MethodRecord, ScoreRecord, UnitTestRecord
from featlearn.report.unit_words import (
    FEW_GROUPS,
    classes_words,
    doubt_words,
    found_words,
    furthest,
    guesses,
    method_name,
)
from featlearn.report.words import names_only, percent, points
from featlearn.wording import caution, count, plural

_EACH = 10
"""Best units of each stage that are shown beside those of the network, at most."""


@dataclass(frozen=True)
class BestUnitsView:
    """The best single units and their controls.

    Attributes:
        methods: A row for each method, averaged over classes.
        units: A row for each class: its best unit.
        accuracies: What each method comes to with its interval, by its name.
        links: For each row of `units` the key of the unit's stage, and its name.
        words: What was found, for the first screen.
        doubt: Which controls do as well, and of how few groups it all is, for the first screen;
            empty where there is nothing to doubt.
        note: How it was done.
    """

    methods: Table
    units: Table
    accuracies: dict[str, str]
    links: list[tuple[str, str]]
    words: str
    doubt: str
    note: str


def best_units_view(key: str, record: UnitTestRecord) -> BestUnitsView:
    """Arrange the best-unit test of a run; `key` is the run's."""
    best, images = record.rows[0], record.scored_on
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
        accuracies={
            method_name(row): _accuracy(row, images)
            for row in record.rows
            if row.kind not in {"stage", "run"}
        },
        links=[(f"{key}-stage-{score.stage}", str(score.unit)) for score in best.scores],
        words=found_words(record),
        doubt=doubt_words(record),
        note=_note(record),
    )


def named_units(record: UnitTestRecord | None) -> dict[str, list[str]]:
    """List the best units by the names of their stages, so that galleries show them.

    Those of the whole network come first, then of each stage those that are furthest ahead of
    guessing, ten at most; all in that order, which what takes long keeps to.
    """
    found: dict[str, list[str]] = {}
    if record is None:
        return found
    for row in record.rows:
        if row.kind not in {"network", "stage"}:
            continue
        scores = furthest(row.scores, guesses(record))
        for score in scores if row.kind == "network" else scores[:_EACH]:
            if score.stage is not None and score.unit is not None:
                found.setdefault(score.stage, []).append(score.unit)
    return {stage: list(dict.fromkeys(units)) for stage, units in found.items()}


def _method(row: MethodRecord, images: int) -> list[str]:
    """Write a method's row."""
    ahead = "–"
    if row.behind is not None and row.behind_interval is not None:
        low, high = (points(end, of=images) for end in row.behind_interval)
        ahead = f"{points(row.behind, of=images)} points ({low} to {high})"
        if row.kind == "stage" and row.behind_interval == (0, 0):
            ahead = "the same"
    return [
        method_name(row),
        "–" if row.candidates is None else count(row.candidates),
        percent(row.accuracy, of=images),
        _interval(row.interval, images),
        _area(row.auc),
        ahead,
    ]


def _accuracy(row: MethodRecord, images: int) -> str:
    """Write what a method comes to, and its interval."""
    return f"{percent(row.accuracy, of=images)} ({_interval(row.interval, images)})"


def _score(score: ScoreRecord, images: int) -> list[str]:
    """Write the row of a class."""
    return [
        score.positive,
        f"{score.stage} {score.unit}",
        percent(score.accuracy, of=images),
        _interval(score.interval, images),
        _area(score.auc),
        "–" if score.selectivity is None else f"{score.selectivity:.2f}".replace("-", "−"),
    ]


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
    classes = classes_words(len(record.positives))
    means = f"Accuracies are averaged over {classes}, each against the rest"
    sentences = [
        f"{tried} were chosen on {chosen}, and scored on {others}",
        f"{means}; intervals are bootstrapped{groups}",
        "d′ is how far a class's mean answer is from that of others, in standard deviations",
        "Probes and pixels may use everything at once, and are no single unit",
    ]
    coarse = caution(record.scored_on)
    if coarse is not None:
        sentences.append(f"Figures are of {coarse}")
    if record.groups and record.groups < FEW_GROUPS:
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


def _intervals(rows: Sequence[MethodRecord]) -> list[tuple[float, float]]:
    """List the intervals of accuracies, those of a constant guess left out."""
    own = [row for row in rows if row.kind != "majority"]
    return [row.interval for row in own] + [score.interval for row in own for score in row.scores]


def _interval(ends: tuple[float, float], images: int) -> str:
    """Write an interval."""
    low, high = (percent(end, of=images) for end in ends)
    return f"{low.removesuffix(chr(0xA0) + '%')}–{high}"


def _area(auc: float | None) -> str:
    """Write an area under the curve."""
    return "–" if auc is None else f"{auc:.3f}"
