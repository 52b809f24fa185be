"""`featlearn study digits-av`."""

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from featlearn_cli.options import ByRecipe

if TYPE_CHECKING:
    from rich.console import RenderableType

    from featlearn.studies.digits_av.results import DigitsAVResult


def run_digits_av(out: Path, options: ByRecipe, *, draws: int | None, seeds: int | None) -> None:
    """Rerun the study of digits seen and heard in `out`, and print its tables."""
    from featlearn.studies.digits_av.study import DRAWS, SEEDS, digits_av

    result = digits_av(
        out,
        seed=options.seed or 0,
        overrides=options.sets,
        draws=draws or DRAWS,
        seeds=seeds or SEEDS,
        **options.working(),
    )
    options.show(result, _summary)
    options.next_step(f"look at {out / 'README.md'} and {out / 'figures'}")


def _summary(result: "DigitsAVResult") -> "Iterable[RenderableType]":
    from featlearn.wording import duration, percent
    from featlearn_cli.text import facts, table

    rows = [
        (point.pairs, point.draws, each.name, percent(each.seen.mean), percent(each.heard.mean))
        for point in result.curve
        for each in point.methods
    ]
    yield "accuracy of a classifier that learned from the other modality"
    yield table(["pairs", "draws", "method", "images", "recordings"], rows)
    noisy = [
        (net.name, way, percent(error.mean))
        for net in result.noisy
        for way, error in net.error.items()
    ]
    yield ""
    yield "error on noisy pairs"
    yield table(["net", "there", "error"], noisy)
    against = [
        (head, way, each.against, "—" if each.more is None else f"{100 * each.more:+.1f} %")
        for head, fused in result.fused.items()
        for way, each in {"both": fused, **result.missing[head]}.items()
    ]
    yield ""
    yield "errors beside those of nets of one modality"
    yield table(["head", "there", "against", "errs more by"], against)
    if result.unheard:
        unheard = [
            (each.name, percent(each.seen.mean), percent(each.heard.mean))
            for each in result.unheard
        ]
        yield ""
        yield "accuracy with a speaker who was never heard, mean over the speakers"
        yield table(["method", "images", "recordings"], unheard)
    yield facts([("figure", result.figure), ("time", duration(result.seconds))])
