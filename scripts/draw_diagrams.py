#!/usr/bin/env python3
"""Draw the diagrams of docs/concepts.md into docs/pictures/, as PNG files.

They need no training and no data but a photograph that comes with scikit-learn; some
seconds. `scripts/draw_learned.py` draws the pictures that need training.
"""

import argparse
from collections.abc import Callable, Sequence
from io import BytesIO
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch, Rectangle
from numpy.typing import NDArray
from PIL import Image
from sklearn.datasets import load_sample_image
from torch import Tensor

from featlearn.ops.activations import activate
from featlearn.ops.lcn import lcn
from featlearn.ops.pool import avg_pool, l2_pool, max_pool
from featlearn.visualize.style import INK, MUTED, PAPER, SERIES, bare, new_figure, png_bytes, styled

PICTURES = Path(__file__).resolve().parents[1] / "docs" / "pictures"
DPI = 120
COLOURS = 192
GREY = "#aab2ba"

Values = NDArray[np.float32]


def sharing() -> Figure:
    """Draw which units share weights: a line of inputs, a line of units, a colour per weight."""
    figure, panels = _panels(4, width=9.6, height=2.0)
    kinds = {
        "dense": "every unit sees everything",
        "local": "windows, own weights each",
        "tiled": "tile = 2: every second alike",
        "conv": "windows, the same weights",
    }
    for axes, (kind, note) in zip(panels, kinds.items(), strict=True):
        bare(axes)
        axes.set_title(f"{kind}: {note}", fontsize=8)
        axes.set(xlim=(-0.6, 7.6), ylim=(-0.5, 1.15))
        seen, units, edges = 8, 6, 0
        for unit in range(units):
            below = range(seen) if kind == "dense" else range(unit, unit + 3)
            bank = {"conv": 0, "tiled": unit % 2}.get(kind, unit)
            for place in below:
                colour = GREY if kind == "dense" else _shade(bank, place - unit)
                axes.plot(
                    [place, unit + 1], [0, 1], color=colour, lw=0.7 if kind == "dense" else 1.6
                )
                edges += 1
        axes.scatter(range(seen), [0] * seen, s=34, color=PAPER, edgecolor=INK, zorder=3)
        axes.scatter(np.arange(units) + 1, [1] * units, s=34, color=INK, zorder=3)
        weights = {"dense": edges, "local": edges, "tiled": 6, "conv": 3}[kind]
        axes.text(3.5, -0.4, f"{edges} connections, {weights} weights", ha="center", size=8)
    return figure


def windows() -> Figure:
    """Draw where windows lie under both kinds of padding, and the adjoint of a filter."""
    figure, panels = _panels(3, width=9.6, height=2.3)
    for axes, (title, first, count, step) in zip(
        panels,
        [
            ('padding = "valid": 8 inputs, 6 windows of 3', 0, 6, 1),
            ('padding = "same": 8 inputs, 8 windows of 3', -1, 8, 1),
            ("stride = 2: 8 inputs, 3 windows of 3", 0, 3, 2),
        ],
        strict=True,
    ):
        bare(axes)
        axes.set_title(title, fontsize=8)
        axes.set(xlim=(-1.6, 9.6), ylim=(-4.2, 1.1), aspect="equal")
        for place in range(-1, 9):
            inside = 0 <= place < 8
            if inside or first < 0:
                ink, line = (INK, "-") if inside else (GREY, ":")
                axes.add_patch(Rectangle((place, 0), 0.92, 0.8, fc=PAPER, ec=ink, ls=line))
                axes.text(place + 0.46, 0.4, "x" if inside else "0", ha="center", va="center")
        for number in range(count):
            x = first + number * step
            axes.plot([x, x + 2.92], [-0.4 - number * 0.5] * 2, color=SERIES[0], lw=3)
    return figure


def adjoint() -> Figure:
    """Draw a filter applied to an image, and its adjoint, which lays filters down and adds."""
    bank = np.array([[0, 0, 1], [0, 1, 0], [1, 0, 0]], np.float32)
    image = np.zeros((8, 8), np.float32)
    image[[1, 2, 3, 4], [4, 3, 2, 1]] = 1
    image[[4, 5, 6], [6, 5, 4]] = 1
    weight = torch.tensor(bank)[None, None]
    response = F.conv2d(torch.tensor(image)[None, None], weight)
    code = torch.relu(response - 2)
    back = F.conv_transpose2d(code, weight)
    steps = [
        ("image x", image),
        ("filter w", bank),
        ("response y = Wx", _array(response)),
        ("code h = relu(y − 2)", _array(code)),
        ("adjoint Wᵀh", _array(back)),
    ]
    figure, panels = _panels(5, width=9.6, height=2.3)
    for axes, (title, values) in zip(panels, steps, strict=True):
        bare(axes)
        axes.set_title(title, fontsize=8)
        axes.imshow(values, cmap="Greys", vmin=0, vmax=max(values.max(), 1))
        axes.set(xlim=(-0.5, 7.5), ylim=(7.5, -0.5))
        axes.add_patch(Rectangle((-0.5, -0.5), *values.shape, fill=False, ec=INK, lw=0.8))
    return figure


def activations() -> Figure:
    """Draw every activation."""
    figure, panels = _panels(8, width=9.6, height=1.5)
    x = torch.linspace(-2, 2, 401)
    names = ("identity", "sigmoid", "tanh", "relu", "leaky-relu", "elu", "abs", "soft-threshold")
    for axes, name in zip(panels, names, strict=True):
        axes.plot(x, activate(x, name, slope=0.1, threshold=0.5), color=SERIES[0])
        axes.set_title(name, fontsize=8)
        axes.set(xlim=(-2, 2), ylim=(-2.1, 2.1), xticks=[-2, 0, 2], yticks=[-2, 0, 2])
        axes.axhline(0, color=GREY, lw=0.6)
        axes.axvline(0, color=GREY, lw=0.6)
        axes.tick_params(labelsize=6)
    return figure


