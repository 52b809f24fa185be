"""`check`: whether a recipe can learn at all, found out in about a minute."""

import time
from pathlib import Path

import msgspec

from featlearn.config.augmentation import check_augment
from featlearn.config.data import DataSpec
from featlearn.config.heads import ClassificationSpec, HeadSpec
from featlearn.config.recipe import Recipe
from featlearn.datasets.catalogue import KNOWN
from featlearn.datasets.entries import told_shape
from featlearn.datasets.held_out import split_training
from featlearn.datasets.imageset import ImageSet
from featlearn.datasets.labels import limited
from featlearn.datasets.source import open_splits
from featlearn.files import check_folder
from featlearn.seeds import derive
from featlearn.training.device import pick_device, use_threads
from featlearn.training.pictures import Pictures
from featlearn.training.pretraining import Pretraining
from featlearn.training.progress import Progress, Silent
from featlearn.training.range_test import RangeTest
from featlearn.training.trying import at_full_rate
from featlearn.workflows.check_words import Check
from featlearn.workflows.checks import Checker
from featlearn.workflows.find_rate import draw_rates
from featlearn.workflows.memory import check_memory
from featlearn.workflows.outputs import check_apart

FEW = 20
"""Labelled images that are learnt by heart."""

_IMAGES = 2000
_BATCHES = 4
_PICTURES = 20
_KEPT = 2  # times the weights are kept, to undo steps


class CheckResult(msgspec.Struct, frozen=True, kw_only=True):
    """What checking a recipe came to.

    Attributes:
        title: Of the recipe.
        passed: Whether no check failed.
        images: Training images that were used.
        seconds: How long it took.
        checks: What was looked at, in order.
        ranges: The range tests of the learning rate, one for each phase.
        files: Pictures that were written.
    """

    title: str
    passed: bool
    images: int
    seconds: float
    checks: list[Check]
    ranges: list[RangeTest]
    files: list[str]


def check(
    recipe: Recipe,
    *,
    root: Path | None = None,
    device: str = "auto",
    threads: int | None = None,
    out: Path | None = None,
    progress: Progress | None = None,
) -> CheckResult:
    """Look for what keeps a recipe from learning, on some 2000 of its training images.

    Every phase of the recipe's schedule is begun as training begins it, and so is
    fine-tuning if the images have labels; no run is written.

    Args:
        recipe: What to check.
        root: Where data sets are; `$FEATLEARN_DATA` or the user's cache if absent.
        device: `auto`, `cpu` or `cuda`.
        threads: Threads of CPU operations; PyTorch's own choice if absent.
        out: Folder for a plot of the range tests, `rates.png` and `rates.svg`.
        progress: Told of every step.

    Raises:
        FeatlearnError: If the recipe or the data stand in the way.
        OSError: If nothing can be written into `out`.
    """
    begun = time.monotonic()
    if out is not None:
        check_apart(out / "rates.png", source=recipe.data.source, root=root)
        check_folder(out)
    chosen = pick_device(device)
    use_threads(threads)
    small, told = on_few_images(recipe), progress or Silent()
    shape = told_shape(small.data)
    if shape is not None:  # before images are read, which may take a while
        check_memory(small, shape, chosen, told, kept=_KEPT)
    images = split_training(small, open_splits(small.data, root=root, seed=small.seed).train)[0]
    check_augment(recipe.finetune.augment, images.shape, table="finetune")  # not after a minute
    if shape is None:
        check_memory(small, images.shape, chosen, told, images=len(images), kept=_KEPT)
    training = Pretraining(small, Pictures(images, chosen), held_out=None)
    checker = Checker(small, training.sample, told)
    training.run(checker)
    why_not = _why_no_head(images, recipe.finetune.head)
    if why_not is None:
        few = _few(images, seed=small.seed)
        checker.head(training.stack, Pictures(images, chosen), Pictures(few, chosen))
    else:
        checker.no_head(why_not)
    return CheckResult(
        title=recipe.title,
        passed=all(found.status != "failed" for found in checker.checks),
        images=len(images),
        seconds=round(time.monotonic() - begun, 3),
        checks=checker.checks,
        ranges=checker.ranges,
        files=[] if out is None else draw_rates(checker.ranges, out),
    )


def on_few_images(recipe: Recipe) -> Recipe:
    """Change a recipe to learn from some 2000 images, or four batches if these are more.

    The schedule of the rate goes too: its warm-up is counted for all images.
    """
    count = max(_IMAGES, _BATCHES * max(recipe.pretrain.batch, recipe.finetune.batch))
    pretrain = msgspec.structs.replace(
        at_full_rate(recipe.pretrain), fit_samples=min(recipe.pretrain.fit_samples, count)
    )
    return msgspec.structs.replace(recipe, data=_few_data(recipe.data, count), pretrain=pretrain)


def _few_data(spec: DataSpec, count: int) -> DataSpec:
    """Take fewer pictures, or of a few pictures fewer crops, that give `count` images together."""
    if spec.crops is None:
        return msgspec.structs.replace(spec, limit=min(spec.limit or count, count))
    known = KNOWN.get(spec.source)
    pictures = min(known.train if known else _PICTURES, _PICTURES)
    crops = min(spec.crops, -(-count // pictures))
    limit = max(count // crops, pictures)
    return msgspec.structs.replace(spec, crops=crops, limit=min(spec.limit or limit, limit))


def _few(images: ImageSet, *, seed: int) -> ImageSet:
    """Draw the images to learn by heart, classes as even as can be."""
    return images.subset(
        limited(images.labels, len(images), FEW, seed=derive(seed, "learnt by heart"))
    )


def _why_no_head(images: ImageSet, head: HeadSpec) -> str | None:
    """Say why fine-tuning cannot be checked, if it cannot."""
    if not isinstance(head, ClassificationSpec):
        return f"{images.name} has no targets" if images.targets is None else None
    if images.labels is None:
        return f"{images.name} has no labels"
    if len(set(images.labels.tolist())) < 2:
        return f"all labels of {images.name} are of one class"
    return None
