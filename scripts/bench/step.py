#!/usr/bin/env python3
"""Measure one training step of a recipe whose stages learn together, on random images.

    python scripts/bench/step.py catnet-small --batch 32 --profile
    python scripts/bench/step.py catnet-2012 --batch 256 --device cuda --precision bfloat16

No data set is needed. Prints one JSON object; with `--profile`, the longest operations before it.
"""

import argparse
import json
import statistics
import sys
import time
from typing import Any

import torch
from torch.profiler import ProfilerActivity, profile

from featlearn.config.load import load_recipe
from featlearn.config.recipe import Recipe
from featlearn.datasets.imageset import ImageSet
from featlearn.ops.memory import keep_freed_memory
from featlearn.training.device import pick_device, use_threads
from featlearn.training.loop import Loop
from featlearn.training.pictures import Pictures
from featlearn.training.pretraining import Pretraining
from featlearn.training.problems import build_problem
from featlearn.training.settling import settle

_WARM = 2  # steps that compile, and find memory


def main() -> None:
    """Measure what was asked for."""
    parser = argparse.ArgumentParser(description="Measure a training step.")
    parser.add_argument("recipe", help="with the schedule `joint`, and the size of its images")
    parser.add_argument("--batch", type=int, required=True)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--precision", choices=["float32", "bfloat16"], default="float32")
    parser.add_argument("--steps", type=int, default=5)
    parser.add_argument("--set", action="append", default=[], help="a key of the recipe")
    parser.add_argument("--profile", action="store_true")
    options = parser.parse_args()
    use_threads(options.threads)
    keep_freed_memory()
    device = pick_device(options.device)
    recipe = load_recipe(options.recipe, overrides=_overrides(options))
    loop = _loop(recipe, options.batch, device)
    seconds = [_timed(loop, device) for _ in range(_WARM + options.steps)][_WARM:]
    if options.profile:
        print(_longest(loop, device), file=sys.stderr)
    median = statistics.median(seconds)
    found: dict[str, Any] = {
        "recipe": options.recipe,
        "device": torch.cuda.get_device_name(device) if device.type == "cuda" else "cpu",
        "precision": options.precision,
        "batch": options.batch,
        "step_ms": [round(1e3 * one, 1) for one in seconds],
        "images_per_second": round(options.batch / median, 1),
    }
    if device.type == "cuda":
        found["peak_gb"] = round(torch.cuda.max_memory_allocated(device) / 1e9, 2)
    print(json.dumps(found))


def _overrides(options: argparse.Namespace) -> list[str]:
    return [
        f"pretrain.batch={options.batch}",
        f"pretrain.precision={options.precision}",
        "pretrain.rate.warmup=0",
        "pretrain.fit_samples=64",
        "preprocess=[]",
        *options.set,
    ]


def _loop(recipe: Recipe, batch: int, device: torch.device) -> Loop:
    """Build what trains, on as many random images as two batches have."""
    assert recipe.data.size is not None, "the recipe says no size of its images"
    draw = torch.Generator().manual_seed(0)
    shape = (2 * batch, 3, *recipe.data.size)
    images = torch.randint(0, 256, shape, dtype=torch.uint8, generator=draw).numpy()
    pictures = Pictures(ImageSet(images, None, (), None, "random images"), device)
    training = Pretraining(recipe, pictures, held_out=None)
    settle(training.stack, training.sample)
    (phase,) = training.phases
    problem = build_problem(
        phase,
        training.stack,
        training.objectives,
        training.material,
        through=recipe.pretrain.through,
        recompute=recipe.pretrain.recompute,
    )
    problem.after_step()
    return Loop(problem, phase.loop, epochs=10**6, seed=recipe.seed)


def _timed(loop: Loop, device: torch.device) -> float:
    _wait(device)
    begun = time.perf_counter()
    next(loop.steps())
    _wait(device)
    return time.perf_counter() - begun


def _longest(loop: Loop, device: torch.device) -> str:
    """Profile one more step."""
    activities = [ProfilerActivity.CPU]
    if device.type == "cuda":
        activities.append(ProfilerActivity.CUDA)
    with profile(activities=activities) as seen:
        _timed(loop, device)
    by = "self_cuda_time_total" if device.type == "cuda" else "self_cpu_time_total"
    return seen.key_averages().table(sort_by=by, row_limit=30, max_name_column_width=60)


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


if __name__ == "__main__":
    main()
