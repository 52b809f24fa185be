"""Training curves in the page: a chart for each phase, its numbers behind it."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from featlearn.report.embed import embed_chart
from featlearn.report.tables import Table
from featlearn.report.views import Chart
from featlearn.visualize.curves import (
    Metrics,
    PhaseCurves,
    Series,
    lines_of,
    phase_figure,
    phases_of,
)
from featlearn.visualize.placing import place_of_axes
from featlearn.visualize.style import svg_text
from featlearn.visualize.tiles import spread
from featlearn.wording import count

_POINTS = 400
"""Points of a curve that the page holds, at most."""

_ROWS = 24
"""Rows of the table behind a chart, at most."""


def loss_charts(key: str, metrics: Metrics) -> list[Chart]:
    """Draw the losses: a chart for each phase, and for each stage of a joint one.

    Args:
        key: Begins the names of the charts, unique in the page.
        metrics: Lines of `metrics.jsonl`.
    """
    charts: list[Chart] = []
    for number, phase in enumerate(phases_of(split_by_stage(metrics))):
        if not phase.training and "loss" not in phase.held_out:
            continue
        charts.append(phase_chart(f"{key}-{number}", phase))
    return charts


def phase_chart(key: str, phase: PhaseCurves, *, words: str = "") -> Chart:
    """Draw one phase, and keep what its curves are worth.

    Args:
        key: Of the chart, unique in the page.
        phase: What was logged.
        words: How to read it.
    """
    figure = phase_figure(phase)
    svg = svg_text(figure)
    lines = lines_of(phase)
    if "loss" in phase.held_out:
        lines["held out"] = phase.held_out["loss"]
    thinned = {name: _thinned(series, _POINTS) for name, series in lines.items()}
    alt = f"Loss of {phase.name} over training steps: {', '.join(lines)}"
    return Chart(
        svg=embed_chart(svg, key=key, alt=alt),
        note=words,
        key=key,
        title=phase.name,
        curve={
            "place": place_of_axes(figure)._asdict(),
            "series": [
                {"name": name, "x": series.steps, "y": [_number(v) for v in series.values]}
                for name, series in thinned.items()
            ],
        },
        table=_table(phase.name, lines),
    )


def split_by_stage(metrics: Metrics) -> list[Mapping[str, Any]]:
    """Take the lines of a joint phase apart, stage by stage, by the names of their terms."""
    lines: list[Mapping[str, Any]] = []
    for line in metrics:
        held_out = "held_out" in line
        terms: Mapping[str, float] = (line["held_out"] if held_out else line.get("terms")) or {}
        stages = list(dict.fromkeys(name.split(".")[0] for name in terms if "." in name))
        if not stages:
            lines.append(line)
        lines += [_of_stage(line, stage, terms, held_out=held_out) for stage in stages]
    return lines


def _of_stage(
    line: Mapping[str, Any], stage: str, terms: Mapping[str, float], *, held_out: bool
) -> dict[str, Any]:
    """Keep the terms of one stage of a line; its loss is their sum."""
    begin = f"{stage}."
    own = {name.removeprefix(begin): v for name, v in terms.items() if name.startswith(begin)}
    loss = sum(own.values())
    kept = {"phase": f"{line['phase']}: {stage}", "epoch": line["epoch"], "step": line["step"]}
    if held_out:
        return {**kept, "held_out": {"loss": loss}}
    return {**kept, "loss": loss, "terms": own}


def _thinned(series: Series, most: int) -> Series:
    """Leave points out, evenly, where there are more than `most`."""
    places = spread(len(series.steps), most)
    return Series([series.steps[p] for p in places], [series.values[p] for p in places])


def _table(name: str, lines: Mapping[str, Series]) -> Table:
    """Write curves as a table, a row for a step."""
    steps = sorted({step for series in lines.values() for step in series.steps})
    shown = [steps[place] for place in spread(len(steps), _ROWS)]
    values = {key: dict(zip(*series, strict=True)) for key, series in lines.items()}
    rows = [
        [count(step), *(_figure(series.get(step)) for series in values.values())] for step in shown
    ]
    left_out = f", {len(shown)} of {count(len(steps))} logged steps" * (len(shown) < len(steps))
    return Table(f"Loss of {name} per image{left_out}", ["Step", *values], rows)


def _number(value: float) -> float | None:
    """Write a number for JSON."""
    return float(f"{value:.4g}") if math.isfinite(value) else None


def _figure(value: float | None) -> str:
    """Write a number for a table."""
    return "–" if value is None else f"{value:.4g}".replace("-", "−")


def as_data(charts: Sequence[Chart]) -> dict[str, Any]:
    """Collect what curves are worth, by chart."""
    return {chart.key: chart.curve for chart in charts if chart.curve is not None}
