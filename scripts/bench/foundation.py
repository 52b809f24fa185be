#!/usr/bin/env python3
"""Measure what the README and the recipes promise, with the commands that a user types.

Parts: `help` (start of the command line), `quickstart`, `mnist-local` (1000 labels, against
the control, paired draws) and `mnist-conv` (all labels). Runs land in --out and are kept;
a run or head that is finished there is not trained again. Prints one JSON object.

    python scripts/bench/foundation.py --out runs/bench --threads 2 --draws 5
"""

import argparse
import datetime as dt
import json
import os
import platform
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from featlearn.evaluate.paired import paired_interval
from featlearn.training.device import processor

PARTS = ("help", "quickstart", "mnist-local", "mnist-conv")
FEATLEARN = (sys.executable, "-m", "featlearn_cli")


def main() -> None:
    """Run the parts that were asked for."""
    parser = argparse.ArgumentParser(description="Measure what the README and the recipes promise.")
    parser.add_argument("--out", type=Path, required=True, help="folder of the runs")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--draws", type=int, default=5, help="paired draws of labels")
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=list(PARTS))
    options = parser.parse_args()
    found = {part: _measure(part, options) for part in options.parts}
    print(json.dumps({"machine": _machine(options.threads), **found}, indent=2))


def _measure(part: str, options: argparse.Namespace) -> dict[str, Any]:
    match part:
        case "help":
            return _help()
        case "quickstart":
            return _quickstart(options)
        case "mnist-local":
            return _mnist_local(options)
        case _:
            return _mnist_conv(options)


def _help() -> dict[str, Any]:
    """Time `featlearn --help` five times."""
    seconds = [_timed("--help")[0] for _ in range(5)]
    return {"seconds": seconds, "median": statistics.median(seconds)}


def _quickstart(options: argparse.Namespace) -> dict[str, Any]:
    folder = options.out / f"quickstart-{int(time.time())}"
    seconds, text = _timed("quickstart", "--out", folder, "--json", threads=options.threads)
    result = json.loads(text)
    kept = ("labels", "draws", "accuracy", "difference_interval", "test_images")
    return {"wall_seconds": seconds, **{key: result[key] for key in kept}}


def _mnist_local(options: argparse.Namespace) -> dict[str, Any]:
    """Compare 1000 labels with and without pre-training, draw by draw."""
    run = options.out / "mnist-local"
    spent = {"pretrain": _pretrain("mnist-local", run, options)}
    errors: dict[str, list[float]] = {"pretrained": [], "scratch": []}
    for draw in range(options.draws):
        for arm, found in errors.items():
            name = f"{arm}-{draw}"
            extra = ["--from-scratch"] if arm == "scratch" else []
            seconds = _finetune(run, name, options, "--labels", 1000, "--label-seed", draw, *extra)
            judged, error = _evaluate(run, name, options)
            found.append(error)
            spent.setdefault("finetune", seconds)
            spent.setdefault("evaluate", judged)
    differences = [s - p for p, s in zip(errors["pretrained"], errors["scratch"], strict=True)]
    return {
        "seconds": spent,
        "errors": errors,
        "means": {arm: statistics.fmean(found) for arm, found in errors.items()},
        "mean_difference": statistics.fmean(differences),
        "difference_interval": paired_interval(errors["scratch"], errors["pretrained"])[1:],
    }


def _mnist_conv(options: argparse.Namespace) -> dict[str, Any]:
    run = options.out / "mnist-conv"
    spent = {"pretrain": _pretrain("mnist-conv", run, options)}
    spent["finetune"] = _finetune(run, "all", options)
    spent["evaluate"], error = _evaluate(run, "all", options)
    return {"seconds": spent, "total_seconds": sum(spent.values()), "error": error}


def _pretrain(recipe: str, run: Path, options: argparse.Namespace) -> float:
    if not (run / "results.json").exists():
        _timed("pretrain", recipe, "--out", run, "--overwrite", threads=options.threads)
    return json.loads((run / "results.json").read_text())["seconds"]


def _finetune(run: Path, name: str, options: argparse.Namespace, *extra: object) -> float:
    results = run / "heads" / name / "results.json"
    if not results.exists():
        _timed("finetune", run, "--name", name, "--overwrite", *extra, threads=options.threads)
    return json.loads(results.read_text())["seconds"]


def _evaluate(run: Path, name: str, options: argparse.Namespace) -> tuple[float, float]:
    seconds, text = _timed("evaluate", run, "--head", name, "--json", threads=options.threads)
    return seconds, json.loads(text)["error"]


def _timed(command: str, *arguments: object, threads: int | None = None) -> tuple[float, str]:
    """Run one command; give its wall-clock seconds and what it printed."""
    extra = [] if threads is None else ["--threads", str(threads)]
    begun = time.perf_counter()
    done = subprocess.run(
        [*FEATLEARN, command, *map(str, arguments), *extra],
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    )
    return round(time.perf_counter() - begun, 3), done.stdout


def _machine(threads: int) -> dict[str, Any]:
    return {
        "date": dt.datetime.now(dt.UTC).date().isoformat(),
        "processor": processor(),
        "cores": os.cpu_count(),
        "threads": threads,
        "python": platform.python_version(),
        "load_average": os.getloadavg()[0],
    }


if __name__ == "__main__":
    main()
