"""`featlearn study face-unit`."""

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from featlearn_cli.options import ByRecipe

if TYPE_CHECKING:
    from rich.console import RenderableType

    from featlearn.studies.faces.results import FaceUnitResult, Regime


def run_face_unit(out: Path, options: ByRecipe) -> None:
    """Rerun the study of the face unit in `out`, and print its table."""
    from featlearn.studies.faces.study import face_unit

    result = face_unit(
        out,
        seed=options.seed or 0,
        overrides=options.sets,
        **options.working(),
    )
    options.show(result, _summary)
    options.next_step(f"look at {out / 'README.md'} and {out / 'figures'}")


def _summary(result: "FaceUnitResult") -> "Iterable[RenderableType]":
    from featlearn.studies.faces.results import HEADLINE
    from featlearn.wording import duration
    from featlearn_cli.text import facts

    for regime in result.regimes:
        if regime.name == HEADLINE:
            yield from _table(regime, result.published)
    evidence = result.evidence
    yield facts(
        [
            ("best unit", evidence.unit),
            *((kept.kind, f"{kept.low:g} to {kept.high:g}") for kept in evidence.invariance),
            ("stimulus", f"above {evidence.stimulus.percentile:.2f} % of real answers"),
            ("time", duration(result.seconds)),
        ]
    )


def _table(regime: "Regime", published: dict[str, float]) -> "Iterable[RenderableType]":
    """Write the table of a regime."""
    from featlearn.studies.faces.results import REGIMES
    from featlearn.wording import count
    from featlearn_cli.text import table

    many = f"{count(regime.scenes)} scenes, {count(regime.faces)} with a face"
    yield f"{REGIMES[regime.name]}; {many}"
    yield table(
        ["method", "accuracy", "95 %", "ahead by", "95 %", "2012"],
        [
            [
                row.method,
                f"{100 * row.accuracy:.1f} %",
                f"{100 * row.low:.1f} to {100 * row.high:.1f}",
                f"{100 * row.behind:+.1f}",
                f"{100 * row.behind_low:+.1f} to {100 * row.behind_high:+.1f}",
                f"{100 * published[row.method]:.1f} %" if row.method in published else "",
            ]
            for row in regime.rows
        ],
    )
