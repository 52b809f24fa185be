"""Classifiers on disk."""

import json
import resource
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
import torch
from safetensors.torch import save_file

from featlearn.config.heads import ClassificationSpec
from featlearn.config.recipe import Recipe
from featlearn.errors import CheckpointError
from featlearn.geometry import MapShape
from featlearn.heads.classifier import Classifier
from featlearn.heads.store import load_classifier, save_classifier
from featlearn.networks.stack import build_stack
from featlearn.networks.store import load_tensors, save_stack

Tiny = Callable[..., Recipe]
CLASSES = ("cat", "<script>", "dog")
HEAD = {"kind": "classification", "hidden": [5], "dropout": 0.1}


@pytest.fixture
def recipe(tiny: Tiny) -> Recipe:
    return tiny(finetune={"head": HEAD, "freeze": 1})


def classifier(recipe: Recipe) -> Classifier:
    stack = build_stack(recipe, MapShape(1, 8, 8), seed=4)
    spec = ClassificationSpec(hidden=(5,), dropout=0.1)
    found = Classifier(stack, spec, classes=3, freeze=1, seed=4)
    torch.nn.init.ones_(found.layers[-1].get_parameter("weight"))
    return found


def test_a_classifier_comes_back(tmp_path: Path, recipe: Recipe) -> None:
    path, then = tmp_path / "model.safetensors", classifier(recipe)
    save_classifier(path, then, recipe, CLASSES, options={"labels": 3})
    loaded = load_classifier(path)
    assert loaded.classes == CLASSES
    assert loaded.recipe == recipe
    assert loaded.metadata["options"] == {"labels": 3}
    assert loaded.classifier.freeze == 1
    x = torch.rand(4, 1, 8, 8)
    assert torch.equal(loaded.classifier(x), then.eval()(x))
    assert bool(then(x).any())


def test_a_stack_without_a_head_is_refused(tmp_path: Path, recipe: Recipe) -> None:
    path = tmp_path / "model.safetensors"
    save_stack(path, classifier(recipe).stack, recipe)
    with pytest.raises(CheckpointError, match="holds a model without a classifier's head"):
        load_classifier(path)


@pytest.mark.parametrize(
    "change",
    [
        *({"freeze": value} for value in (float("inf"), "a", [1], None, -1, 1.5)),
        *({"classes": value} for value in ("abc", [], {}, [1, 2], None)),
    ],
)
def test_a_head_that_says_nonsense_is_refused(
    tmp_path: Path, recipe: Recipe, change: dict[str, object]
) -> None:
    path = tmp_path / "model.safetensors"
    save_classifier(path, classifier(recipe), recipe, CLASSES)
    tensors, metadata = load_tensors(path)
    save_file(tensors, path, metadata={"featlearn": json.dumps({**metadata, **change})})
    with pytest.raises(CheckpointError, match=r"is damaged: its classifier's head \("):
        load_classifier(path)


@pytest.mark.parametrize("statistics", ["running", "frozen"])
def test_what_becomes_of_batch_statistics_is_kept(
    tmp_path: Path, tiny: Tiny, statistics: str
) -> None:
    recipe = tiny(finetune={"head": HEAD, "freeze": 1, "batch_statistics": statistics})
    save_classifier(tmp_path / "model.safetensors", classifier(recipe), recipe, CLASSES)
    loaded = load_classifier(tmp_path / "model.safetensors").classifier
    assert loaded.frozen_statistics == (statistics == "frozen")


def test_more_frozen_stages_than_there_are_name_the_file(tmp_path: Path, recipe: Recipe) -> None:
    path = tmp_path / "model.safetensors"
    save_classifier(path, classifier(recipe), recipe, CLASSES)
    tensors, metadata = load_tensors(path)
    save_file(tensors, path, metadata={"featlearn": json.dumps({**metadata, "freeze": 9})})
    with pytest.raises(CheckpointError, match=r"safetensors holds .* cannot be built: freeze"):
        load_classifier(path)


def test_a_head_that_does_not_fit_is_named(tmp_path: Path, recipe: Recipe) -> None:
    path = tmp_path / "model.safetensors"
    save_classifier(path, classifier(recipe), recipe, (*CLASSES, "one more"))
    with pytest.raises(CheckpointError, match=r"does not fit its recipe.*layers\.3\."):
        load_classifier(path)


def test_a_head_that_lies_about_its_size_takes_no_memory(tmp_path: Path, recipe: Recipe) -> None:
    path = tmp_path / "model.safetensors"
    spec = ClassificationSpec(hidden=(10**6, 10**6))
    lie = msgspec.structs.replace(
        recipe, finetune=msgspec.structs.replace(recipe.finetune, head=spec)
    )
    save_classifier(path, classifier(recipe), lie, CLASSES)
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + 2**29, hard))
    try:
        with pytest.raises(CheckpointError, match=r"model.safetensors does not fit its recipe"):
            load_classifier(path)
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))
