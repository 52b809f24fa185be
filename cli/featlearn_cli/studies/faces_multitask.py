"""`featlearn study faces-multitask`."""

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from featlearn_cli.options import ByRecipe

if TYPE_CHECKING:
    from rich.console import RenderableType

    from featlearn.studies.faces.help_results import HelpResult


def run_faces_multitask(out: Path, options: ByRecipe) -> None:
    """Rerun the study of detection helped by identification in `out`, and print its table."""
    from featlearn.studies.faces.helped import faces_multitask

    result = faces_multitask(
        out,
        seed=options.seed or 0,
        overrides=options.sets,
        **options.working(),
    )
    options.show(result, _summary)
    options.next_step(f"look at {out / 'README.md'}")


def _summary(result: "HelpResult") -> "Iterable[RenderableType]":
    from featlearn.studies.faces.help_results import markdown

    yield markdown(result)
