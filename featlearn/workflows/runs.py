"""What several workflows need of a finished run."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import torch

from featlearn.config.heads import ClassificationSpec
from featlearn.config.recipe import Recipe
from featlearn.datasets.imageset import ImageSet
from featlearn.datasets.source import Split, open_images, open_splits
from featlearn.errors import CheckpointError, DataError, ShapeError, UnfitError
from featlearn.heads.classifier import Classifier
from featlearn.heads.store import load_classifier
from featlearn.networks.stack import Stack
from featlearn.networks.store import LoadedStack, load_stack
from featlearn.training.device import pick_device, use_threads
from featlearn.training.pictures import Pictures
from featlearn.training.rundir import RunDirectory
from featlearn.wording import plural
from featlearn.workflows.temperature import read_temperature


class OpenedRun(NamedTuple):
    """A run whose stages are to be looked at.

    Attributes:
        run: The run.
        loaded: Its stack, in evaluation mode, and its recipe.
        device: Where it computes.
    """

    run: RunDirectory
    loaded: LoadedStack
    device: torch.device


def open_run(path: Path | str, *, device: str, threads: int | None) -> OpenedRun:
    """Open a run and load its stages.

    Args:
        path: The run.
        device: `auto`, `cpu` or `cuda`.
        threads: Threads of CPU operations; PyTorch's own choice if absent.

    Raises:
        FeatlearnError: If the run, or the device, stands in the way.
    """
    run = RunDirectory.open(path)
    chosen = pick_device(device)
    use_threads(threads)
    loaded = load_stack(run.path)
    loaded.stack.to(chosen).eval()
    return OpenedRun(run, loaded, chosen)


def open_beside(path: Path | str, stack: Stack) -> LoadedStack:
    """Load the stages of another run, to set them beside those of a run on the same images.

    Args:
        path: The other run.
        stack: The run's.

    Raises:
        FeatlearnError: If the other run stands in the way, or takes other images.
    """
    other = load_stack(RunDirectory.open(path).path)
    if other.stack.input_shape != stack.input_shape:
        raise ShapeError(
            f"{path} takes {other.stack.input_shape}, but the run {stack.input_shape}; compare "
            "runs that take the same images"
        )
    other.stack.eval()
    return other


class TrainedHead(NamedTuple):
    """A head of a run, ready for use.

    Attributes:
        name: Of the head.
        classifier: It and its stack.
        classes: Names of its classes, or of its targets.
        recipe: What it was trained by.
        temperature: What its logits are divided by, if it was calibrated.
    """

    name: str
    classifier: Classifier
    classes: tuple[str, ...]
    recipe: Recipe
    temperature: float | None = None


def open_head(
    run: RunDirectory, name: str | None, device: torch.device, *, tempered: bool = True
) -> TrainedHead:
    """Load a head of a run; without a name, the only one.

    Args:
        run: The run.
        name: Of the head.
        device: Where it computes.
        tempered: Whether to read its temperature, too; what fits one anew has no use for it.

    Raises:
        FeatlearnError: If there is no such head, or what belongs to it is damaged.
    """
    chosen, folder = run.open_head(name)
    loaded = load_classifier(folder.path)
    temperature = read_temperature(folder) if tempered else None
    return TrainedHead(
        chosen, loaded.classifier.to(device), loaded.classes, loaded.recipe, temperature
    )


def open_pictures(
    recipe: Recipe,
    source: str,
    *,
    root: Path | None,
    shape: tuple[int, ...],
    device: torch.device,
    split: Split = "all",
) -> Pictures:
    """Open images from anywhere under the recipe's size policy.

    Args:
        recipe: Its size policy.
        source: Images, as any source.
        root: Where data sets are.
        shape: What the network takes.
        device: Where batches go.
        split: Which images of a source that has splits.

    Raises:
        ShapeError: If they cannot be given the shape that the network takes.
    """
    try:
        images = open_images(source, recipe.data, root=root, split=split)
    except UnfitError as error:  # its advice is for a recipe, and this one is settled
        raise ShapeError(f"{error.found}; {_only(shape)}") from None
    return check_shape(images, shape, device)


def open_test(
    recipe: Recipe,
    *,
    root: Path | None,
    shape: tuple[int, ...],
    device: torch.device,
    recorded: Sequence[Mapping[str, str]] = (),
) -> Pictures:
    """Open the test split of a recipe's data.

    Args:
        recipe: Says which data.
        root: Where data sets are.
        shape: What the network takes.
        device: Where batches go.
        recorded: Fingerprints of the splits that the run, and its head, learned from.

    Raises:
        DataError: If there is none, or it has no labels.
        CheckpointError: If it is not the test split that was set apart from training.
    """
    test = open_splits(recipe.data, root=root, seed=recipe.seed).test
    if test is None:
        raise DataError(
            f"{recipe.data.source} has no test split; name labelled images to evaluate on"
        )
    if test.labels is None and isinstance(recipe.finetune.head, ClassificationSpec):
        raise DataError(f"the test split of {recipe.data.source} has no labels")
    if any(known and known.get("test") != test.fingerprint for known in recorded):
        raise CheckpointError(
            f"the test split of {recipe.data.source} has other images than when the model was "
            "trained, which may have learned from some of them; put the data back as they were, "
            "or name other labelled images to evaluate on"
        )
    return check_shape(test, shape, device)


def check_shape(images: ImageSet, shape: tuple[int, ...], device: torch.device) -> Pictures:
    """Refuse images of another shape than the network takes."""
    if tuple(images.shape) != tuple(shape):
        raise ShapeError(f"{images.name} has images of {images.shape}; {_only(shape)}")
    return Pictures(images, device)


def _only(shape: tuple[int, ...]) -> str:
    """Say which images a network takes, and what can be done about others."""
    maps, height, width = shape
    return (
        f"the network takes {plural(maps, 'map')} of {height}x{width}: bring the images to that "
        "first, or pre-train a run whose `data.size`, `data.fit` and `data.colour` do so"
    )
