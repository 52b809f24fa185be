"""Gabor functions in the page, as `evaluate --gabor` fitted them to the filters of stages."""

from dataclasses import dataclass
from typing import Annotated

import msgspec

from featlearn.evaluate.gabor import GOOD, GaborFit
from featlearn.evaluate.gabor_filters import StageGabors
from featlearn.report.embed import embed_chart
from featlearn.report.tables import Table
from featlearn.report.views import Chart, Fact
from featlearn.report.words import percent
from featlearn.visualize.gabor import gabor_plots_figure
from featlearn.visualize.style import svg_text
from featlearn.wording import count

CONTROLS = {"untrained": "random weights", "noise": "noise"}
"""What the controls are called."""


class GaborRecord(msgspec.Struct, frozen=True):
    """`gabor.json` of a run."""

    stages: Annotated[list[StageGabors], msgspec.Meta(min_length=1)]

    def __post_init__(self) -> None:
        """Every filter has a name and a fit, and every control is known."""
        for stage in self.stages:
            if not 0 < stage.filters == len(stage.fits) == len(stage.units):
                raise ValueError("`fits` and `units` are not of as many filters as `filters`")
            if any(control.kind not in CONTROLS for control in stage.controls):
                raise ValueError("`controls` are of a kind that is not known")


@dataclass(frozen=True)
class GaborView:
    """Gabor functions of a stage: facts, charts, and the numbers behind them."""

    stage: str
    facts: list[Fact]
    chart: Chart


def gabor_views(key: str, record: GaborRecord) -> list[GaborView]:
    """Arrange the fits of a run; `key` is the run's."""
    return [_view(f"{key}-gabor-{stage.stage}", stage) for stage in record.stages]


def _view(key: str, stage: StageGabors) -> GaborView:
    """Arrange the fits of a stage."""
    controls = {CONTROLS[control.kind]: control.r2 for control in stage.controls}
    figure = gabor_plots_figure(stage.fits, controls, title="")
    alt = f"Direction, frequency, fit and bandwidth of {stage.filters} filters of {stage.stage}"
    return GaborView(
        stage=stage.stage,
        facts=_facts(stage),
        chart=Chart(
            svg=embed_chart(svg_text(figure), key=key, alt=alt),
            note=(
                "For each filter, as it is seen in the image with whitening undone, the Gabor "
                "function nearest by least squares. Direction is that of its bars; frequency is "
                "where its spectrum is largest. Random weights are taken to the image the same "
                "way; noise shows how much nine numbers explain by chance."
            ),
            table=Table(
                f"Gabor functions of {stage.stage}",
                ["Filter", "R²", "Degrees", "Cycles/pixel", "Octaves", "Width", "Length"],
                [_row(*named) for named in zip(stage.units, stage.fits, strict=True)],
            ),
        ),
    )


def _facts(stage: StageGabors) -> list[Fact]:
    """Choose the figures that sum up a stage."""
    shares = ", ".join(f"{percent(c.share)} of {CONTROLS[c.kind]}" for c in stage.controls)
    among = f" of {count(stage.among)}, from all over" if stage.among > stage.filters else ""
    size = f"{stage.height}\u00a0×\u00a0{stage.width} pixels{among}"
    facts = [
        Fact(f"R² ≥ {GOOD}", percent(stage.share), f"of the filters; {shares}"),
        Fact("filters", count(stage.filters), size),
    ]
    if stage.median_r2 is not None:
        facts.append(Fact("median R²", f"{stage.median_r2:.2f}", "of all filters"))
    if stage.median_frequency is not None:
        facts.append(Fact("frequency", f"{stage.median_frequency:.3f}", "cycles a pixel, median"))
    if stage.median_bandwidth is not None:
        facts.append(Fact("bandwidth", f"{stage.median_bandwidth:.2f}", "octaves, median"))
    return facts


def _row(unit: str, fit: GaborFit | None) -> list[str]:
    """Write the numbers of a filter."""
    if fit is None:
        return [unit, *["–"] * 6]
    octaves = "–" if fit.bandwidth is None else f"{fit.bandwidth:.2f}"
    return [
        unit,
        f"{fit.r2:.2f}",
        f"{fit.orientation:.0f}",
        f"{fit.preferred:.3f}",
        octaves,
        f"{fit.width:.2f}",
        f"{fit.length:.2f}",
    ]
