"""What pre-training must hold at once, against the sums by hand and the schedules."""

from typing import Any

import msgspec
import pytest
import torch

from featlearn.autoencoders.build import build_objective
from featlearn.autoencoders.objective import Objective, begin_all
from featlearn.config.load import load_recipe
from featlearn.config.needs import PROGRAM_BYTES, Needs, pretraining_footprint, total_bytes
from featlearn.config.recipe import Recipe
from featlearn.errors import RecipeError
from featlearn.geometry import MapShape
from featlearn.networks.stack import build_stack
from featlearn.stages.stage import Stage

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


def needed(recipe: Recipe, **options: Any) -> Needs:
    found = pretraining_footprint(recipe, IMAGE, **options)
    assert found is not None
    return found


WEIGHTS = {"large": 90 * 64 + 64, "small": 5 * 90 + 90}
"""With the biases of the decoders."""


def step(*, given: int, code: int, batch: int = BATCH) -> int:
    """Count the bytes of a step by hand: input and scaled input, code, and four codes passing."""
    return 4 * batch * (2 * given + 5 * code)


LOOKED_AT = step(given=64, code=90, batch=256)
"""Of the images that scales are fitted on."""


@pytest.mark.parametrize("schedule", ["joint", "greedy-then-joint"])
def test_stages_that_learn_together_are_added_up(schedule: str) -> None:
    held = 4 * sum(WEIGHTS.values())
    found = needed(make(pretrain={"schedule": schedule}), processor=False)
    assert found == Needs(
        weights=held,
        gradients=held + 2 * 4 * 90 * 64,  # both derivatives by the tied weights, and their sum
        optimizer=held,
        activations=step(given=64, code=90) + LOOKED_AT,
    )
    assert total_bytes(found) == sum(msgspec.structs.astuple(found))


def test_updated_in_the_backward_pass_not_all_gradients_are_there() -> None:
    whole = needed(make(pretrain={"schedule": "joint"}))
    found = needed(make(pretrain={"schedule": "joint", "update": "backward"}))
    assert found == msgspec.structs.replace(whole, gradients=3 * 4 * 90 * 64)


def test_computed_again_not_all_activations_are_there() -> None:
    # Of equal stages, so that what both keep is more than what either takes.
    given = {"filter": {"kind": "dense", "maps": 64}, "activation": "sigmoid"}
    plain = {**given, "objective": {"kind": "plain"}}
    stages = [{**plain, "name": name} for name in ("a", "b", "c")]
    found = [
        needed(make(stages=stages, pretrain={"schedule": "joint", "recompute": again})).activations
        for again in (False, True)
    ]
    assert found[0] - found[1] == 4 * BATCH * (3 * 3 * 64 + 4 * 64 - (3 + 7) * 64)


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
    assert needed(make(), processor=False) == Needs(
        weights=4 * sum(WEIGHTS.values()),
        gradients=largest + 2 * 4 * 90 * 64,
        optimizer=largest,
        activations=step(given=64, code=90) + LOOKED_AT,
    )


def test_what_does_not_learn_counts_by_its_weights_alone() -> None:
    recipe = make()
    large, small = (msgspec.structs.replace(stage, objective=None) for stage in recipe.stages)
    frozen = msgspec.structs.replace(recipe, stages=(large, small))
    bare = 4 * (90 * 64 + 5 * 90)
    assert needed(frozen, processor=False) == Needs(
        weights=bare, gradients=0, optimizer=0, activations=0
    )
    assert needed(frozen, own=["small"]).optimizer == 4 * 5 * 90


def test_patches_are_left_out_and_bfloat16_rounds_weights() -> None:
    whole = needed(make(pretrain={"schedule": "joint"}))
    half = needed(make(pretrain={"schedule": "joint", "precision": "bfloat16"}))
    assert half.weights == whole.weights + whole.weights // 2
    assert half.gradients == 4 * sum(WEIGHTS.values()) + 2 * 90 * 64
    patches = {"size": 4, "per_image": 9}
    stage = {"name": "only", "filter": {"kind": "dense", "size": 4, "maps": 5}, "patches": patches}
    moved = make(stages=[{**stage, "objective": {"kind": "plain"}}])
    assert needed(moved).activations == step(given=64, code=5 * 25, batch=256)


CODING = {"kind": "sparse-coding", "update": "on-line", "codes": {"kind": "fista", "steps": 1}}


