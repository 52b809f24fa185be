"""The best-unit test of a run, as `evaluate --units` wrote it."""

import msgspec

from featlearn.config.base import Count
from featlearn.report.records import Share


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
