#!/usr/bin/env python3
"""Measure tiled filters as one convolution, with zeros between, and as one for each bank.

    python scripts/bench/tiled.py --threads 2
    python scripts/bench/tiled.py --threads 1 --processor-time --dtypes bfloat16 --json

These are the times behind the rule of `featlearn/ops/tiled.py` that joins banks or leaves them
apart. Both ways are timed in turns, in one process. Prints a table, or one JSON object.
"""

import argparse
import functools
import itertools
import json
import time
from collections.abc import Callable
from typing import Any, NamedTuple
from unittest.mock import patch

import torch
from torch import Tensor

from featlearn.bench.timing import read_in_turns, timed
from featlearn.ops import tiled
from featlearn.ops.memory import keep_freed_memory
from featlearn.ops.tiled import tiled2d, tiled_transpose2d
from featlearn.training.device import processor

_RULE = "featlearn.ops.tiled._worth_joining"
DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16}
PASSES = ("forward", "forward+backward", "transpose")


class Shape(NamedTuple):
    """A layer: sides of window, tile and input are alike in both directions."""

    channels: int
    maps: int
    window: int
    tile: int
    stride: int
    size: int

    @property
    def arithmetic(self) -> float:
        """How much more one convolution multiplies, by zeros."""
        return (1 + (self.tile - 1) * self.stride / self.window) ** 2


SHAPES = {
    "T1": Shape(8, 8, 18, 2, 1, 96),
    "T2": Shape(8, 8, 18, 3, 1, 96),
    "T3": Shape(3, 8, 18, 2, 1, 96),
    "T4": Shape(8, 16, 11, 2, 1, 64),
    "T5": Shape(8, 16, 12, 2, 2, 96),
    "T6": Shape(16, 16, 7, 2, 1, 48),
    "T7": Shape(16, 32, 5, 2, 1, 32),
    "T8": Shape(32, 32, 9, 2, 1, 32),
    "T9": Shape(8, 16, 9, 3, 1, 64),
    "T10": Shape(1, 16, 11, 2, 1, 64),
}
"""Windows of the networks of 2012 and of small ones, on both sides of the rule."""


def main() -> None:
    """Measure what was asked for."""
    options = _options()
    torch.set_num_threads(options.threads)
    keep_freed_memory()
    rows = [
        _measure(name, dtype, kind, options)
        for name, dtype, kind in itertools.product(options.shapes, options.dtypes, PASSES)
    ]
    if options.json:
        about: dict[str, Any] = {name: getattr(options, name) for name in ("threads", "batch")}
        about |= {"processor": processor(), "processor_time": options.processor_time}
        print(json.dumps({**about, "torch": torch.__version__, "rows": rows}, indent=2))
        return
    print(_line("shape", "dtype", "pass", "more", "joined ms", "apart ms", "gain", "the rule"))
    for row in rows:
        right = "" if row["right"] else ", and is wrong"
        print(
            _line(
                row["shape"],
                row["dtype"],
                row["pass"],
                f"{row['arithmetic']:.2f}",
                f"{row['joined_ms']:.2f}",
                f"{row['apart_ms']:.2f}",
                f"{row['gain']:.2f}",
                ("joins" if row["joins"] else "does not") + right,
            )
        )


def _options() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description="Measure both ways to apply tiled filters.")
    add = parser.add_argument
    add("--shapes", nargs="+", choices=SHAPES, default=list(SHAPES), help="layers [all]")
    add("--dtypes", nargs="+", choices=DTYPES, default=list(DTYPES), help="precisions [both]")
    add("--batch", type=int, default=16, help="images in a pass, at least 1 [16]")
    add("--threads", type=int, default=2, help="threads of the processor, at least 1 [2]")
    add("--rounds", type=int, default=7, help="turns of each way, at least 1 [7]")
    add(
        "--processor-time",
        action="store_true",
        help="count the time that the processor gave, for a machine that does other work; it adds "
        "up over threads, so take --threads 1",
    )
    add("--json", action="store_true", help="print one JSON object")
    options = parser.parse_args()
    for name in ("batch", "threads", "rounds"):
        if getattr(options, name) < 1:
            parser.error(f"--{name} must be at least 1; got {getattr(options, name)}")
    return options


def _measure(name: str, dtype: str, kind: str, options: argparse.Namespace) -> dict[str, Any]:
    """Time both ways of one pass."""
    shape = SHAPES[name]
    draw = torch.Generator().manual_seed(0)
    sides = (shape.tile, shape.tile, shape.maps, shape.channels, shape.window, shape.window)
    planes = (options.batch, shape.channels, shape.size, shape.size)
    weight, x = (torch.randn(sizes, generator=draw).to(DTYPES[dtype]) for sizes in (sides, planes))
    run = _pass(kind, x, weight, shape.stride)
    clock = _processor_time if options.processor_time else timed
    clocks = {
        way: functools.partial(clock, _with_rule(run, joins=joins))
        for way, joins in (("joined", True), ("apart", False))
    }
    times = read_in_turns(clocks, rounds=options.rounds)
    found = {way: 1e3 * timing.seconds for way, timing in times.items()}
    joins = _rule(weight, shape.stride)
    gain = found["apart"] / found["joined"]
    return {
        "shape": name,
        **shape._asdict(),
        "dtype": dtype,
        "pass": kind,
        "arithmetic": round(shape.arithmetic, 3),
        "joined_ms": round(found["joined"], 3),
        "apart_ms": round(found["apart"], 3),
        "gain": round(gain, 3),
        "joins": joins,
        "right": joins == (gain > 1.0),
    }


def _processor_time(way: Callable[[], object]) -> float:
    """Run something, and give the seconds that the processor spent on it."""
    begun = time.process_time()
    way()
    return time.process_time() - begun


def _rule(weight: Tensor, stride: int) -> bool:
    """Ask the rule itself."""
    rule: Callable[..., bool] = getattr(tiled, _RULE.rpartition(".")[2])
    return rule(weight, stride=stride, groups=1)


def _with_rule(run: Callable[[], object], *, joins: bool) -> Callable[[], object]:
    """Run something under a rule that always says the same."""

    def way() -> object:
        with patch(_RULE, return_value=joins):
            return run()

    return way


def _pass(kind: str, x: Tensor, weight: Tensor, stride: int) -> Callable[[], object]:
    """Give one pass, without or with its way back."""
    with torch.no_grad():
        codes = tiled2d(x, weight, stride=stride)
    size = (x.shape[2], x.shape[3])
    if kind == "transpose":
        return lambda: tiled_transpose2d(codes, weight, size=size, stride=stride)
    if kind == "forward":
        return lambda: tiled2d(x, weight, stride=stride)
    x, weight = x.requires_grad_(), weight.requires_grad_()
    slope = torch.ones_like(codes)
    return lambda: torch.autograd.grad(tiled2d(x, weight, stride=stride), (x, weight), slope)


def _line(*cells: str) -> str:
    widths = (6, 9, 17, 6, 10, 10, 6, 0)
    return " ".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True)).rstrip()


if __name__ == "__main__":
    main()
