"""Classifiers on disk."""

from pathlib import Path
from typing import Annotated, Any, NamedTuple

import msgspec

from featlearn.config.base import NonNegativeInt
from featlearn.config.recipe import Recipe
from featlearn.errors import CheckpointError
from featlearn.heads.classifier import Classifier
from featlearn.networks.stack import build_stack
from featlearn.networks.store import (
    build_loaded,
    check_recorded,
    find_model,
    header,
    load_tensors,
    read_header,
    save_tensors,
)


class LoadedClassifier(NamedTuple):
    """A classifier from disk with what its file says about it.

    Attributes:
        classifier: A PyTorch module, of images `(n, maps, height, width)` to logits
            `(n, classes)`; its stages are `classifier.stack`.
        classes: Names of the classes, in the order of the logits.
        recipe: What it was built from.
        metadata: All that the file says.
    """

    classifier: Classifier
    classes: tuple[str, ...]
    recipe: Recipe
    metadata: dict[str, Any]


class _Head(msgspec.Struct):
    """What the metadata say of a classifier beside its stack."""

    classes: Annotated[tuple[str, ...], msgspec.Meta(min_length=1)]
    freeze: NonNegativeInt


def save_classifier(
    path: Path, classifier: Classifier, recipe: Recipe, classes: tuple[str, ...], **extra: object
) -> None:
    """Write a classifier with its stack, its recipe and the names of its classes.

    Raises:
        UsageError: If a stage is of a class of the caller's own.
    """
    metadata = {
        **header(classifier.stack, recipe),
        "classes": list(classes),
        "freeze": classifier.freeze,
        **extra,
    }
    save_tensors(path, classifier.state_dict(), metadata)


def load_classifier(path: Path | str) -> LoadedClassifier:
    """Read a classifier from the file of one, or from the folder of a head.

    Such files are written by `FeatureClassifier.save`, and as `RUN/heads/NAME/model.safetensors`.

    What can be read of a head is compared with the checksums that it keeps, too.

    Raises:
        CheckpointError: If the file cannot be used; the sentence says why.
    """
    file = find_model(path)
    tensors, metadata = load_tensors(file)
    recipe, shape = read_header(file, metadata)
    if "classes" not in metadata:
        raise CheckpointError(
            f"{file} holds a model without a classifier's head: open it with featlearn.load_model, "
            "or name the folder of a head, as RUN/heads/NAME"
        )
    try:
        head = msgspec.convert(metadata, _Head)
    except msgspec.ValidationError as error:
        raise CheckpointError(f"{file} is damaged: its classifier's head ({error})") from None
    classes, freeze = head.classes, head.freeze

    def build() -> Classifier:
        stack = build_stack(recipe, shape, seed=0)
        spec = recipe.finetune.head
        return Classifier(
            stack,
            spec,
            classes=len(classes),
            freeze=freeze,
            seed=0,
            frozen_statistics=recipe.finetune.batch_statistics == "frozen",
        )

    classifier = build_loaded(file, build, tensors)
    check_recorded(path)
    return LoadedClassifier(classifier.eval(), classes, recipe, metadata)
