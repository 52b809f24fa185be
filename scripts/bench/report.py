#!/usr/bin/env python3
"""Measure the report of a run of 2,000 units: time to make it, its size, how soon it is usable.

A network of three stages learns for one epoch from two classes of coloured noise with a 1/f
spectrum, so that no data set is needed. The page is made with the command that a user
types, then opened in the Chromium that is installed, several times. Prints one JSON object.

    python scripts/bench/report.py --out runs/bench-report --threads 2
"""

import argparse
import datetime as dt
import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
from playwright.sync_api import sync_playwright

from featlearn.training.device import processor

FEATLEARN = (sys.executable, "-m", "featlearn_cli")
RECIPE = """
title = "A run of 2,000 units"

[data]
source = "{source}"

[[stages]]
name = "first"
activation = "identity"
filter = {{ kind = "local", size = 9, stride = 2, maps = 8, bias = false }}
pool = {{ kind = "l2", size = 3 }}
norm = {{ kind = "lcn", size = 5 }}
objective = {{ kind = "tica" }}

[[stages]]
name = "second"
activation = "identity"
filter = {{ kind = "local", size = 7, maps = 8, bias = false }}
pool = {{ kind = "l2", size = 3 }}
norm = {{ kind = "lcn", size = 5 }}
objective = {{ kind = "tica" }}

[[stages]]
name = "third"
filter = {{ kind = "dense", maps = 700 }}
objective = {{ kind = "denoising", corruption = {{ kind = "mask", rate = 0.3 }} }}

[pretrain]
epochs = 1
batch = 50
"""
SCROLL = """async () => {
  for (const button of document.querySelectorAll(".more")) button.click();
  const gaps = [];
  let last = performance.now();
  for (let top = 0; top < document.documentElement.scrollHeight; top += 300) {
    scrollTo(0, top);
    await new Promise(requestAnimationFrame);
    const now = performance.now();
    gaps.push(now - last);
    last = now;
  }
  gaps.sort((a, b) => a - b);
  const share = (part) => gaps[Math.floor(gaps.length * part)];
  return { frames: gaps.length, median_ms: share(0.5), p95_ms: share(0.95) };
}"""


def main() -> None:
    """Make the run, the page and the measurements."""
    parser = argparse.ArgumentParser(description="Measure the report of a run of 2,000 units.")
    parser.add_argument("--out", type=Path, required=True, help="folder of the run")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--images", type=int, default=1500)
    parser.add_argument("--visits", type=int, default=5)
    options = parser.parse_args()
    run = _run(options)
    begun = time.perf_counter()
    _featlearn("report", run, "--no-units", "--threads", options.threads)
    seconds = time.perf_counter() - begun
    page = run / "report" / "index.html"
    found = {"seconds": round(seconds, 1), "bytes": page.stat().st_size, **_visit(page, options)}
    print(json.dumps({"machine": _machine(options.threads), **found}, indent=2))


def _run(options: argparse.Namespace) -> Path:
    """Train the network, unless that is done."""
    run = options.out / "run"
    if not (run / "results.json").exists():
        options.out.mkdir(parents=True, exist_ok=True)
        source = options.out / "noise.npz"
        np.savez(source, images=_noise(options.images), labels=np.arange(options.images) % 2)
        recipe = options.out / "recipe.toml"
        recipe.write_text(RECIPE.format(source=source.resolve()))
        _featlearn("pretrain", recipe, "--out", run, "--overwrite", "--threads", options.threads)
    return run


def _noise(count: int) -> np.ndarray[Any, np.dtype[np.uint8]]:
    """Draw colour images of 64 by 64 pixels, every other one with a finer grain."""
    draw = np.random.default_rng(0)
    frequency = np.hypot(*np.meshgrid(np.fft.fftfreq(64), np.fft.fftfreq(64)))
    frequency[0, 0] = 1.0
    steep = np.where(np.arange(count) % 2, 0.7, 1.3)[:, None, None, None]
    white = np.fft.fft2(draw.standard_normal((count, 3, 64, 64)))
    images = np.fft.ifft2(white * frequency[None, None] ** -steep).real
    images /= 5 * images.std(axis=(1, 2, 3), keepdims=True)
    return (255 * np.clip(images + 0.5, 0, 1)).astype(np.uint8)


def _visit(page: Path, options: argparse.Namespace) -> dict[str, Any]:
    """Open the page several times, and then scroll through all of its units."""
    ready: list[int] = []
    units, scrolled = 0, None
    said: list[str] = []
    asked: list[str] = []
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        for visit in range(options.visits):
            window = browser.new_page(viewport={"width": 1280, "height": 900})
            window.on("console", lambda message: said.append(message.text))
            window.on("request", lambda request: asked.append(request.url))
            window.goto(page.resolve().as_uri())
            window.wait_for_selector("html[data-ready]", state="attached")
            ready.append(int(window.evaluate("document.documentElement.dataset.ready")))
            units = window.evaluate(
                "JSON.parse(document.getElementById('units').textContent).runs"
                ".flatMap((run) => run.stages).reduce((sum, { names }) => sum + names.length, 0)"
            )
            if visit == options.visits - 1:
                scrolled = window.evaluate(SCROLL)
            window.close()
        version = browser.version
        browser.close()
    left = [url for url in asked if not url.startswith(("data:", "blob:", "file:"))]
    return {
        "units": units,
        "chromium": version,
        "interactive_ms": ready,
        "interactive_ms_median": statistics.median(ready),
        "scroll": scrolled,
        "console": said,
        "requests_that_left": left,
    }


def _featlearn(*arguments: object) -> None:
    """Run one command."""
    subprocess.run([*FEATLEARN, *map(str, arguments)], check=True, stdout=subprocess.DEVNULL)


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
