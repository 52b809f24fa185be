"""Several runs beside each other: figures of stages and heads, and their losses."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from featlearn.report.charts import phase_chart, split_by_stage
from featlearn.report.differences import differences
from featlearn.report.story import ORIENTED
from featlearn.report.tables import Table
from featlearn.report.views import Chart, RunView, StageView
from featlearn.report.words import percent
from featlearn.visualize.curves import Metrics, PhaseCurves, Series, phases_of


@dataclass(frozen=True)
class SideBySide:
    """What runs come to, side by side.

    Attributes:
        differences: A row for each key that is not the same for all, a column for each run.
        figures: A row for each figure of each stage and head, and of single units, likewise.
        charts: A chart for each phase that several runs have, a line for each of them.
        stages: Names of the stages that several runs have.
        note: How to read it.
    """

    differences: Table
    figures: Table
    charts: list[Chart]
    stages: list[str]
    note: str


def side_by_side(runs: Sequence[RunView], logged: Sequence[Metrics]) -> SideBySide:
    """Put runs side by side.

    Args:
        runs: The runs, in the order of the page.
        logged: The losses of each.
    """
    shared = _shared([[stage.name for stage in run.stages] for run in runs])
    rows = [row for name in _names(runs) for row in _stage_rows(name, runs)]
    rows += [*_unit_rows(runs), *_head_rows(runs)]
    return SideBySide(
        differences=differences(runs),
        figures=Table("Figures of each run", ["Figure", *(run.folder for run in runs)], rows),
        charts=_charts([run.folder for run in runs], logged),
        stages=shared,
        note=(
            "Explained variance and dead units are measured on each run's own sample; a loss "
            "can be compared only where objective and data are the same. The best unit's AUC is of "
            "that sample, too; single units that were tested have figures of other images, with "
            "95 % intervals, averaged over the classes of each run's own test."
        ),
    )


def _names(runs: Sequence[RunView]) -> list[str]:
    """List the names of all stages, each once."""
    return list(dict.fromkeys(stage.name for run in runs for stage in run.stages))


def _shared(names: Sequence[Sequence[str]]) -> list[str]:
    """List the names that stand in more than one list."""
    every = dict.fromkeys(name for own in names for name in own)
    return [name for name in every if sum(name in own for own in names) > 1]


def _stage_rows(name: str, runs: Sequence[RunView]) -> list[list[str]]:
    """Write the figures of the stages of one name."""
    own = [next((stage for stage in run.stages if stage.name == name), None) for run in runs]
    figures: dict[str, Callable[[StageView], str | None]] = {
        "units": lambda stage: _health(stage, "units"),
        "explained variance": lambda stage: _health(stage, "explained"),
        "sparsity": lambda stage: _health(stage, "sparsity"),
        "dead units": lambda stage: _health(stage, "dead"),
        "best unit, AUC": _best_unit,
        "tuned to an orientation": _tuned,
    }
    rows: list[list[str]] = []
    for figure, write in figures.items():
        cells = [None if stage is None else write(stage) for stage in own]
        if any(cell is not None for cell in cells):
            rows.append([f"{name}: {figure}", *(cell or "–" for cell in cells)])
    return rows


def _health(stage: StageView, name: str) -> str | None:
    """Find a figure of a stage's health."""
    return next((fact.value for fact in stage.health if fact.name == name), None)


def _best_unit(stage: StageView) -> str | None:
    """Write the score of the best unit shown, of the half that it was not chosen on."""
    columns = stage.gallery.columns
    pairs = zip(columns.get("chosen", []), columns.get("score", []), strict=True)
    known = [(chosen, score) for chosen, score in pairs if None not in (chosen, score)]
    return f"{max(known, key=lambda pair: pair[0])[1]:.3f}" if known else None


def _tuned(stage: StageView) -> str | None:
    """Write the share of the units shown that are tuned to an orientation."""
    strengths = [value for value in stage.gallery.columns["strength"] if value is not None]
    oriented = sum(value >= ORIENTED for value in strengths)
    return percent(oriented / len(strengths)) if strengths else None


def _head_rows(runs: Sequence[RunView]) -> list[list[str]]:
    """Write the test errors of heads of the same name."""
    names = dict.fromkeys(head.name for run in runs for head in run.heads)
    rows: list[list[str]] = []
    for name in names:
        own = [next((head for head in run.heads if head.name == name), None) for run in runs]
        cells = ["–" if head is None else f"{head.error} {_in(head.interval)}" for head in own]
        rows.append([f"head {name}: test error", *(cell.strip() for cell in cells)])
    return rows


def _unit_rows(runs: Sequence[RunView]) -> list[list[str]]:
    """Write how well single units, and what they are compared with, tell classes."""
    own = [{} if run.best is None else run.best.accuracies for run in runs]
    names = dict.fromkeys(name for found in own for name in found)
    return [
        [f"single units tested, {name}: accuracy", *(found.get(name, "–") for found in own)]
        for name in names
    ]


def _in(interval: str) -> str:
    """Put an interval into parentheses, where there is one."""
    return f"({interval})" if interval else ""


def _charts(folders: Sequence[str], logged: Sequence[Metrics]) -> list[Chart]:
    """Draw the losses of the phases that several runs have: held out where all have that."""
    phases = [{phase.name: phase for phase in phases_of(split_by_stage(lines))} for lines in logged]
    charts: list[Chart] = []
    for number, name in enumerate(_shared([list(own) for own in phases])):
        found = {folder: own[name] for folder, own in zip(folders, phases, strict=True)
                 if name in own}  # fmt: skip
        lines, words = _losses(found)
        together = PhaseCurves(name, max(p.epochs for p in found.values()), lines, {})
        if lines:
            charts.append(phase_chart(f"together-{number}", together, words=words))
    return charts


def _losses(found: Mapping[str, PhaseCurves]) -> tuple[dict[str, Series], str]:
    """Choose the losses of a phase that can be compared, and say which they are."""
    if all("loss" in phase.held_out for phase in found.values()):
        held_out = {folder: phase.held_out["loss"] for folder, phase in found.items()}
        return held_out, "Loss on held-out images at the end of each epoch."
    training = {
        folder: phase.training["loss"]
        for folder, phase in found.items()
        if "loss" in phase.training
    }
    return training, "Loss of one batch of training, as it was logged."
