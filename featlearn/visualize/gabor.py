"""Filters beside the Gabor functions nearest to them, and what these are like."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.projections.polar import PolarAxes
from numpy.typing import NDArray

from featlearn.evaluate.gabor import GOOD, GaborFit, gabor_patterns
from featlearn.visualize.grid import Row, grid_figure
from featlearn.visualize.style import MUTED, SERIES, new_figure, styled
from featlearn.visualize.tiles import signed_tiles, spread

_COLUMNS = 12
_ROWS = 4
_RING = 0.1  # cycles a pixel between rings


def gabor_fits_figure(
    patterns: NDArray[np.floating], fits: Sequence[GaborFit | None], *, stage: str
) -> Figure:
    """Draw filters, from the best fitted to the worst, each above its Gabor function.

    Args:
        patterns: The filters, `(n, height, width)`, n >= 1.
        fits: Their Gabor functions; `None` for a filter that does not vary.
        stage: Name of the stage.
    """
    height, width = patterns.shape[1:]
    values = np.array([-np.inf if fit is None else fit.r2 for fit in fits])
    order = np.argsort(-values, kind="stable")
    chosen = order[spread(len(order), _COLUMNS * _ROWS)]
    drawn = gabor_patterns([fits[place] for place in chosen], height, width)
    rows: list[Row] = []
    for start in range(0, len(chosen), _COLUMNS):
        places = chosen[start : start + _COLUMNS]
        captions = ["flat" if (fit := fits[p]) is None else f"{fit.r2:.2f}" for p in places]
        poor = [fit is None or fit.r2 < GOOD for fit in (fits[p] for p in places)]
        part = drawn[start : start + _COLUMNS]
        rows.append(Row("filter", signed_tiles(patterns[places][:, np.newaxis])))
        rows.append(Row("Gabor", signed_tiles(part[:, np.newaxis]), captions, poor))
    shown = f"{len(chosen)} of {len(fits)} filters" if len(chosen) < len(fits) else "filters"
    return grid_figure(
        rows,
        title=f"{stage}: {shown} and the Gabor functions nearest to them",
        note=(
            "As seen in the image, whitening undone, from the best fitted to the worst. Numbers "
            f"are R²; those below {GOOD} stand out. Mid-grey is zero; each tile has its own scale."
        ),
        least=_COLUMNS,
    )


def gabor_plots_figure(
    fits: Sequence[GaborFit | None],
    controls: Mapping[str, Sequence[float | None]],
    *,
    title: str,
) -> Figure:
    """Draw where Gabor functions lie in orientation and frequency, and how well they fit.

    Args:
        fits: Those nearest to filters; `None` for a filter that does not vary.
        controls: R² of filters that learned nothing, by what they are called.
        title: What is seen; none if empty.
    """
    found = [fit for fit in fits if fit is not None]
    good = [fit for fit in found if fit.r2 >= GOOD]
    with styled():
        figure = new_figure(7.4, 5.4)
        if title:
            figure.suptitle(title, x=0.01, ha="left", fontsize=9.5, fontweight="bold")
        wave = figure.add_subplot(2, 2, 1, projection="polar")
        assert isinstance(wave, PolarAxes)
        _draw_waves(wave, found)
        _draw_fit(figure.add_subplot(2, 2, 2), found, controls)
        _draw_orientations(figure.add_subplot(2, 2, 3), good)
        _draw_bandwidths(figure.add_subplot(2, 2, 4), good)
    return figure


def _draw_waves(axes: PolarAxes, fits: Sequence[GaborFit]) -> None:
    """Draw each function as a point: its bars' direction, and its frequency outwards."""
    axes.set_thetamin(0)
    axes.set_thetamax(180)
    for kept, colour in ((False, MUTED), (True, SERIES[0])):
        some = [fit for fit in fits if (fit.r2 >= GOOD) == kept]
        axes.scatter(
            [np.deg2rad(fit.orientation) for fit in some],
            [fit.preferred for fit in some],
            s=12,
            color=colour,
            alpha=0.6,
            linewidths=0,
        )
    outermost = max([_RING, *(fit.preferred for fit in fits)])
    rings = np.arange(1, np.ceil(outermost / _RING) + 1) * _RING
    axes.set_ylim(0, rings[-1])
    axes.set_yticks(rings[1::2])
    axes.grid(visible=True)
    axes.set_title(f"direction and frequency (grey: R² < {GOOD})")
    axes.set_xlabel("cycles a pixel, outwards", labelpad=-8)


def _draw_fit(
    axes: Axes, fits: Sequence[GaborFit], controls: Mapping[str, Sequence[float | None]]
) -> None:
    """Draw how R² is spread, of filters and of controls, as shares of each."""
    edges = np.linspace(0, 1, 21)
    sets = {"filters": [fit.r2 for fit in fits]}
    sets |= {name: [v for v in values if v is not None] for name, values in controls.items()}
    for (name, values), colour in zip(sets.items(), SERIES, strict=False):
        counts = np.histogram(np.clip(values, 0, 1), edges)[0]
        share = 100 * counts / max(len(values), 1)
        axes.stairs(share, edges, color=colour, label=name, fill=name == "filters", alpha=0.8)
    axes.axvline(GOOD, color=MUTED, linestyle=":", linewidth=1.0)
    axes.set_title("how well they fit")
    axes.set_xlabel("R²")
    axes.set_ylabel("% of filters")
    axes.legend(loc="upper center")


def _draw_orientations(axes: Axes, fits: Sequence[GaborFit]) -> None:
    """Draw how often each direction of bars is found."""
    edges = np.linspace(0, 180, 13).tolist()
    axes.hist([fit.orientation for fit in fits], edges, color=SERIES[0], alpha=0.8)
    axes.set_xticks([0, 45, 90, 135, 180])
    axes.set_title("direction of the bars")
    axes.set_xlabel("degrees from horizontal")
    axes.set_ylabel(f"filters with R² ≥ {GOOD}")


def _draw_bandwidths(axes: Axes, fits: Sequence[GaborFit]) -> None:
    """Draw how wide the functions are in frequency."""
    edges = np.linspace(0, 4, 17).tolist()
    values = [fit.bandwidth for fit in fits if fit.bandwidth is not None]
    beyond = sum(value > 4 for value in values) + len(fits) - len(values)
    axes.hist(values, edges, color=SERIES[0], alpha=0.8)
    axes.set_title("bandwidth")
    axes.set_xlabel("octaves" + (f"; {beyond} wider or without a lower end" if beyond else ""))
    axes.set_ylabel(f"filters with R² ≥ {GOOD}")
