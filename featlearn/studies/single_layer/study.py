"""`study single-layer`: learn, code, pool and classify, cell by cell."""

import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import msgspec
import torch
from torch import Tensor

from featlearn.config.data import DataSpec
from featlearn.config.recipe import Recipe
from featlearn.datasets.imageset import ImageSet
from featlearn.datasets.source import find_root, open_splits
from featlearn.errors import DataError, UsageError
from featlearn.filenames import CARD, RESULTS
from featlearn.files import write_bytes, write_json
from featlearn.networks.formats import FORMAT, read_figures
from featlearn.networks.stack import Stack, build_stack
from featlearn.networks.store import load_stack
from featlearn.ops.random import generator
from featlearn.studies.folders import SETTINGS, check_settings, same_command
from featlearn.studies.single_layer.encoding import encode, standardised
from featlearn.studies.single_layer.judging import every_fifth, judge
from featlearn.studies.single_layer.panels import panels_of
from featlearn.studies.single_layer.plan import (
    EPOCHS,
    FACTORS,
    FEATURES,
    SOURCE,
    Cell,
    Factor,
    plan_cells,
    recipe_of,
)
from featlearn.studies.single_layer.results import CellResult, SingleLayerResult, markdown
from featlearn.training.device import pick_device, processor, use_threads
from featlearn.training.locks import writing_in
from featlearn.training.pictures import Pictures
from featlearn.training.progress import Progress, Silent
from featlearn.training.rundir import RunDirectory
from featlearn.visualize.single_layer import factors_figure
from featlearn.visualize.style import save_figure
from featlearn.visualize.tiles import spread
from featlearn.workflows.baseline_results import wilson
from featlearn.workflows.pretrain import pretrain

_SAMPLE = 50_000  # patches that the whitening of random ones is fitted on


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """What a folder's cells are of, as `study.json` holds it: others are not mixed with them."""

    format: int = FORMAT
    source: str
    seed: int
    images: int | None
    epochs: int


class _Kept(msgspec.Struct, frozen=True):
    """The file of a cell."""

    found: CellResult
    format: int = FORMAT


@same_command()
def single_layer(
    out: Path | str,
    *,
    features: Sequence[int] = FEATURES,
    vary: Sequence[Factor] = FACTORS,
    images: int | None = None,
    source: str = SOURCE,
    epochs: int = EPOCHS,
    root: Path | None = None,
    seed: int = 0,
    device: str = "auto",
    threads: int | None = None,
    progress: Progress | None = None,
) -> SingleLayerResult:
    """Compare single layers of features; cells that the folder has already are kept.

    Args:
        out: Folder of the runs, the cells, the table and the picture.
        features: Numbers of features; the largest is where the other factors are varied.
        vary: Which factors are varied.
        images: Labelled training images, and test images at most; all if absent.
        source: The data set, which has labels and a test split.
        epochs: Epochs to learn features for.
        root: Where data sets are; `$FEATLEARN_DATA` or the user's cache if absent.
        seed: Of every draw.
        device: `auto`, `cpu` or `cuda`, to learn and to code; classifiers are fitted on the CPU.
        threads: Threads of CPU operations; PyTorch's own choice if absent.
        progress: Told of every step.

    Raises:
        FeatlearnError: If data are missing, or the folder holds something else.
        Interrupted: If a signal asked for a stop; the same call goes on.
    """
    folder, told = Path(out), progress or Silent()
    if not features or min(features) < 2:
        raise UsageError("the study needs numbers of features, each 2 at least")
    chosen, count = pick_device(device), use_threads(threads)
    cells = plan_cells(features, vary)
    asked = Asked(source=source, seed=seed, images=images, epochs=epochs)
    material = _material(asked, find_root(root), chosen)
    _check_patches(cells, material.train)
    check_settings(folder, asked, words=_words)
    with writing_in(folder):
        write_json(folder / SETTINGS, msgspec.to_builtins(asked))
        how = _How(folder, find_root(root), asked, chosen, device, threads, told)
        found: list[CellResult] = []
        for place, cell in enumerate(cells, 1):
            told.note(f"cell {place} of {len(cells)}: {cell.name}")
            found.append(_cell(cell, material, how))
        return _finished(how, material, found, threads=count)


class _Material(NamedTuple):
    """Images and their classes.

    Attributes:
        train: Labelled images to learn from.
        test: Those that are named.
        labels: Classes of the former, `(n,)`.
        truth: Classes of the latter.
        validation: Which of the former choose the weight of errors, `(n,)`.
    """

    train: Pictures
    test: Pictures
    labels: Tensor
    truth: Tensor
    validation: Tensor


class _How(NamedTuple):
    """How the study is carried out."""

    folder: Path
    root: Path
    asked: Asked
    device: torch.device
    device_name: str
    threads: int | None
    told: Progress


