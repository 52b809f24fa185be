"""`featlearn study`."""

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from featlearn_cli.options import ByRecipe, example, recipe_options
from featlearn_cli.params import PathParam

if TYPE_CHECKING:
    from rich.console import RenderableType

    from featlearn.studies.digits_av.results import DigitsAVResult
    from featlearn.studies.faces.results import FaceUnitResult, Regime


def _face_unit(out: Path, options: ByRecipe, draws: int | None) -> None:
    if draws is not None:
        raise click.UsageError("--draws is for digits-av; face-unit draws nothing")
    from featlearn.studies.faces.study import face_unit

    result = face_unit(
        out,
        root=options.root,
        seed=options.seed or 0,
        overrides=options.sets,
        device=options.device,
        threads=options.threads,
        progress=options.progress(),
    )
    options.show(result, _summary)
    options.next_step(f"look at {out / 'README.md'} and {out / 'figures'}")


def _digits_av(out: Path, options: ByRecipe, draws: int | None) -> None:
    from featlearn.studies.digits_av.study import DRAWS, digits_av

    result = digits_av(
        out,
        root=options.root,
        seed=options.seed or 0,
        overrides=options.sets,
        draws=draws or DRAWS,
        device=options.device,
        threads=options.threads,
        progress=options.progress(),
    )
    options.show(result, _pairs_summary)
    options.next_step(f"look at {out / 'README.md'} and {out / 'figures'}")


STUDIES = {"digits-av": _digits_av, "face-unit": _face_unit}


@click.command("study", epilog=example("featlearn study face-unit --out faces"))
@click.argument("name", type=click.Choice(list(STUDIES)), metavar="NAME")
@click.option(
    "--out",
    required=True,
    type=PathParam(path_type=Path, file_okay=False),
    help="Folder of runs, tables and pictures; what is trained there already is kept.",
)
@click.option(
    "--draws",
    type=click.IntRange(min=1, max=1000),
    metavar="N",
    help="In digits-av, draws of every number of pairs. [default: 10]",
)
@recipe_options("pretrain.epochs=2")
def command(name: str, out: Path, draws: int | None, options: ByRecipe) -> None:
    """Rerun a published comparison. NAME is face-unit or digits-av.

    face-unit trains a network on natural scenes, a few per cent of which hold a face,
    without any label; again without contrast normalisation, without pooling, and
    without faces. Then it asks which single unit tells faces best, on people and
    pictures never seen, beside the controls that could explain it away.

    digits-av learns one code for written and for spoken digits, from few pairs of the two and
    from many; then a classifier that learned from sound names images, beside canonical
    correlations, linear maps and small nets. Noisy pairs tell what fusion is worth, and what
    it costs if one modality is missing.

    A study that was stopped goes on with the same command.
    """
    STUDIES[name](out, options, draws)


def _pairs_summary(result: "DigitsAVResult") -> "Iterable[RenderableType]":
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
    yield facts([("figure", result.figure), ("time", duration(result.seconds))])


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
    from featlearn_cli.text import table

    yield f"{REGIMES[regime.name]}; {regime.scenes:,} scenes, {regime.faces:,} with a face"
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
