"""A classifier: its head, what is frozen, and where gradients go."""

from collections.abc import Callable
from typing import Any

import msgspec
import pytest
import torch
from torch import Tensor, nn

from featlearn.config.heads import ClassificationSpec
from featlearn.config.recipe import Recipe
from featlearn.errors import RecipeError
from featlearn.geometry import MapShape
from featlearn.heads.classifier import Classifier
from featlearn.networks.stack import build_stack

Tiny = Callable[..., Recipe]


@pytest.fixture
def make(tiny: Tiny) -> Callable[..., Classifier]:
    def build(
        *, freeze: int = 0, classes: int = 3, seed: int = 0, norm: bool = False, **head: Any
    ) -> Classifier:
        recipe = tiny()
        if norm:
            first, second = map(msgspec.to_builtins, recipe.stages)
            recipe = tiny(stages=[{**first, "norm": {"kind": "batch"}}, second])
        stack = build_stack(recipe, MapShape(1, 8, 8), seed=0)
        spec = ClassificationSpec(**head)
        return Classifier(stack, spec, classes=classes, freeze=freeze, seed=seed)

    return build


Make = Callable[..., Classifier]


def images(count: int = 5) -> Tensor:
    return torch.rand(count, 1, 8, 8, generator=torch.Generator().manual_seed(0))


def test_a_head_begins_without_an_opinion(make: Make) -> None:
    for hidden in ((), (7,), (7, 4)):
        logits = make(hidden=hidden)(images())
        assert torch.equal(logits, torch.zeros(5, 3))


def test_logits_are_the_layers_on_scaled_features(make: Make) -> None:
    classifier = make(hidden=(7,))
    with torch.no_grad():
        classifier.scaler.centre.fill_(0.2)
        classifier.scaler.scale.fill_(3.0)
        nn.init.normal_(classifier.layers[-1].get_parameter("weight"))
    x = images()
    features = classifier.stack(x)[-1].output
    assert torch.equal(classifier.features(x), features)
    first, last = classifier.layers[0], classifier.layers[-1]
    hidden = nn.functional.linear(
        (features.flatten(1) - 0.2) / 3, first.get_parameter("weight"), first.get_parameter("bias")
    ).relu()
    expected = nn.functional.linear(
        hidden, last.get_parameter("weight"), last.get_parameter("bias")
    )
    torch.testing.assert_close(classifier(x), expected)


def test_hidden_layers_start_by_he_s_rule_from_their_own_seed(make: Make) -> None:
    weight = make(hidden=(4000,)).layers[0].get_parameter("weight")
    assert float(weight.detach().std()) == pytest.approx((2 / 6) ** 0.5, rel=0.05)
    assert torch.equal(weight, make(hidden=(4000,)).layers[0].get_parameter("weight"))
    assert not torch.equal(weight, make(hidden=(4000,), seed=1).layers[0].get_parameter("weight"))


def test_building_leaves_the_global_generator_alone(make: Make) -> None:
    before = torch.get_rng_state()
    make(hidden=(7, 5))
    assert torch.equal(torch.get_rng_state(), before)


def test_dropout_is_between_hidden_layers_and_only_in_training(make: Make) -> None:
    kinds = [type(layer).__name__ for layer in make(hidden=(7, 5), dropout=0.5).layers]
    assert kinds == ["Linear", "ReLU", "Dropout", "Linear", "ReLU", "Dropout", "Linear"]
    assert [type(layer).__name__ for layer in make(dropout=0.5).layers] == ["Linear"]


@pytest.mark.parametrize("freeze", [0, 1, 2])
def test_frozen_stages_get_no_gradient(make: Make, freeze: int) -> None:
    classifier = make(freeze=freeze)
    nn.init.normal_(classifier.layers[-1].get_parameter("weight"))
    classifier(images()).square().sum().backward()
    for place in range(2):
        moved = classifier.stack.stage(place).filter.weight.grad
        assert (moved is None) == (place < freeze)
    assert classifier.frozen == (freeze == 2)
    assert classifier.layers[-1].get_parameter("weight").grad is not None


@pytest.mark.parametrize("freeze", [0, 1])
def test_batch_statistics_of_frozen_stages_stay(make: Make, freeze: int) -> None:
    classifier = make(freeze=freeze, norm=True)
    before = classifier.stack.stage(0).state_dict()["norm.running_mean"].clone()
    classifier.train()
    classifier(images())
    now = classifier.stack.stage(0).state_dict()["norm.running_mean"]
    assert torch.equal(now, before) == (freeze == 1)


@pytest.mark.parametrize("freeze", [-1, 3])
def test_only_stages_that_are_there_can_be_frozen(make: Make, freeze: int) -> None:
    with pytest.raises(RecipeError, match=f"freeze must be between 0 and 2 stages; got {freeze}"):
        make(freeze=freeze)


def test_the_recipe_s_number_of_classes_must_be_the_labels(make: Make) -> None:
    assert make(classes=3)(images()).shape == (5, 3)
    with pytest.raises(RecipeError, match=r"head\.classes is 4, but the labels have 3 classes"):
        Classifier(make().stack, ClassificationSpec(classes=4), classes=3, freeze=0, seed=0)
