"""Curves of training, read from a run's `metrics.jsonl`."""

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullLocator

from featlearn.errors import DataError
from featlearn.files import BAD_JSON
from featlearn.visualize.style import INK, MUTED, SERIES, new_figure, styled

Metrics = Sequence[Mapping[str, Any]]
"""Lines of `metrics.jsonl`, each parsed."""


_INSIDE = 6
"""Up to so many curves are named inside their panel; more would lie under their names."""

_INSIDE_LOG = 3
"""Likewise on a logarithmic scale, on which curves do not leave the upper right free."""

_ADVICE = "delete that line, or the file, to go on"


class _Line(msgspec.Struct):
    """What every line says."""

    phase: str
    epoch: int
    step: int


class _Step(_Line):
    """A step that was logged."""

    loss: float
    terms: dict[str, float] = {}


class _EpochEnd(_Line):
    """The end of an epoch; null where nothing is held out."""

    held_out: dict[str, float] | None


class Series(NamedTuple):
    """One curve: a figure at steps."""

    steps: list[int]
    values: list[float]


class PhaseCurves(NamedTuple):
    """What was logged of one phase of training.

    Attributes:
        name: The phase: a stage's name, `joint` or `finetune`.
        epochs: How many epochs it had.
        training: Loss and terms at logged steps, of one batch each.
        held_out: Loss, terms and other figures on held-out images, at epochs' ends.
    """

    name: str
    epochs: int
    training: dict[str, Series]
    held_out: dict[str, Series]


def read_metrics(path: Path) -> list[dict[str, Any]]:
    """Read the lines of a metrics file; a last line that is cut off is left out.

    Raises:
        DataError: If another line is not JSON, or one is something else than figures.
    """
    lines: list[dict[str, Any]] = []
    texts = path.read_bytes().splitlines() if path.exists() else []
    for number, text in enumerate(texts, start=1):
        where = f"{path}, line {number},"
        try:
            line = json.loads(text)  # a loss may be NaN, which stricter readers refuse
        except BAD_JSON:
            if number == len(texts):
                break
            raise DataError(f"{where} is not JSON; {_ADVICE}") from None
        lines.append(_checked(line, where))
    return lines


def _checked(line: Any, where: str) -> dict[str, Any]:
    """Refuse what training does not log."""
    ended = isinstance(line, dict) and "held_out" in line
    try:
        msgspec.convert(line, _EpochEnd if ended else _Step)
    except msgspec.ValidationError as error:
        raise DataError(f"{where} holds no figures of training ({error}); {_ADVICE}") from None
    return line


def renamed(metrics: Metrics, titles: Mapping[str, str]) -> list[Mapping[str, Any]]:
    """Call phases as `titles` says, where it says anything."""
    return [{**line, "phase": titles.get(line["phase"], line["phase"])} for line in metrics]


def phases_of(metrics: Metrics) -> list[PhaseCurves]:
    """Sort logged lines into phases, in the order they began."""
    phases: dict[str, PhaseCurves] = {}
    for line in metrics:
        name = str(line["phase"])
        phase = phases.get(name, PhaseCurves(name, 0, {}, {}))
        phases[name] = phase._replace(epochs=max(phase.epochs, int(line["epoch"]) + 1))
        if "held_out" in line:
            _append(phase.held_out, line["step"], line["held_out"] or {})
        else:
            terms = line.get("terms", {})
            _append(phase.training, line["step"], {"loss": line["loss"], **terms})
    return list(phases.values())


def curves_figure(metrics: Metrics) -> Figure:
    """Draw the losses of every phase, a panel each, up to two in a row.

    Args:
        metrics: Lines of `metrics.jsonl`.

    Raises:
        DataError: If there are none.
    """
    phases = phases_of(metrics)
    if not phases:
        raise DataError("there are no metrics to draw; train for one step or more")
    columns = min(len(phases), 2)
    rows = -(-len(phases) // columns)
    with styled():
        figure = new_figure(4.4 * columns, 2.9 * rows)
        panels = figure.subplots(rows, columns, squeeze=False).ravel()
        for axes, phase in zip(panels, phases, strict=False):
            _draw(axes, phase)
        for axes in panels[len(phases) :]:
            axes.set_visible(False)
    return figure


def phase_figure(phase: PhaseCurves) -> Figure:
    """Draw the losses of one phase."""
    with styled():
        figure = new_figure(4.4, 2.9)
        _draw(figure.subplots(), phase)
    return figure


def lines_of(phase: PhaseCurves) -> dict[str, Series]:
    """Name the curves of a phase that are drawn: each term on training batches.

    Their sum stands first where there are several, and is named `loss`.
    """
    terms = {_words(name): series for name, series in phase.training.items() if name != "loss"}
    if len(terms) != 1 and "loss" in phase.training:
        terms = {"loss": phase.training["loss"], **terms}
    return terms


def _draw(axes: Axes, phase: PhaseCurves) -> None:
    """Draw one phase: each term on training batches, their sum on held-out images."""
    terms = lines_of(phase)
    for number, (name, series) in enumerate(terms.items()):
        turn, colour = divmod(number, len(SERIES))
        style = ("-", "--", ":")[turn % 3]
        axes.plot(*series, color=SERIES[colour], linestyle=style, label=name, alpha=0.9)
    held_out = phase.held_out.get("loss")
    if held_out is not None:
        axes.plot(*held_out, color=INK, marker="o", markersize=3.2, linewidth=1.1, label="held out")
    plural = "" if phase.epochs == 1 else "s"
    axes.set_title(phase.name)
    axes.set_title(
        f"{phase.epochs} epoch{plural}", loc="right", color=MUTED, fontsize=8.5, fontweight="normal"
    )
    axes.set_xlabel("step")
    axes.set_ylabel("loss per image")
    axes.xaxis.set_major_locator(MaxNLocator(5, integer=True))
    _scale(axes, [*terms.values(), *([held_out] if held_out is not None else [])])
    room = _INSIDE_LOG if axes.get_yscale() == "log" else _INSIDE
    if len(axes.lines) > room or axes.get_ylim()[0] < 0:  # where no loss falls to a floor of zero
        axes.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0), fontsize=7)
    elif axes.lines:
        axes.legend(loc="upper right")


def _scale(axes: Axes, drawn: Sequence[Series]) -> None:
    """Take a logarithmic axis where the values span more than a factor of thirty."""
    values = [v for series in drawn for v in series.values if math.isfinite(v)]
    if values and min(values) > 0 and max(values) / min(values) > 30:
        axes.set_yscale("log")
        axes.yaxis.set_major_locator(LogLocator(numticks=6))
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        axes.yaxis.set_minor_locator(NullLocator())
    elif values:
        low, high = np.min(values), np.max(values)
        margin = 0.05 * float(high - low)
        axes.set_ylim(
            float(low) - margin if low < 0 else 0.0, float(high) * 1.05 if high > 0 else None
        )


def _append(curves: dict[str, Series], step: int, figures: Mapping[str, float]) -> None:
    """Add figures of one step to their curves."""
    for name, value in figures.items():
        series = curves.setdefault(name, Series([], []))
        series.steps.append(int(step))
        series.values.append(float(value))


def _words(name: str) -> str:
    """Write a term's name as words."""
    return {"l1": "L1 penalty", "kl": "KL penalty"}.get(name, name.replace("_", " "))
