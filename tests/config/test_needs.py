"""What pre-training must hold at once, against the sums by hand and the schedules."""

from typing import Any

import msgspec
import pytest

from featlearn.config.footprint import Footprint
from featlearn.config.load import load_recipe
from featlearn.config.needs import pretraining_footprint, total_bytes
from featlearn.config.plan import plan
from featlearn.config.recipe import Recipe
from featlearn.errors import RecipeError
from featlearn.geometry import MapShape

IMAGE = MapShape(1, 8, 8)
BATCH = 10


def make(**changes: Any) -> Recipe:
    """Make a recipe of two dense stages without biases, the second one much larger below."""
    stage = {"activation": "sigmoid", "objective": {"kind": "plain"}}
    raw: dict[str, Any] = {
        "title": "T",
        "data": {"source": "digits"},
        "stages": [
            {**stage, "name": "large", "filter": {"kind": "dense", "maps": 90, "bias": False}},
            {**stage, "name": "small", "filter": {"kind": "dense", "maps": 5, "bias": False}},
        ],
        "pretrain": {"batch": BATCH, "optimizer": {"kind": "sgd", "momentum": 0.9}},
    }
    pretrain = {**raw["pretrain"], **changes.pop("pretrain", {})}
    return msgspec.convert({**raw, **changes, "pretrain": pretrain}, Recipe)


def needed(recipe: Recipe, **options: Any) -> Footprint:
    found = pretraining_footprint(recipe, IMAGE, **options)
    assert found is not None
    return found


WEIGHTS = {"large": 90 * 64 + 64, "small": 5 * 90 + 90}
"""With the biases of the decoders."""


@pytest.mark.parametrize("schedule", ["joint", "greedy-then-joint"])
def test_stages_that_learn_together_are_added_up(schedule: str) -> None:
    held = 4 * sum(WEIGHTS.values())
    expected = Footprint(
        weights=held, gradients=held, optimizer=held, activations=4 * BATCH * (90 + 5)
    )
    found = needed(make(pretrain={"schedule": schedule}))
    assert found == expected
    assert total_bytes(found) == 3 * held + 4 * BATCH * 95


def test_updated_in_the_backward_pass_not_all_gradients_are_there() -> None:
    whole = needed(make(pretrain={"schedule": "joint"}))
    found = needed(make(pretrain={"schedule": "joint", "update": "backward"}))
    assert found == msgspec.structs.replace(whole, gradients=4 * WEIGHTS["large"])


def test_computed_again_not_all_activations_are_there() -> None:
    whole = needed(make(pretrain={"schedule": "joint"}))
    found = needed(make(pretrain={"schedule": "joint", "recompute": True}))
    assert found == msgspec.structs.replace(whole, activations=4 * BATCH * 90)


@pytest.mark.parametrize(
    ("pretrain", "said"),
    [
        ({"update": "backward", "clip": 1.0}, "`clip` needs all gradients at once"),
        ({"recompute": True}, "`recompute` belongs to a joint schedule"),
        ({"recompute": True, "schedule": "joint"}, "stage 'a' has batch normalisation"),
    ],
)
def test_what_saves_memory_does_not_go_with_everything(pretrain: dict[str, Any], said: str) -> None:
    stage = {"filter": {"kind": "conv", "size": 3, "maps": 2}, "norm": {"kind": "batch"}}
    with pytest.raises(msgspec.ValidationError, match=said):
        make(pretrain=pretrain, stages=[{**stage, "name": "a"}])


def test_of_stages_that_learn_one_after_the_other_the_largest_counts() -> None:
    largest = 4 * WEIGHTS["large"]
    assert needed(make()) == Footprint(
        weights=4 * sum(WEIGHTS.values()),
        gradients=largest,
        optimizer=largest,
        activations=4 * BATCH * 90,
    )


def test_what_does_not_learn_counts_by_its_weights_alone() -> None:
    recipe = make()
    large, small = (msgspec.structs.replace(stage, objective=None) for stage in recipe.stages)
    frozen = msgspec.structs.replace(recipe, stages=(large, small))
    bare = 4 * (90 * 64 + 5 * 90)
    assert needed(frozen) == Footprint(weights=bare, gradients=0, optimizer=0, activations=0)
    assert needed(frozen, own=["small"]).gradients == 4 * 5 * 90


def test_patches_are_left_out_and_bfloat16_halves_activations_but_rounds_weights() -> None:
    whole = needed(make(pretrain={"schedule": "joint"}))
    half = needed(make(pretrain={"schedule": "joint", "precision": "bfloat16"}))
    rounded = whole.weights + whole.weights // 2
    expected = msgspec.structs.replace(whole, weights=rounded, activations=whole.activations // 2)
    assert half == expected
    photographs = load_recipe("cifar-conv")
    shape = MapShape(3, 32, 32)
    assert any(stage.patches for stage in photographs.stages)
    counted = plan(photographs, shape)
    found = pretraining_footprint(photographs, shape)
    assert found is not None
    assert found.activations < counted.training.activations


def test_what_only_the_data_tell_is_not_guessed() -> None:
    recipe = make(preprocess=[{"kind": "pca", "keep": 0.9}])
    assert pretraining_footprint(recipe, IMAGE) is None
    assert pretraining_footprint(make(preprocess=[{"kind": "pca", "keep": 9}]), IMAGE) is not None


def test_stages_that_do_not_fit_are_refused_by_name() -> None:
    with pytest.raises(RecipeError, match="stage 'strokes'"):
        pretraining_footprint(load_recipe("mnist-local"), MapShape(1, 3, 3))
