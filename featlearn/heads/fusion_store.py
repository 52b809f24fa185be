"""Classifiers over several modalities on disk."""

from pathlib import Path
from typing import Annotated, NamedTuple

import msgspec

from featlearn.config.modalities import MultimodalRecipe
from featlearn.errors import CheckpointError
from featlearn.heads.fusion import FusionClassifier
from featlearn.networks.multimodal import build_multimodal
from featlearn.networks.multimodal_store import multimodal_header, read_multimodal_header
from featlearn.networks.store import (
    build_loaded,
    check_recorded,
    find_model,
    load_tensors,
    save_tensors,
)


class LoadedFusion(NamedTuple):
    """A classifier over several modalities from disk."""

    classifier: FusionClassifier
    classes: tuple[str, ...]
    recipe: MultimodalRecipe


class _Head(msgspec.Struct):
    classes: Annotated[tuple[str, ...], msgspec.Meta(min_length=1)]


def save_fusion(
    path: Path,
    classifier: FusionClassifier,
    recipe: MultimodalRecipe,
    classes: tuple[str, ...],
    **extra: object,
) -> None:
    """Write a classifier with its network, its recipe and the names of its classes."""
    header = multimodal_header(classifier.net, recipe)
    save_tensors(path, classifier.state_dict(), {**header, "classes": list(classes), **extra})


def load_fusion(path: Path | str) -> LoadedFusion:
    """Read a classifier over several modalities from its file, or from the folder of a head.

    Raises:
        CheckpointError: If the file cannot be used; the sentence says why.
    """
    file = find_model(path)
    tensors, metadata = load_tensors(file)
    recipe, shapes = read_multimodal_header(file, metadata)
    try:
        classes = msgspec.convert(metadata, _Head).classes
    except msgspec.ValidationError as error:
        raise CheckpointError(f"{file} holds no head over several modalities ({error})") from None

    def build() -> FusionClassifier:
        net = build_multimodal(recipe, shapes)
        return FusionClassifier(net, recipe.finetune.head, classes=len(classes), seed=0)

    classifier = build_loaded(file, build, tensors)
    check_recorded(path)
    return LoadedFusion(classifier.eval(), classes, recipe)
