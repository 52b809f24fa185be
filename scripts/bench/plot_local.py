#!/usr/bin/env python3
"""Draw what `local.py --json --out FILE` measured: forward and backward, against every peer.

    python scripts/bench/plot_local.py FILE docs/local-rates.png

A peer has a bar at every shape that it was measured at.
"""

import argparse
import json
from pathlib import Path
from typing import Any

from local_shapes import SHAPES, Shape
from matplotlib import colormaps
from matplotlib.figure import Figure

KIND = "forward+backward"
_WIDTH = 0.11


def main() -> None:
    """Draw one panel for each precision."""
    parser = argparse.ArgumentParser(description="Draw the measured rates of the layer.")
    parser.add_argument("measured", type=Path)
    parser.add_argument("figure", type=Path)
    options = parser.parse_args()
    found = json.loads(options.measured.read_text("utf-8"))
    measured = (row for row in found["shapes"] if row["pass"] == KIND)
    rows = sorted(measured, key=lambda row: row["name"])
    dtypes = list(dict.fromkeys(row["dtype"] for row in rows))
    figure = Figure(figsize=(5.2 * len(dtypes), 3.8))
    panels = figure.subplots(1, len(dtypes), sharey=True, squeeze=False)
    for panel, dtype in zip(panels[0], dtypes, strict=True):
        best = found["machine"]["best_gflops"][dtype]
        _draw(panel, [row for row in rows if row["dtype"] == dtype], best)
        panel.set_title(f"{dtype}, forward and backward")
    panels[0][0].set_ylabel("10⁹ operations a second")
    panels[0][-1].legend(fontsize=7, loc="upper right", ncols=2)
    figure.tight_layout()
    options.figure.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(options.figure, dpi=150)


def _draw(panel: Any, rows: list[dict[str, Any]], best: float) -> None:
    """Draw the shapes side by side, and the machine's best rate across them."""
    names = list(dict.fromkeys(name for row in rows for name in row["peers_ms"]))
    ways = {"featlearn": "featlearn_ms"} | dict.fromkeys(names, "peers_ms")
    for place, way in enumerate(ways):
        shapes = [i for i, row in enumerate(rows) if way == "featlearn" or way in row["peers_ms"]]
        rates = [_rate(rows[i], way) for i in shapes]
        left = [i + (place - (len(ways) - 1) / 2) * _WIDTH for i in shapes]
        colour = "tab:red" if way == "featlearn" else colormaps["Greys"](0.25 + 0.1 * place)
        panel.bar(left, rates, _WIDTH, label=way, color=colour)
    panel.axhline(best, color="tab:blue", linewidth=1, linestyle="--", label="best of the machine")
    panel.set_yscale("log")
    panel.set_xticks(range(len(rows)), [row["name"] for row in rows])
    panel.set_ylim(0.05, 100 * best)


def _rate(row: dict[str, Any], way: str) -> float:
    taken = row["featlearn_ms"] if way == "featlearn" else row["peers_ms"][way]
    shape: Shape = SHAPES[row["name"]]
    return shape.flops(KIND) / taken / 1e6


if __name__ == "__main__":
    main()