def alone(objective: dict[str, Any], maps: int = 90) -> Recipe:
    """Make a recipe of one dense stage without a bias."""
    filter_ = {"kind": "dense", "maps": maps, "bias": False}
    stage = {"name": "only", "filter": filter_, "input": "none", "activation": "identity"}
    return make(stages=[{**stage, "objective": objective}])


def began(recipe: Recipe) -> tuple[Stage, Objective]:
    """Build the stage and its objective."""
    spec = recipe.stages[0].objective
    assert spec is not None
    return build_stack(recipe, IMAGE, seed=0).stage(0), build_objective(spec)


def test_what_on_line_coding_keeps_is_counted() -> None:
    recipe = alone(CODING)
    stage, objective = began(recipe)
    kept = begin_all({0: objective}, lambda _: stage, seed=0)
    held = sum(buffer.nbytes for buffer in kept.buffers() if buffer.ndim)
    assert held == 4 * 90 * (90 + 64)
    for schedule in ("greedy", "joint"):
        changed = msgspec.structs.replace(recipe.pretrain, schedule=schedule)
        found = needed(msgspec.structs.replace(recipe, pretrain=changed))
        by_gradient = needed(
            msgspec.structs.replace(alone({"kind": "sparse-coding"}), pretrain=changed)
        )
        assert found.optimizer - by_gradient.optimizer == held


@pytest.mark.parametrize("rows", ["equal", "free"])
def test_filters_that_a_step_of_rica_scales_are_counted(rows: str) -> None:
    recipe, plain = alone({"kind": "rica", "rows": rows}), alone({"kind": "plain"})
    copied = needed(recipe).activations - needed(plain).activations
    stage, objective = began(recipe)
    x = torch.ones(3, *IMAGE)
    held: dict[int, int] = {}

    def hold(tensor: torch.Tensor) -> torch.Tensor:
        memory = tensor.untyped_storage()
        held[memory.data_ptr()] = memory.nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(hold, lambda tensor: tensor):
        terms = objective.terms(stage, x, target=x, generator=torch.Generator())
    assert terms
    own = {weight.data_ptr() for weight in stage.parameters()}
    # Lengths of filters, one number each, are not counted.
    large = [size for place, size in held.items() if place not in own and size >= 4 * 90 * 64]
    assert sum(large) == copied == (4 * 90 * 64 if rows == "equal" else 0)


LOCAL = {"kind": "local", "size": 3, "maps": 2, "bias": False}


@pytest.mark.parametrize(("decoder", "extra"), [("tied", 1), ("untied", 0)])
def test_derivatives_of_local_filters_are_added_in_place(decoder: str, extra: int) -> None:
    objective = {"kind": "plain", "decoder": decoder}
    stages = [{"name": "only", "filter": LOCAL, "objective": objective}]
    found = needed(make(stages=stages, pretrain={"update": "backward"}))
    weights = 4 * 6 * 6 * 2 * 9
    assert found.gradients == (1 + extra) * weights  # no part is as small as this


def test_large_derivatives_are_added_in_parts() -> None:
    recipe = load_recipe("catnet-2012")
    found = pretraining_footprint(recipe, MapShape(3, 200, 200))
    assert found is not None
    largest = 4 * 158 * 158 * 8 * 8 * 18 * 18
    assert found.gradients == largest + largest // 8
    assert found.copies == found.weights  # written in another order than they lie in


def test_images_copies_and_the_program_are_in_the_memory_of_the_processor() -> None:
    recipe = make(preprocess=[{"kind": "contrast"}], pretrain={"patience": 1, "fit_samples": 20})
    found, elsewhere = (
        needed(recipe, images=100, processor=processor) for processor in (True, False)
    )
    assert found.images == 2 * 100 * 64
    assert found.copies == 4 * 20 * 64 * 4 + 4 * WEIGHTS["large"]  # prepared; and the best
    assert found.program == PROGRAM_BYTES
    assert (elsewhere.images, elsewhere.copies, elsewhere.program) == (0, 0, 0)
    assert needed(recipe, kept=2).copies == 2 * found.weights
    assert str(elsewhere).startswith("weights 25.5 kB, gradients ")


def test_what_only_the_data_tell_is_not_guessed() -> None:
    recipe = make(preprocess=[{"kind": "pca", "keep": 0.9}])
    assert pretraining_footprint(recipe, IMAGE) is None
    assert pretraining_footprint(make(preprocess=[{"kind": "pca", "keep": 9}]), IMAGE) is not None


def test_stages_that_do_not_fit_are_refused_by_name() -> None:
    with pytest.raises(RecipeError, match="stage 'strokes'"):
        pretraining_footprint(load_recipe("mnist-local"), MapShape(1, 3, 3))
