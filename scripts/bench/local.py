#!/usr/bin/env python3
"""Measure the locally connected layer against every other way to compute it that is installed.

Ways are timed in turns, each in a process of its own, which waits while others have theirs; each
peer gets its operands in the layout that suits it, and the layer here as a stack of stages hands
them on. A peer that takes longer than 20 seconds a pass is timed once and marked; one that takes
three times as long, with what it compiles. Peaks of memory are measured in further processes.
Prints a table, or one JSON object.

    python scripts/bench/local.py --threads 2
    python scripts/bench/local.py --shapes S3 S4 --dtypes float32 --json
"""

import argparse
import contextlib
import datetime as dt
import itertools
import json
import os
import platform
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import msgspec
import torch

sys.path.insert(0, str(Path(__file__).parent))

from local_peers import PEERS, Pass
from local_shapes import SHAPES, Shape
from local_worker import OWN, Refused, Worker, give_back, layer

from featlearn.bench.machine import PRECISIONS, Machine, measure_machine
from featlearn.bench.timing import Timing, read_in_turns
from featlearn.files import write_bytes
from featlearn.ops import local_kernels
from featlearn.ops.memory import keep_freed_memory
from featlearn.training.device import processor

PASSES: tuple[Pass, ...] = ("forward", "forward+backward", "transpose")
SLOW = 20.0


def main() -> None:
    """Measure what was asked for."""
    options = _options()
    torch.set_num_threads(options.threads)
    if options.peak_of:
        name, dtype, kind = options.peak_of
        print(_peak(name, dtype, kind, torch.device(options.device)))
        return
    keep_freed_memory()
    machine = measure_machine(torch.device(options.device), rounds=options.rounds)
    rows: list[dict[str, Any]] = []
    found = {"machine": {**_about(), **msgspec.to_builtins(machine)}, "shapes": rows}
    for name in options.shapes:
        shape = _shape(name, options.device)
        with contextlib.ExitStack() as stack:
            workers = _start(options, stack)
            for dtype, kind in itertools.product(options.dtypes, options.passes):
                rows.append(_measure(shape, dtype, kind, machine, workers, options))
                if options.out is not None:  # after every row: a slow peer may take an hour
                    write_bytes(options.out, json.dumps(found, indent=2).encode())
    print(json.dumps(found, indent=2) if options.json else _table(rows))


