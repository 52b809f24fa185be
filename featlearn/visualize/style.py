"""One look for every figure: colours, type, and bytes that do not change from run to run."""

from collections.abc import Generator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import Any, cast

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from numpy.typing import NDArray

from featlearn.files import write_bytes
from featlearn.visualize.fonts import fallbacks, missing_said

PAPER = "#ffffff"
INK = "#1b2228"
MUTED = "#66707a"
RULE = "#d4d9de"
SERIES = ("#0a67a6", "#c8520a", "#14805e", "#9a4a8e", "#8a6d00")
"""Blue, orange, green, purple, ochre: told apart by every kind of colour vision
(after Okabe & Ito 2008, darkened until each has contrast 4.5 on white)."""

DPI = 200
"""Dots per inch of pictures: two for each point of a page at 100 per inch."""

_STYLE: dict[str, Any] = {
    "font.sans-serif": ["DejaVu Sans"],
    "font.size": 9.0,
    "axes.titlesize": 9.5,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.titlepad": 8.0,
    "axes.labelsize": 9.0,
    "axes.labelcolor": MUTED,
    "axes.edgecolor": RULE,
    "axes.linewidth": 0.8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.grid.axis": "y",
    "axes.axisbelow": True,
    "axes.facecolor": "none",
    "figure.facecolor": PAPER,
    "figure.dpi": 100,
    "grid.color": RULE,
    "grid.linewidth": 0.6,
    "text.color": INK,
    "xtick.color": RULE,
    "ytick.color": RULE,
    "xtick.labelcolor": MUTED,
    "ytick.labelcolor": MUTED,
    "xtick.labelsize": 8.5,
    "ytick.labelsize": 8.5,
    "xtick.major.size": 3.0,
    "ytick.major.size": 0.0,
    "lines.linewidth": 1.6,
    "lines.solid_capstyle": "round",
    "legend.frameon": False,
    "legend.fontsize": 8.5,
    "savefig.facecolor": "auto",
    "svg.fonttype": "none",
    "svg.hashsalt": "featlearn",
    "pdf.fonttype": 42,
    "path.simplify_threshold": 0.5,
}

_QUIET_SVG = {"Date": None, "Creator": None, "Format": None, "Type": None}
_QUIET_PDF = {"CreationDate": None, "Creator": None, "Producer": None}
"""Nothing of the day or the version goes into a file."""


@contextmanager
def styled() -> Generator[None]:
    """Draw in the house style inside, and leave matplotlib's settings as they were."""
    style = {**_STYLE, "font.family": ["sans-serif", *fallbacks()]}
    with mpl.rc_context(cast(Any, style)):
        yield


def new_figure(width: float, height: float) -> Figure:
    """Make an empty figure, in inches, that belongs to no global list."""
    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def bare(axes: Axes) -> None:
    """Take the frame, the ticks and the grid away, for a picture."""
    axes.grid(visible=False)
    axes.set_xticks([])
    axes.set_yticks([])
    for spine in axes.spines.values():
        spine.set_visible(False)


def png_bytes(figure: Figure, *, dpi: int = DPI) -> bytes:
    """Write a figure as PNG; the same figure gives the same bytes."""
    return _written(figure, format="png", dpi=dpi, metadata={"Software": None})


def svg_text(figure: Figure) -> str:
    """Write a figure as an `<svg>` element, without the XML head, with text as text."""
    text = _written(figure, format="svg", metadata=_QUIET_SVG, transparent=True).decode()
    return text[text.index("<svg") :].strip()


def save_figure(figure: Figure, path: Path) -> None:
    """Write a figure as a file, whole or not at all.

    Args:
        figure: What to write; the same figure gives the same bytes.
        path: The file; `.svg` and `.pdf` are drawn in lines, anything else is PNG.
    """
    match path.suffix.lower():
        case ".svg":
            data = _written(figure, format="svg", metadata=_QUIET_SVG)
        case ".pdf":
            data = _written(figure, format="pdf", metadata=_QUIET_PDF)
        case _:
            data = png_bytes(figure)
    write_bytes(path, data)


def figure_pixels(figure: Figure) -> NDArray[np.uint8]:
    """Draw a figure, and give it as `(height, width, 3)` bytes."""
    with styled(), missing_said():
        canvas = FigureCanvasAgg(figure)
        canvas.draw()
    return np.asarray(canvas.buffer_rgba())[..., :3].copy()


def _written(figure: Figure, **how: Any) -> bytes:
    """Write a figure to memory in the house style."""
    buffer = BytesIO()
    with styled(), missing_said(drawn=how["format"] != "svg"):
        figure.savefig(buffer, **how)
    return buffer.getvalue()
