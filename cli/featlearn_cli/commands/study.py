"""`featlearn study`."""

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from featlearn_cli.options import ByRecipe, example, recipe_options
from featlearn_cli.params import PathParam

if TYPE_CHECKING:
    from rich.console import RenderableType

    from featlearn.studies.faces.help_results import HelpResult
    from featlearn.studies.faces.results import FaceUnitResult, Regime


def _face_unit(out: Path, options: ByRecipe) -> None:
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


def _faces_multitask(out: Path, options: ByRecipe) -> None:
    from featlearn.studies.faces.helped import faces_multitask

    result = faces_multitask(
        out,
        root=options.root,
        seed=options.seed or 0,
        overrides=options.sets,
        device=options.device,
        threads=options.threads,
        progress=options.progress(),
    )
    options.show(result, _help)
    options.next_step(f"look at {out / 'README.md'}")


STUDIES = {"face-unit": _face_unit, "faces-multitask": _faces_multitask}


@click.command(
    "study",
    epilog=example(
        "featlearn study face-unit --out faces",
        "featlearn study faces-multitask --out help --json",
    ),
)
@click.argument("name", type=click.Choice(list(STUDIES)), metavar="NAME")
@click.option(
    "--out",
    required=True,
    type=PathParam(path_type=Path, file_okay=False),
    help="Folder of runs, tables and pictures; what is trained there already is kept.",
)
@recipe_options("pretrain.epochs=2")
def command(name: str, out: Path, options: ByRecipe) -> None:
    """Rerun a comparison. NAME is face-unit or faces-multitask.

    face-unit trains a network on natural scenes, a few per cent of which hold a face,
    without any label; again without contrast normalisation, without pooling, and
    without faces. Then it asks which single unit tells faces best, on people and
    pictures never seen, beside the controls that could explain it away.

    faces-multitask learns to find faces from 10 to 300 labels, alone and together with naming
    people on the same stages, ten draws each, and judges both on people never seen.

    A study that was stopped goes on with the same command.
    """
    STUDIES[name](out, options)


def _help(result: "HelpResult") -> "Iterable[RenderableType]":
    from featlearn.studies.faces.help_results import markdown

    yield markdown(result)


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
