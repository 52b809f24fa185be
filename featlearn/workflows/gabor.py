"""`evaluate --gabor`: how far the filters of a run are Gabor functions."""

from pathlib import Path

import msgspec
import torch

from featlearn.autoencoders.build import build_objectives
from featlearn.config.recipe import Recipe
from featlearn.errors import ShapeError, UsageError
from featlearn.evaluate.gabor_filters import (
    FilterPatterns,
    StageGabors,
    count_of_fits,
    filter_patterns,
    stage_gabors,
)
from featlearn.files import write_json
from featlearn.networks.formats import FORMAT
from featlearn.networks.stack import Stack, build_stack
from featlearn.networks.store import LoadedStack
from featlearn.ops.random import generator
from featlearn.seeds import derive
from featlearn.training.progress import Progress, Silent
from featlearn.training.rundir import RunDirectory
from featlearn.workflows.runs import open_run


class GaborResult(msgspec.Struct, frozen=True, kw_only=True):
    """Gabor functions fitted to the filters of a run, as `gabor.json` holds them.

    Attributes:
        run: The run.
        stages: Of each stage whose filters can be fitted.
        left_out: Why others were left out, by name.
    """

    format: int = FORMAT
    run: str
    stages: tuple[StageGabors, ...]
    left_out: dict[str, str]


def gabor(
    path: Path | str,
    *,
    device: str = "auto",
    threads: int | None = None,
    progress: Progress | None = None,
) -> GaborResult:
    """Fit Gabor functions to the filters of every stage, and write nothing.

    No image is needed. The controls are the same network with random weights, and noise.

    Args:
        path: The run.
        device: `auto`, `cpu` or `cuda`; where filters are taken to the image.
        threads: Threads of CPU operations; PyTorch's own choice if absent.
        progress: Told how many filters were fitted.

    Raises:
        FeatlearnError: If the run stands in the way.
        ShapeError: If no stage has filters that can be fitted.
    """
    _, loaded, _ = open_run(path, device=device, threads=threads)
    found, left_out = all_patterns(loaded.stack)
    if not found:
        raise ShapeError(f"{path}: {next(iter(left_out.values()))}")
    stages = fit_stages(loaded, found, progress=progress or Silent())
    return GaborResult(run=str(path), stages=tuple(stages), left_out=left_out)


def keep_gabor(result: GaborResult) -> None:
    """Write the figures into the run.

    Raises:
        OSError: If they cannot be written.
    """
    write_json(RunDirectory(result.run).gabor_file, msgspec.to_builtins(result))


def all_patterns(stack: Stack) -> tuple[dict[int, FilterPatterns], dict[str, str]]:
    """Take the filters of every stage to the image.

    Returns:
        Those that can be fitted, by place; and why others cannot, by name.
    """
    found: dict[int, FilterPatterns] = {}
    left_out: dict[str, str] = {}
    for index, name in enumerate(stack.names):
        try:
            found[index] = filter_patterns(stack, index)
        except (ShapeError, UsageError) as error:
            left_out[name] = str(error)
    return found, left_out


def fit_stages(
    loaded: LoadedStack, found: dict[int, FilterPatterns], *, progress: Progress
) -> list[StageGabors]:
    """Fit the filters of stages and their controls.

    Args:
        loaded: The network, where it computes, and its recipe.
        found: Filters, by place of their stage.
        progress: Told how many were fitted.
    """
    stack, recipe = loaded.stack, loaded.recipe
    seed = derive(recipe.seed, "gabor")
    untrained = _untrained(recipe, stack, seed=seed)
    done, of = 0, sum(map(count_of_fits, found.values()))

    def told(more: int) -> None:
        nonlocal done
        done += more
        progress.count("filters", done=done, of=of)

    told(0)
    try:
        return [
            stage_gabors(
                stack,
                index,
                patterns,
                untrained=untrained,
                generator=generator(seed, "noise", index),
                told=told,
            )
            for index, patterns in found.items()
        ]
    finally:
        progress.stop()


def _untrained(recipe: Recipe, stack: Stack, *, seed: int) -> Stack:
    """Build the same network with random weights, but with the scaling that was fitted.

    `featlearn.heads.finetuning.untrained_stack` fits that anew, for which it needs images; here
    nothing depends on it but the size of patterns.
    """
    fresh = build_stack(recipe, stack.input_shape, seed=seed, preprocess=stack.preparation)
    fresh = fresh.to(stack.stage(0).filter.weight.device).eval()
    for index in range(len(stack)):
        fresh.stage(index).scaler.load_state_dict(stack.stage(index).scaler.state_dict())
    with torch.no_grad():
        for place, objective in build_objectives(recipe.stages).items():
            objective.after_step(fresh.stage(place))
    return fresh