def _options() -> argparse.Namespace:
    """Read the command line, and refuse what cannot be measured here."""
    parser = argparse.ArgumentParser(description="Measure the locally connected layer.")
    add = parser.add_argument
    add(
        "--shapes",
        nargs="+",
        choices=SHAPES,
        default=["S1", "S2", "S3", "S4", "S5"],
        help="sizes of layers; S6 and S7 on a CUDA device only [S1 to S5]",
    )
    precisions, devices = list(PRECISIONS), ["cpu", "cuda"]
    add("--dtypes", nargs="+", choices=precisions, default=precisions, help="precisions [both]")
    add("--passes", nargs="+", choices=PASSES, default=list(PASSES), help="what to time [all]")
    add("--peers", nargs="*", choices=PEERS, default=list(PEERS), help="other ways; none if empty")
    add("--device", choices=devices, default="cpu", help="where to compute [cpu]")
    add("--threads", type=int, default=2, help="threads of the processor, at least 1 [2]")
    add(
        "--rounds", type=int, default=7, help="turns of each way, at least 1; the median counts [7]"
    )
    add("--json", action="store_true", help="print one JSON object")
    add("--out", type=Path, help="file to write that object to, row by row")
    add("--peak-of", nargs=3, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if refusal := _refusal(options):
        parser.error(refusal)
    return options


def _refusal(options: argparse.Namespace) -> str | None:
    """Say in a sentence why something cannot be measured, if it cannot."""
    for name in ("threads", "rounds"):
        if getattr(options, name) < 1:
            return f"--{name} must be at least 1; got {getattr(options, name)}"
    if options.device == "cuda" and not torch.cuda.is_available():
        return "--device cuda was asked for, but PyTorch finds no CUDA device here"
    large = [name for name in options.shapes if name in ("S6", "S7")]
    if options.device == "cpu" and large:
        return (
            f"{' and '.join(large)} {'is' if len(large) == 1 else 'are'} for a CUDA device: a pass "
            "takes more time and memory than a processor has to spare; add --device cuda"
        )
    return None


def _start(options: argparse.Namespace, stack: contextlib.ExitStack) -> dict[str, Worker]:
    """Start a process for each way, which ends with the stack."""
    workers: dict[str, Worker] = {}
    for name in (OWN, *options.peers):
        workers[name] = Worker(name, threads=options.threads, device=options.device)
        stack.callback(workers[name].end)
    return workers


def _shape(name: str, device: str) -> Shape:
    """Give a shape; the first stage of the network of 2012 in small batches on a processor."""
    shape = SHAPES[name]
    return shape._replace(batch=256) if (name, device) == ("S5", "cuda") else shape


def _measure(
    shape: Shape,
    dtype: str,
    kind: Pass,
    machine: Machine,
    workers: Mapping[str, Worker],
    options: argparse.Namespace,
) -> dict[str, Any]:
    """Time one pass over one shape, this layer and its peers in turns."""
    timings, refused = _in_turns((shape, dtype, kind), workers, options.rounds)
    seconds = {name: timing.seconds for name, timing in timings.items()}
    own = seconds.pop(OWN)
    gflops = shape.flops(kind) / own / 1e9
    row = {
        "name": shape.name,
        "dtype": dtype,
        "pass": kind,
        "featlearn_ms": round(1e3 * own, 3),
        "gflops": round(gflops, 1),
        "peers_ms": {name: round(1e3 * taken, 3) for name, taken in seconds.items()},
        "slow_peers": [n for n, t in timings.items() if t.rounds == 1 and t.seconds > SLOW],
        "refused_peers": refused,
        "times_best_peer": round(min(seconds.values()) / own, 1) if seconds else None,
        "fraction_of_best": round(gflops / machine.best_gflops[dtype], 3),
        "fraction_of_bound": round(_bound(shape, dtype, kind, machine) / own, 3),
        "peak_bytes": _peak_in_a_process(shape, dtype, kind, options),
        "minimal_bytes": shape.bytes(kind, PRECISIONS[dtype].itemsize),
    }
    print(
        f"{shape.name} {dtype} {kind}: {row['featlearn_ms']} ms, {row['gflops']} GFLOP/s",
        file=sys.stderr,
    )
    return row


def _in_turns(
    case: tuple[Shape, str, Pass], workers: Mapping[str, Worker], rounds: int
) -> tuple[dict[str, Timing], dict[str, str]]:
    """Time a pass by every way that can, and say why others cannot."""
    clocks: dict[str, Callable[[], float]] = {}
    refused: dict[str, str] = {}
    for name, worker in workers.items():
        try:
            first = worker.prepare(*case)
        except Refused as error:
            refused[name] = str(error)
            continue
        if first is not None:
            # A second turn would tell its compilation apart, and take as long again.
            long = first > 3 * SLOW
            clocks[name] = (lambda first=first: first) if long else worker.run
    while True:
        if OWN in refused:
            raise SystemExit(f"{OWN} itself fails at {case[0].name}: {refused[OWN]}")
        try:
            return read_in_turns(clocks, rounds=rounds, patience=SLOW), refused
        except Refused as error:  # in its turn; the others begin again
            refused[error.name] = str(error)
            del clocks[error.name]


def _bound(shape: Shape, dtype: str, kind: Pass, machine: Machine) -> float:
    """Give the seconds that a pass takes at least, by arithmetic or by moving its operands.

    The copy moves each byte twice, reading and writing; what is moved here is moved once.
    """
    arithmetic = shape.flops(kind) / machine.best_gflops[dtype] / 1e9
    moved = shape.moved(kind, PRECISIONS[dtype].itemsize)
    return max(arithmetic, moved / machine.copy_gb_s / 1e9)


def _peak_in_a_process(
    shape: Shape, dtype: str, kind: Pass, options: argparse.Namespace
) -> int | None:
    """Measure the peak of memory of one pass, operands and results among it."""
    command = [
        sys.executable,
        __file__,
        "--threads",
        str(options.threads),
        "--device",
        options.device,
    ]
    done = subprocess.run(
        [*command, "--peak-of", shape.name, dtype, kind],
        capture_output=True,
        text=True,
        check=False,
    )
    return int(done.stdout) if done.returncode == 0 else None


def _peak(name: str, dtype: str, kind: Pass, device: torch.device) -> int:
    """Count the bytes of a pass, its operands and results among them.

    The pass has run before, as compiling kernels takes memory of its own, once.
    """
    shape, precision = _shape(name, device.type), PRECISIONS[dtype]
    layer(shape, precision, kind, device)()
    give_back()
    before = _held(device)
    way = layer(shape, precision, kind, device)
    give_back()  # what making the operands took
    _forget_peak(device)
    found = way()
    peak = _held(device, peak=True) - before
    del found
    return peak


def _held(device: torch.device, *, peak: bool = False) -> int:
    """Count the bytes that this process holds, or has held."""
    if device.type == "cuda":
        return (torch.cuda.max_memory_allocated if peak else torch.cuda.memory_allocated)(device)
    return _status("VmHWM" if peak else "VmRSS")


def _forget_peak(device: torch.device) -> None:
    """Forget the peak of making the operands."""
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
    else:
        Path("/proc/self/clear_refs").write_text("5")


def _status(key: str) -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return 1024 * next(int(line.split()[1]) for line in lines if line.startswith(key))


def _about() -> dict[str, Any]:
    """Say where and when."""
    return {
        "date": dt.datetime.now(dt.UTC).date().isoformat(),
        "processor": processor(),
        "gpu": torch.cuda.get_device_name() if torch.cuda.is_available() else None,
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "torch": str(torch.__version__),
        "kernels": local_kernels.described(),
        "load_average": os.getloadavg()[0],
    }


def _table(rows: list[dict[str, Any]]) -> str:
    heads = [
        "shape",
        "dtype",
        "pass",
        "ms",
        "GFLOP/s",
        "of_best",
        "of_bound",
        "times_best_peer",
        "peak/minimal",
    ]
    lines = [f"| {' | '.join(heads)} |".replace("_", " "), "|---" * len(heads) + "|"]
    for row in rows:
        peak = row["peak_bytes"]
        cells = [row["name"], row["dtype"], row["pass"], f"{row['featlearn_ms']:.2f}"]
        cells += [f"{row['gflops']:.0f}", f"{row['fraction_of_best']:.2f}"]
        cells += [f"{row['fraction_of_bound']:.2f}", f"{row['times_best_peer'] or ''}"]
        cells += ["" if peak is None else f"{peak / row['minimal_bytes']:.2f}"]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
