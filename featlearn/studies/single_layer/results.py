"""What the study of single layers came to, and how it is told."""

from collections.abc import Iterable, Sequence

import msgspec

from featlearn.networks.formats import FORMAT
from featlearn.studies.single_layer.plan import METHODS, Cell
from featlearn.wording import count, duration, percent

PUBLISHED = {
    ("triangle", 1600): 77.9,
    ("triangle", 4000): 79.6,
    ("hard", 1600): 68.6,
    ("sparse", 1600): 73.4,
}
"""Accuracy in % of Coates, Lee & Ng (2011), on lossless images: 6x6, stride 1, whitened."""

HEADS = ("features by", "number", "patch", "stride", "whitened", "accuracy", "95 %", "published")
"""Heads of the table."""


class CellResult(msgspec.Struct, frozen=True, kw_only=True):
    """What a cell came to.

    Attributes:
        cell: The way features are learned and applied.
        accuracy: Share of the test images named right, in [0, 1].
        interval: Its 95 % interval (Wilson): what other test images could say, not other seeds.
        strength: Weight of errors that was chosen, on a fifth of the training images.
        chosen: Accuracy there.
        learn_seconds: Time to learn the features; cells that differ in code or stride share it.
        encode_seconds: Time to code all images.
        fit_seconds: Time to choose and fit the classifier.
    """

    cell: Cell
    accuracy: float
    interval: tuple[float, float]
    strength: float
    chosen: float
    learn_seconds: float
    encode_seconds: float
    fit_seconds: float

    @property
    def seconds(self) -> float:
        """All of its time."""
        return self.learn_seconds + self.encode_seconds + self.fit_seconds


class SingleLayerResult(msgspec.Struct, frozen=True, kw_only=True):
    """What the study came to, as `results.json` holds it.

    Attributes:
        out: The folder.
        source: The data set.
        seed: Of all that is drawn.
        images: Training images.
        validation: How many of them choose the weight of errors, before all are fitted.
        test: Test images.
        guess: Share of the largest class among these.
        machine: What it was computed on.
        threads: Of the computation.
        cells: What each way came to.
        figures: The picture, in two kinds.
    """

    format: int = FORMAT
    command: str = "study single-layer"
    out: str
    source: str
    seed: int
    images: int
    validation: int
    test: int
    guess: float
    machine: str
    threads: int
    cells: list[CellResult]
    figures: list[str]


def row(found: CellResult) -> list[str]:
    """Write a cell's row, for the table."""
    cell = found.cell
    low, high = found.interval
    published = None
    if (cell.patch, cell.stride, cell.whitening) == (6, 1, True):
        published = PUBLISHED.get((cell.method, cell.features))
    return [
        METHODS[cell.method],
        count(cell.features),
        f"{cell.patch}x{cell.patch}",
        str(cell.stride),
        "yes" if cell.whitening else "no",
        percent(found.accuracy),
        f"{100 * low:.1f} to {100 * high:.1f}",
        "" if published is None else f"{published:.1f} %",
    ]


def markdown(result: SingleLayerResult) -> str:
    """Tell the study in Markdown."""
    told = (
        f"Features of {result.source} are learned from patches without labels, applied at every "
        "position, and summed over the quadrants of an image; a linear support vector machine "
        f"learns from {count(result.images)} labelled images and names {count(result.test)} test "
        f"images. The weight of its errors is chosen on {count(result.validation)} of the training "
        "images, before all of them are fitted. Published figures are those of Coates, Lee & Ng "
        f"(AISTATS 2011), on lossless images. Guessing has {percent(result.guess)}. "
        f"Seed {result.seed}."
    )
    lines = ["# What a single layer of features is worth", "", told, ""]
    heads = [*HEADS, "to learn", "to code", "to classify"]
    lines += _table(heads, ([*row(found), *_times(found)] for found in result.cells))
    spent = sum(found.seconds for found in result.cells)
    where = f"{result.machine}, {count(result.threads)} threads"
    told = f"In all {duration(spent)} on {where}; what cells share is counted with each."
    return "\n".join([*lines, "", told, "", "![Accuracy by each factor](single-layer.png)", ""])


def _times(found: CellResult) -> list[str]:
    """Write what a cell cost."""
    times = (found.learn_seconds, found.encode_seconds, found.fit_seconds)
    return [duration(seconds) for seconds in times]


def _table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """Write a table."""
    lines = [f"| {' | '.join(heads)} |", f"|{'---|' * len(heads)}"]
    return [*lines, *(f"| {' | '.join(cells)} |" for cells in rows)]
