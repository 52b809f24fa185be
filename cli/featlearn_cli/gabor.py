"""What `evaluate --gabor` prints; loaded late, as it needs rich."""

from collections.abc import Iterable

from rich.console import RenderableType

from featlearn.report.gabor import CONTROLS
from featlearn.workflows.gabor import GaborResult
from featlearn_cli.text import table


def gabor_table(result: GaborResult) -> Iterable[RenderableType]:
    """Set the filters of each stage beside those that learned nothing."""
    headers = ["stage", "filters", "pixels", "R2 >= 0.7", "median R2", "cycles/pixel", "octaves"]
    rows: list[list[object]] = []
    for stage in result.stages:
        rows.append(
            [
                stage.stage,
                stage.filters,
                f"{stage.height}x{stage.width}",
                f"{100 * stage.share:.1f} %",
                _number(stage.median_r2),
                _number(stage.median_frequency),
                _number(stage.median_bandwidth),
            ]
        )
        for control in stage.controls:
            share, median = f"{100 * control.share:.1f} %", _number(control.median_r2)
            name = f"  {CONTROLS[control.kind]}"
            rows.append([name, control.filters, None, share, median, None, None])
    yield "Gabor functions nearest to the filters, as they are seen in the image"
    yield ""
    yield table(headers, rows)
    yield ""
    yield "Frequency and bandwidth are medians of filters with R2 >= 0.7."
    for stage in result.stages:
        if stage.among > stage.filters:
            yield f"{stage.stage}: {stage.filters} of {stage.among} filters, from all over"
    for why in result.left_out.values():
        yield f"! {why}"


def _number(value: float | None) -> str | None:
    """Write a figure."""
    return None if value is None else f"{value:.3f}"
