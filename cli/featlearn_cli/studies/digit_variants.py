"""What `study digit-variants` does and prints; loaded late, as it needs torch and rich."""

from collections.abc import Iterable
from pathlib import Path

from rich.console import RenderableType

from featlearn.datasets.known_digits import VARIANTS
from featlearn.studies.digit_variants.plan import WORDS
from featlearn.studies.digit_variants.results import (
    HEADS,
    DigitVariantsResult,
    cells,
    verdict,
)
from featlearn.studies.digit_variants.study import digit_variants
from featlearn.wording import count, duration
from featlearn_cli.options import ByRecipe
from featlearn_cli.text import facts, table


def run_digit_variants(
    out: Path, options: ByRecipe, *, only: tuple[str, ...], images: int | None
) -> None:
    """Run the study in `out`, and show its table.

    Args:
        out: Its folder.
        options: How to compute and what to change.
        only: Sets, of the study's; all if empty.
        images: Digits to learn from; all if absent.
    """
    result = digit_variants(
        out,
        variants=[name for name in VARIANTS if name in only] or tuple(VARIANTS),
        images=images,
        seed=options.seed or 0,
        overrides=options.sets,
        **options.working(),
    )
    options.show(result, _summary)
    options.next_step(f"look at {out / 'README.md'} and {out / 'digit-variants.png'}")


def _summary(result: DigitVariantsResult) -> Iterable[RenderableType]:
    """Write the table, what it says, and what it cost."""
    first = result.sets[0]
    yield f"{count(first.learned)} digits to learn from, {count(first.judged)} to name; errors in %"
    yield table(HEADS, [list[object](row) for found in result.sets for row in cells(found)])
    yield ""
    spent = sum(row.fit_seconds for found in result.sets for row in found.rows)
    yield facts(
        [
            *((WORDS[found.variant], verdict(found)) for found in result.sets),
            ("figure", result.figures[0]),
            ("time", duration(spent)),
        ]
    )