def _material(asked: Asked, root: Path, device: torch.device) -> _Material:
    """Read the images.

    Raises:
        DataError: If they have no labels or no test split.
    """
    data = DataSpec(source=asked.source, limit=asked.images, hold_out=0)
    splits = open_splits(data, root=root, seed=asked.seed)
    train, test = splits.train, splits.test
    if test is None or train.labels is None or test.labels is None:
        raise DataError(f"{asked.source} must have labels and a test split for this study")
    if asked.images is not None:
        test = test.subset(spread(len(test), asked.images))  # from all over: they may lie by class
    labels, truth = _labels(train), _labels(test)
    return _Material(
        Pictures(train, device), Pictures(test, device), labels, truth, every_fifth(labels)
    )


def _labels(images: ImageSet) -> Tensor:
    assert images.labels is not None
    return torch.tensor(images.labels.tolist())


def _check_patches(cells: Sequence[Cell], images: Pictures) -> None:
    """Refuse images that a patch does not fit into."""
    largest = max(cell.patch for cell in cells)
    if largest > min(images.shape[1:]):
        raise DataError(
            f"{images.set.name} has {images.shape}, into which patches of {largest}x{largest} do "
            "not fit; leave the factor `patch` out"
        )


def _words(asked: Asked) -> str:
    """Say what the cells of a folder are of."""
    return (
        f"cells of {asked.source}, seed {asked.seed}, {asked.images or 'all'} images and "
        f"{asked.epochs} epochs"
    )


def _cell(cell: Cell, material: _Material, how: _How) -> CellResult:
    """Measure a cell, unless it is measured."""
    file = how.folder / "cells" / f"{cell.name}.json"
    if file.exists():
        return read_figures(file, _Kept).found
    stack, learned = _learned(cell, how)
    begun = time.monotonic()
    train, test = (_encoded(stack, some, cell, how) for some in (material.train, material.test))
    standardised(train, test)
    coded = time.monotonic()
    judged = judge(train, material.labels, test, material.truth, validation=material.validation)
    count = len(material.truth)
    low, high = wilson(count - judged.right, count)
    found = CellResult(
        cell=cell,
        accuracy=judged.right / count,
        interval=(1 - high, 1 - low),
        strength=judged.strength,
        chosen=judged.chosen,
        learn_seconds=round(learned, 3),
        encode_seconds=round(coded - begun, 3),
        fit_seconds=round(time.monotonic() - coded, 3),
    )
    write_json(file, msgspec.to_builtins(_Kept(found)))
    return found


def _learned(cell: Cell, how: _How) -> tuple[Stack, float]:
    """Learn the features of a cell, or go on where that stopped; and say how long it took."""
    asked = how.asked
    recipe = recipe_of(
        cell, source=asked.source, seed=asked.seed, images=asked.images, epochs=asked.epochs
    )
    if cell.method == "patches":
        begun = time.monotonic()
        return _drawn(recipe, how), time.monotonic() - begun
    run = RunDirectory(how.folder / "runs" / cell.learning)
    learned = pretrain(
        recipe,
        out=run.path,
        root=how.root,
        device=how.device_name,
        threads=how.threads,
        resume=run.started,
        progress=how.told,
    )
    return load_stack(run.path).stack.to(how.device).eval(), learned.seconds


def _drawn(recipe: Recipe, how: _How) -> Stack:
    """Take patches as they are for filters."""
    seed = how.asked.seed
    everything = open_splits(recipe.data, root=how.root, seed=seed).train
    draw = generator(seed, recipe.title)
    patches = Pictures(everything, how.device).sample(_SAMPLE, draw)
    sample = patches.at(range(len(patches)))
    stack = build_stack(recipe, patches.shape, seed=seed, images=sample).to(how.device).eval()
    weight = stack.stage(0).filter.weight
    chosen = torch.randperm(len(sample), generator=draw)[: len(weight)]
    if len(chosen) < len(weight):
        raise DataError(f"{len(weight)} random patches were asked for, of {len(sample)} there are")
    with torch.no_grad():
        weight.copy_(stack.prepare(sample[chosen.to(how.device)]))
    return stack


def _encoded(stack: Stack, pictures: Pictures, cell: Cell, how: _How) -> Tensor:
    """Code images, and say how far it is."""
    done = 0

    def told(more: int) -> None:
        nonlocal done
        done += more
        how.told.count("images", done=done, of=len(pictures), words=cell.name)

    told(0)
    try:
        return encode(stack, pictures, method=cell.method, stride=cell.stride, told=told)
    finally:
        how.told.stop()


def _finished(
    how: _How, material: _Material, cells: list[CellResult], *, threads: int
) -> SingleLayerResult:
    """Write the table and its picture."""
    figure = factors_figure(panels_of(cells))
    figures = [how.folder / f"single-layer.{ending}" for ending in ("png", "svg")]
    for file in figures:
        save_figure(figure, file)
    counts = torch.bincount(material.truth)
    result = SingleLayerResult(
        out=str(how.folder),
        source=how.asked.source,
        seed=how.asked.seed,
        images=len(material.labels),
        validation=int(material.validation.sum()),
        test=len(material.truth),
        guess=float(counts.max()) / len(material.truth),
        machine=processor(),
        threads=threads,
        cells=cells,
        figures=[str(file) for file in figures],
    )
    write_json(how.folder / RESULTS, msgspec.to_builtins(result))
    write_bytes(how.folder / CARD, markdown(result).encode())
    return result
