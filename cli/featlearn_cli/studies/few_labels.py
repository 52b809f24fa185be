"""What `study few-labels` does and prints; loaded late, as it needs torch and rich."""

from collections.abc import Iterable
from pathlib import Path

from rich.console import RenderableType

from featlearn.studies.few_labels.plan import DRAWS, SETS
from featlearn.studies.few_labels.results import (
    FewLabelsResult,
    FewLabelsRow,
    cost_cells,
    seconds_of,
    verdict,
)
from featlearn.studies.few_labels.study import few_labels
from featlearn.wording import METHODS, count, duration, percent
from featlearn_cli.options import ByRecipe
from featlearn_cli.text import facts, table


def run_few_labels(
    out: Path, options: ByRecipe, *, draws: int | None, only: tuple[str, ...]
) -> None:
    """Run the study in `out`, and show its table.

    Args:
        out: Its folder.
        options: How to compute and what to change.
        draws: Draws of each number of labels; the study's if absent.
        only: Recipes, of the study's; all if empty.
    """
    result = few_labels(
        out,
        recipes=[name for name in SETS if name in only] or tuple(SETS),
        draws=DRAWS if draws is None else draws,
        seed=options.seed or 0,
        overrides=options.sets,
        **options.working(),
    )
    options.show(result, _summary)
    options.next_step(f"look at {out / 'README.md'} and {out / 'few-labels.png'}")


def _summary(result: FewLabelsResult) -> Iterable[RenderableType]:
    """Write the table, what it says, and what it cost."""
    yield f"mean test errors over {result.draws} draws, with 95 % intervals; gains are paired"
    errors = [f"error, {METHODS[arm]}" for arm in result.sets[0].rows[0].error]
    heads = ["set", "labels", *errors, "gain, points", "above zero"]
    yield table(heads, [[s.name, *_cells(row)] for s in result.sets for row in s.rows])
    yield ""
    yield facts([(found.name, verdict(found)) for found in result.sets])
    yield ""
    costs = [[found.name, *cost_cells(found)] for found in result.sets]
    yield table(["set", "to pre-train", "to fine-tune and judge", "on"], costs)
    yield facts([("figure", result.figures[0]), ("time", duration(seconds_of(result)))])


def _cells(row: FewLabelsRow) -> list[object]:
    """Write a row."""
    errors = [
        f"{percent(mean)} [{100 * low:.2f}, {100 * high:.2f}]"
        for mean, (low, high) in ((row.error[arm], row.interval[arm]) for arm in row.error)
    ]
    low, high = row.gain.interval
    gain = f"{100 * row.gain.mean:+.2f} [{100 * low:+.2f}, {100 * high:+.2f}]"
    return [count(row.labels), *errors, gain, "yes" if row.above else "no"]
