"""What `study single-layer` does and prints; loaded late, as it needs torch and rich."""

from collections.abc import Iterable, Sequence
from pathlib import Path

from rich.console import RenderableType

from featlearn.errors import UsageError
from featlearn.studies.single_layer.plan import FACTORS, FEATURES
from featlearn.studies.single_layer.results import HEADS, SingleLayerResult, row
from featlearn.studies.single_layer.study import single_layer
from featlearn.wording import count, duration, percent
from featlearn_cli.options import ByRecipe
from featlearn_cli.text import facts, table


def run_single_layer(
    out: Path,
    options: ByRecipe,
    *,
    features: Sequence[int],
    vary: Sequence[str],
    images: int | None,
) -> None:
    """Run the study in `out`, and show its table.

    Args:
        out: Its folder.
        options: How to compute.
        features: Numbers of features; the study's if empty.
        vary: Factors; all if empty.
        images: Labelled images; all if absent.
    """
    if options.sets:
        raise UsageError("single-layer learns by no recipe that could be changed; drop --set")
    result = single_layer(
        out,
        features=features or FEATURES,
        vary=[name for name in FACTORS if name in vary] or FACTORS,
        images=images,
        seed=options.seed or 0,
        **options.working(),
    )
    options.show(result, _summary)
    options.next_step(f"look at {out / 'README.md'} and {out / 'single-layer.png'}")


def _summary(result: SingleLayerResult) -> Iterable[RenderableType]:
    """Write the table, and what it rests on."""
    yield f"{count(result.test)} test images of {result.source}; guessing has " + percent(
        result.guess
    )
    yield table(HEADS, [list[object](row(found)) for found in result.cells])
    yield ""
    spent = sum(found.seconds for found in result.cells)
    yield facts([("figure", result.figures[0]), ("time", duration(spent))])
