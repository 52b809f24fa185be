"""What the study of MNIST's table came to, and how it is told."""

from collections.abc import Iterator

import msgspec

from featlearn.networks.formats import FORMAT
from featlearn.studies.mnist_table.published import Published
from featlearn.wording import count, duration
from featlearn.workflows.baseline_results import BaselineRow


class TableRow(msgspec.Struct, frozen=True, kw_only=True):
    """A row, published and measured.

    Attributes:
        method: What it is called.
        published: The published error, in [0, 1].
        error: Share of the 10 000 test images named wrong here.
        interval: Its 95 % interval (Wilson).
        met: Whether the error, rounded as the published one is, is no larger.
        by: What was fitted: a row of `baselines`, or a recipe.
        settings: With what, in words.
        cut: What its budget took away, in words.
        fit_seconds: Time to choose and fit; of a recipe, to pre-train and fine-tune.
        predict_seconds: Time to name the test images.
    """

    method: str
    published: float
    error: float
    interval: tuple[float, float]
    met: bool
    by: str
    settings: str
    cut: str | None
    fit_seconds: float
    predict_seconds: float

    @property
    def words(self) -> str:
        """What a figure calls it."""
        return self.method


class MnistTableResult(msgspec.Struct, frozen=True, kw_only=True):
    """What the study came to, as `results.json` holds it.

    Attributes:
        out: The folder.
        seed: Of every draw.
        machine: The processor.
        threads: Threads that were used.
        images: Test images.
        rows: The table.
        figures: The pictures.
    """

    format: int = FORMAT
    out: str
    seed: int
    machine: str
    threads: int
    images: int
    rows: list[TableRow]
    figures: list[str]


def baseline_row(published: Published, row: BaselineRow) -> TableRow:
    """Set a classical classifier beside what was published."""
    settings = ", ".join(f"{name} {value}" for name, value in row.settings.items())
    return TableRow(
        method=published.method,
        published=published.error / 100,
        error=row.error,
        interval=row.interval,
        met=met(row.error, published),
        by=f"baselines: {row.name}",
        settings=settings + ("" if row.choice is None else f" (of {row.choice.tried})"),
        cut=row.cut,
        fit_seconds=row.fit_seconds,
        predict_seconds=row.predict_seconds,
    )


def met(error: float, published: Published) -> bool:
    """Say whether an error in [0, 1], rounded as the published one is, is no larger."""
    return round(100 * error, 1) <= published.error


def markdown(result: MnistTableResult) -> str:
    """Tell the study in Markdown."""
    told = (
        f"{count(result.images)} test images, judged once; seed {result.seed}; {result.machine}, "
        f"threads: {result.threads}. Intervals are Wilson's, 95 %."
    )
    lines = [
        "# MNIST, ten ways",
        "",
        told,
        "",
        "| method | published, % | here, % | 95 % | to fit | to judge | by | cut to |",
        "|---|---|---|---|---|---|---|---|",
        *_lines(result.rows),
        "",
        "![Errors over the time to fit](table.png)",
        "",
    ]
    return "\n".join(lines)


def _lines(rows: list[TableRow]) -> Iterator[str]:
    """Write the rows; those that fall short are marked."""
    for row in rows:
        low, high = (f"{100 * end:.2f}" for end in row.interval)
        here = f"{100 * row.error:.2f}"
        cells = [
            row.method,
            f"{100 * row.published:.1f}",
            here if row.met else f"{here} (falls short)",
            f"{low} to {high}",
            duration(row.fit_seconds),
            duration(row.predict_seconds),
            f"{row.by}; {row.settings}" if row.settings else row.by,
            row.cut or "",
        ]
        yield f"| {' | '.join(cells)} |"
