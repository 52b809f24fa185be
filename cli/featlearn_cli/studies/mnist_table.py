"""What `study mnist-table` does and prints; loaded late, as it needs torch and rich."""

from collections.abc import Iterable
from pathlib import Path

from rich.console import RenderableType

from featlearn.errors import UsageError
from featlearn.studies.mnist_table.results import MnistTableResult, TableRow
from featlearn.studies.mnist_table.study import mnist_table
from featlearn.wording import count, duration, percent
from featlearn_cli.options import ByRecipe
from featlearn_cli.text import table


def run_mnist_table(out: Path, options: ByRecipe) -> None:
    """Run the study and show its table.

    Raises:
        UsageError: If there are changes of a recipe: the study is of several.
    """
    if options.sets:
        raise UsageError("mnist-table trains several recipes as they are; drop --set")
    result = mnist_table(
        out,
        seed=options.seed or 0,
        **options.working(),
    )
    options.show(result, _summary)
    options.next_step(f"look at {out / 'README.md'} and {out / 'table.png'}")


def _summary(result: MnistTableResult) -> Iterable[RenderableType]:
    """Write the table."""
    yield f"MNIST, {count(result.images)} test images; errors, with Wilson's 95 %"
    headers = ["", "published", "here", "95 %", "", "to fit", "to judge", "cut to"]
    yield table(headers, [_cells(row) for row in result.rows])


def _cells(row: TableRow) -> list[object]:
    """Write a row."""
    low, high = (percent(end) for end in row.interval)
    return [
        row.method,
        percent(row.published, places=1),
        percent(row.error),
        f"{low.removesuffix(' %')}–{high}",
        "" if row.met else "falls short",
        duration(row.fit_seconds),
        duration(row.predict_seconds),
        row.cut,
    ]