def pooling() -> Figure:
    """Draw the edges of a photograph, pooled in three ways."""
    edges = F.conv2d(photograph(), torch.tensor([[[[1.0, 0.0, -1.0]]]]))
    steps: list[tuple[str, Tensor]] = [("response to an upright edge", edges)]
    for name, pool in {"avg": avg_pool, "max": max_pool, "l2": l2_pool}.items():
        steps.append((f"{name}, size = 9, stride = 5", pool(edges, size=9, stride=5)))
    return _maps(steps, signed=2)


def contrast() -> Figure:
    """Draw a photograph in half a shadow, as it is and normalised."""
    shadow = photograph().clone()
    shadow[..., shadow.shape[-1] // 2 :] *= 0.3
    normalised = lcn(shadow, size=15, padding="same", constant=0.01)
    return _maps([("in a shadow", shadow), ("lcn, size = 15", normalised)], width=5.6)


def schedules() -> Figure:
    """Draw which stages learn when."""
    plans = {
        "greedy": ["1..", "f1.", "ff1"],
        "joint": ["111"],
        "greedy-then-joint": ["1..", "f1.", "ff1", "111"],
        "finetune": ["111H"],
        "finetune, freeze = 2": ["ff1H"],
    }
    figure, panels = _panels(5, width=9.6, height=2.0, ratios=[3, 1.2, 4, 1.4, 1.6])
    for axes, (title, phases) in zip(panels, plans.items(), strict=True):
        bare(axes)
        axes.set_title(title, fontsize=8)
        axes.set(xlim=(-0.1, len(phases)), ylim=(-0.55, 4.1))
        for number, phase in enumerate(phases):
            for height, state in enumerate(phase):
                _stage_box(axes, (number, height), state)
            below = f"phase {number + 1}" if "H" not in phase else "with labels"
            axes.text(number + 0.42, -0.35, below, ha="center", size=7, color=MUTED)
    return figure


def _stage_box(axes: Axes, place: tuple[int, int], state: str) -> None:
    """Draw a stage in one phase: learning (1), frozen (f), not there yet (.), or a head (H)."""
    number, height = place
    colour = {"1": SERIES[0], "f": "#dfe5ea", "H": SERIES[1]}.get(state, "none")
    box = FancyBboxPatch(
        (number + 0.08, height + 0.1),
        0.68,
        0.62,
        boxstyle="round,pad=0.02",
        fc=colour,
        ec=GREY,
        ls=":" if state == "." else "-",
    )
    axes.add_patch(box)
    label = "head" if state == "H" else f"stage {height + 1}"
    ink = PAPER if state in "1H" else MUTED
    axes.text(number + 0.42, height + 0.41, label, ha="center", va="center", size=7, color=ink)


def photograph() -> Tensor:
    """Give a part of a photograph, `(1, 1, rows, columns)` in [0, 1]."""
    pixels = np.asarray(load_sample_image("china.jpg"))[110:310, 150:450]
    return torch.tensor(pixels / 255, dtype=torch.float32).mean(2)[None, None]


def _maps(steps: Sequence[tuple[str, Tensor]], *, width: float = 9.6, signed: int = 0) -> Figure:
    """Draw maps side by side, the first `signed` of them about a mid-grey of zero."""
    figure, panels = _panels(len(steps), width=width, height=2.0)
    for number, (axes, (title, values)) in enumerate(zip(panels, steps, strict=True)):
        bare(axes)
        axes.set_title(title, fontsize=8)
        array = _array(values)
        high = float(np.quantile(np.abs(array), 0.995))
        low = -high if number < signed else float(np.quantile(array, 0.005))
        axes.imshow(array, cmap="gray", vmin=low, vmax=high)
    return figure


def _panels(
    count: int, *, width: float, height: float, ratios: Sequence[float] | None = None
) -> tuple[Figure, list[Axes]]:
    """Make a row of panels."""
    figure = new_figure(width, height)
    panels = figure.subplots(1, count, squeeze=False, width_ratios=ratios)
    return figure, list(panels[0])


def _shade(bank: int, place: int) -> tuple[float, float, float]:
    """Give a weight a colour: its bank's, lighter for each further place."""
    colour = SERIES[bank % len(SERIES)] if bank < len(SERIES) else INK
    rgb = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    light = 0.3 * place
    red, green, blue = (value + (1 - value) * light for value in rgb)
    return red, green, blue


def _array(values: Tensor) -> Values:
    """Give the only map of the only image."""
    return values[0, 0].numpy()


DIAGRAMS: dict[str, Callable[[], Figure]] = {
    "sharing": sharing,
    "windows": windows,
    "adjoint": adjoint,
    "activations": activations,
    "pooling": pooling,
    "contrast": contrast,
    "schedules": schedules,
}


def save(figure: Figure, path: Path) -> None:
    """Write a picture in fewer colours than it has, which nobody sees."""
    with Image.open(BytesIO(png_bytes(figure, dpi=DPI))) as picture:
        few = picture.convert("RGB").quantize(COLOURS, dither=Image.Dither.NONE)
    few.save(path, optimize=True)
    print(path)


def main() -> None:
    """Draw all of them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=PICTURES, help="folder (default: %(default)s)")
    out: Path = parser.parse_args().out
    out.mkdir(parents=True, exist_ok=True)
    for name, draw in DIAGRAMS.items():
        with styled():
            figure = draw()
        save(figure, out / f"{name}.png")


if __name__ == "__main__":
    main()
