#!/usr/bin/env python3
"""Measure the memory that `top_images` takes for more and more images.

    python scripts/bench/top_images.py --threads 1

Random images are drawn as they are needed and go through a tiny network of two stages. Prints
the largest resident memory of the process after each number of images, which is gone through
from the start.
"""

import argparse
import resource
import time
from collections.abc import Iterator

import torch
from torch import Tensor

from featlearn.config.banks import DenseSpec, LocalSpec
from featlearn.config.data import DataSpec
from featlearn.config.pieces import L2PoolSpec
from featlearn.config.recipe import Recipe
from featlearn.config.stages import StageSpec
from featlearn.evaluate.top_images import top_images
from featlearn.geometry import MapShape
from featlearn.networks.stack import Stack, build_stack

SHAPE = MapShape(1, 8, 8)


def main() -> None:
    """Go through each number of images, and print what it took."""
    parser = argparse.ArgumentParser(description="Measure the memory of top_images.")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--images", type=int, nargs="+", default=[10_000, 100_000, 1_000_000])
    parser.add_argument("--batch", type=int, default=1000)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    stack = _stack()
    for count in options.images:
        start = time.perf_counter()
        top = top_images(stack, _images(count, options.batch))
        seconds = time.perf_counter() - start
        units = sum(len(stage.values) for stage in top)
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(f"{count} images, {units} units: {seconds:.1f} s, at most {peak:.0f} MiB")


def _stack() -> Stack:
    """Build a tiny network with random weights."""
    stages = (
        StageSpec(name="low", filter=LocalSpec(size=3, maps=4), pool=L2PoolSpec(size=2, stride=2)),
        StageSpec(name="high", filter=DenseSpec(maps=32)),
    )
    recipe = Recipe(title="tiny", data=DataSpec(source="digits"), stages=stages)
    return build_stack(recipe, SHAPE, seed=0).eval()


def _images(count: int, batch: int) -> Iterator[Tensor]:
    """Draw images, a batch at a time."""
    draws = torch.Generator().manual_seed(0)
    for start in range(0, count, batch):
        yield torch.rand(min(batch, count - start), *SHAPE, generator=draws)


if __name__ == "__main__":
    main()
