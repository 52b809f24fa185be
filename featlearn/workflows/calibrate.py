"""`evaluate --calibrate`: a temperature that makes a head as sure as it is right."""

from pathlib import Path

import msgspec
import torch

from featlearn.config.heads import ClassificationSpec
from featlearn.datasets.imageset import ImageSet, shared_images
from featlearn.datasets.labels import match_classes
from featlearn.datasets.source import open_splits
from featlearn.errors import CheckpointError, DataError, UsageError
from featlearn.evaluate.calibration import cross_entropy, fit_temperature
from featlearn.files import sha256, write_json
from featlearn.heads.problem import logits_of
from featlearn.training.device import pick_device, use_threads
from featlearn.training.pictures import Pictures
from featlearn.training.rundir import HeadFolder, RunDirectory
from featlearn.wording import count
from featlearn.workflows.head_results import read_head_result
from featlearn.workflows.labelled import draw_places
from featlearn.workflows.runs import TrainedHead, check_shape, open_head, open_pictures
from featlearn.workflows.temperature import Calibration


def calibrate(
    path: Path | str,
    *,
    root: Path | None = None,
    head: str | None = None,
    source: str | None = None,
    device: str = "auto",
    threads: int | None = None,
) -> Calibration:
    """Fit the temperature of a classifier on labelled images that it did not learn from.

    It is written beside the head, and taken by `evaluate` and `predict` from then on; which
    class is the most probable does not change.

    Args:
        path: The run.
        root: Where data sets are; `$FEATLEARN_DATA` or the user's cache if absent.
        head: Name of the head; may be left out where there is only one.
        source: Labelled images to fit on, all of them; those that fine-tuning held out for
            validation if absent.
        device: `auto`, `cpu` or `cuda`.
        threads: Threads of CPU operations; PyTorch's own choice if absent.

    Raises:
        FeatlearnError: If the head is no classification, or there are no such images.
    """
    run, chosen = RunDirectory.open(path), pick_device(device)
    use_threads(threads)
    trained = open_head(run, head, chosen, tempered=False)
    if not isinstance(trained.recipe.finetune.head, ClassificationSpec):
        raise UsageError(f"head {trained.name!r} is no classification; it has no temperature")
    folder = run.head(trained.name)
    if source is None:
        images = _held_out(run, folder, trained, root=root, device=chosen)
    else:
        shape = trained.classifier.stack.input_shape
        images = open_pictures(trained.recipe, source, root=root, shape=shape, device=chosen)
        _check_apart(images.set, folder, trained, root=root)
    labels = match_classes(images.set, trained.classes)
    logits = logits_of(trained.classifier, images).double().cpu().numpy()
    temperature = fit_temperature(logits, labels)
    result = Calibration(
        head=trained.name,
        temperature=temperature,
        source=source or trained.recipe.data.source,
        images=len(images),
        nll_before=cross_entropy(logits, labels),
        nll=cross_entropy(logits, labels, temperature=temperature),
        model=sha256(folder.model_file),
    )
    write_json(folder.calibration_file, msgspec.to_builtins(result))
    return result


def _check_apart(
    images: ImageSet, folder: HeadFolder, trained: TrainedHead, *, root: Path | None
) -> None:
    """Refuse images that the head learned from, or that will judge it.

    Raises:
        DataError: If any is among them, pixel for pixel.
    """
    recipe, result = trained.recipe, read_head_result(folder)
    splits = open_splits(recipe.data, root=root, seed=recipe.seed)
    labels = None if result.labels == "all" else result.labels
    learned = draw_places(recipe, splits.train, labels=labels, label_seed=result.label_seed).train
    parts = {"head learned from": splits.train.subset(learned)}
    if splits.test is not None:
        parts["run is judged by"] = splits.test
    for what, part in parts.items():
        among = shared_images(images, part)
        if among:
            raise DataError(
                f"{count(among)} of the {count(len(images))} images of {images.name} are among "
                f"those that the {what}; a temperature is fitted on others: name such by "
                "--calibrate-on"
            )


def _held_out(
    run: RunDirectory,
    folder: HeadFolder,
    trained: TrainedHead,
    *,
    root: Path | None,
    device: torch.device,
) -> Pictures:
    """Draw the labelled images again that fine-tuning only measured."""
    result, recipe = read_head_result(folder), trained.recipe
    if not result.validation:
        raise DataError(
            f"head {trained.name!r} held out no labelled images to fit a temperature on; "
            "fine-tune it with --set finetune.patience=10, which does, or name labelled images "
            "that it did not learn from by --calibrate-on"
        )
    splits = open_splits(recipe.data, root=root, seed=recipe.seed)
    if result.fingerprints.get("train") != splits.train.fingerprint:
        raise CheckpointError(
            f"{recipe.data.source} has other training images than when head {trained.name!r} was "
            f"trained in {run.path}; put the data back as they were"
        )
    labels = None if result.labels == "all" else result.labels
    drawn = draw_places(recipe, splits.train, labels=labels, label_seed=result.label_seed)
    kept = splits.train.subset(drawn.validation)
    return check_shape(kept, trained.classifier.stack.input_shape, device)
