"""What a stage alone minimises, and what both kinds of problems share."""

import pytest
import torch
from torch import Tensor

from featlearn.autoencoders.build import build_objectives
from featlearn.config.recipe import Recipe
from featlearn.config.stages import PatchSpec
from featlearn.geometry import MapShape
from featlearn.networks.stack import build_stack
from featlearn.stages.activation import BatchTopK
from featlearn.training import problems
from featlearn.training.pictures import Pictures
from featlearn.training.problems import GreedyProblem, JointProblem, Material, random_patches
from tests.training.two_stages import (
    EDGES,
    PARTS,
    PLAIN,
    Make,
    Tiny,
    generator,
    gradients,
    joint,
    own_loss,
    stack_of,
)


@pytest.fixture
def recipe(tiny: Tiny) -> Recipe:
    return tiny(stages=[EDGES, PARTS])


def test_a_greedy_stage_learns_on_the_scaled_output_of_those_below(
    recipe: Recipe, pictures: Make
) -> None:
    images = pictures()
    stack = stack_of(recipe, images)
    problem = GreedyProblem(stack, 1, build_objectives(recipe.stages)[1], Material(images))
    rows = torch.tensor([3, 1, 20])
    found = problem.terms(rows, generator())
    assert list(found) == ["reconstruction"]
    maps = stack.maps_below(images.at(rows), 1)
    torch.testing.assert_close(found["reconstruction"], own_loss(stack.stage(1), maps))
    assert problem.name == "parts"
    assert problem.samples == len(images)


def test_greedy_gradients_stay_within_the_stage(recipe: Recipe, pictures: Make) -> None:
    images = pictures()
    stack = stack_of(recipe, images)
    before = {name: value.clone() for name, value in stack.stage(0).state_dict().items()}
    problem = GreedyProblem(stack, 1, build_objectives(recipe.stages)[1], Material(images))
    (loss,) = problem.terms(torch.arange(8), generator()).values()
    found = gradients(stack, loss)
    assert all(not bool(g.any()) for name, g in found.items() if name.startswith("stages.0"))
    assert bool(found["stages.1.filter.weight"].any())
    trained = {id(p) for group in problem.groups() for p in group["params"]}
    assert trained == {id(p) for p in stack.stage(1).parameters()}
    now = stack.stage(0).state_dict()  # batch statistics too
    assert all(torch.equal(now[name], value) for name, value in before.items())


@pytest.mark.parametrize("kind", ["greedy", "joint"])
def test_no_step_waits_for_a_value_on_the_device(tiny: Tiny, pictures: Make, kind: str) -> None:
    corruption = {"kind": "salt-pepper", "rate": 0.3}
    noisy = {"kind": "denoising", "corruption": corruption}
    recipe = tiny(stages=[{**EDGES, "objective": noisy}, PARTS])
    stack = build_stack(recipe, MapShape(1, 8, 8), seed=0).to("meta")  # where there are none
    images = Pictures(pictures().set, torch.device("meta"))
    chosen = build_objectives(recipe.stages)
    if kind == "greedy":
        problem = GreedyProblem(stack, 0, chosen[0], Material(images))
    else:
        problem = JointProblem(stack, chosen, Material(images))
        stack.stage(0).scaler.running = stack.stage(1).scaler.running = True
    terms = problem.terms(torch.arange(8), generator())
    assert all(term.is_meta for term in terms.values())


@pytest.mark.parametrize("kind", ["greedy", "joint"])
def test_held_out_images_are_measured_under_the_same_noise_as_in_use(
    tiny: Tiny, pictures: Make, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    recipe, images, kept = tiny(), pictures(), pictures(10, seed=1)
    stack = stack_of(recipe, images)
    chosen, material = build_objectives(recipe.stages), Material(images, kept, seed=5)
    problem = (
        GreedyProblem(stack, 1, chosen[1], material)
        if kind == "greedy"
        else JointProblem(stack, chosen, material)
    )
    mode = problem.module.training
    one, two = problem.held_out(), problem.held_out()
    assert one == two
    assert one is not None
    assert one["loss"] == pytest.approx(sum(v for k, v in one.items() if k != "loss"))
    assert problem.module.training is mode
    assert all(not p.requires_grad or p.grad is None for p in stack.parameters())


def test_held_out_terms_are_averages_over_images(
    recipe: Recipe, pictures: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    images, kept = pictures(), pictures(10, seed=1)
    problem = GreedyProblem(
        stack_of(recipe, images), 0, build_objectives(recipe.stages)[0], Material(images, kept)
    )
    whole = problem.held_out()
    monkeypatch.setattr(problems, "measured_at_once", lambda _stack: 4)  # 4, 3 and 3
    assert problem.held_out() == pytest.approx(whole)


def test_a_penalty_on_mean_activities_is_measured_over_even_batches(
    tiny: Tiny, pictures: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    penalty = {"kind": "kl", "weight": 1.0, "target": 0.1}
    sparse = {"kind": "sparse", "penalty": penalty}
    recipe = tiny(stages=[{**EDGES, "activation": "sigmoid", "objective": sparse}])
    images, kept = pictures(), pictures(9, seed=1)
    stack = stack_of(recipe, images)
    with torch.no_grad():
        stack.stage(0).filter.weight.mul_(10)  # so that activities differ by image
    problem = GreedyProblem(stack, 0, build_objectives(recipe.stages)[0], Material(images, kept))
    monkeypatch.setattr(
        problems, "measured_at_once", lambda _stack: 4
    )  # 3, 3 and 3; not 4, 4 and 1
    found = problem.held_out()
    codes = stack(kept.at(range(9)))[0].code.detach()
    divergences: list[Tensor] = []
    for part in codes.split(3):
        on = part.mean((0, 2, 3))
        both = 0.1 * (0.1 / on).log() + 0.9 * (0.9 / (1 - on)).log()
        divergences.append(both.sum() * part.shape[2] * part.shape[3])
    assert found is not None
    assert found["kl"] == pytest.approx(float(torch.stack(divergences).mean()), rel=1e-4)


def test_without_held_out_images_nothing_is_measured(recipe: Recipe, pictures: Make) -> None:
    images = pictures()
    for kept in (None, pictures(0)):
        problem = GreedyProblem(
            stack_of(recipe, images), 0, build_objectives(recipe.stages)[0], Material(images, kept)
        )
        assert problem.held_out() is None


def test_only_training_batches_are_augmented(recipe: Recipe, pictures: Make) -> None:
    images, seen = pictures(), list[int]()

    def black(x: Tensor, _draw: torch.Generator) -> Tensor:
        seen.append(len(x))
        return torch.zeros_like(x)

    stack = stack_of(recipe, images)
    material = Material(images, images, augment=black)
    problem = GreedyProblem(stack, 0, build_objectives(recipe.stages)[0], material)
    (loss,) = problem.terms(torch.arange(6), generator()).values()
    torch.testing.assert_close(loss, own_loss(stack.stage(0), torch.zeros(6, 1, 8, 8)))
    assert seen == [6]
    problem.held_out()
    assert seen == [6]


def test_patches_are_windows_of_the_maps() -> None:
    maps = torch.arange(2 * 3 * 5 * 6.0).reshape(2, 3, 5, 6)
    patches = random_patches(maps, PatchSpec(size=3, per_image=40), generator())
    assert patches.shape == (80, 3, 3, 3)
    corners = set[tuple[int, int]]()
    for number, patch in enumerate(patches):
        image = maps[number // 40]
        top, left = divmod(int(patch[0, 0, 0] - image[0, 0, 0]), 6)
        assert torch.equal(patch, image[:, top : top + 3, left : left + 3])
        corners.add((top, left))
    assert corners == {(top, left) for top in range(3) for left in range(4)}


def test_a_patch_as_large_as_the_maps_is_the_maps() -> None:
    maps = torch.rand(4, 2, 3, 3)
    assert torch.equal(random_patches(maps, PatchSpec(size=3), generator()), maps)


def test_patches_of_the_stage_s_input_maps_are_learned_from(tiny: Tiny, pictures: Make) -> None:
    images = pictures()
    second = {
        "name": "parts",
        "filter": {"kind": "dense", "size": 2, "maps": 3},
        "patches": {"size": 2, "per_image": 5},
        "objective": PLAIN,
    }
    recipe = tiny(stages=[EDGES, second])
    stack = stack_of(recipe, images)
    problem = GreedyProblem(stack, 1, build_objectives(recipe.stages)[1], Material(images))
    found = problem.terms(torch.arange(6), generator(3))["reconstruction"]
    stage = stack.stage(1)
    patches = random_patches(
        stack.maps_below(images.at(range(6)), 1), PatchSpec(size=2, per_image=5), generator(3)
    )
    x = stage.scaler(patches)
    error = stage.decode(stage.code(x), size=(2, 2)) - x
    torch.testing.assert_close(found, error.square().sum() / 30)


@pytest.mark.parametrize("through", [False, True])
def test_under_autocast_every_gradient_arrives_and_is_close(
    recipe: Recipe, pictures: Make, through: bool
) -> None:
    images = pictures()
    found: list[dict[str, Tensor]] = []
    for half in (False, True):
        stack, problem = joint(recipe, images, through=through)
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=half):
            terms = problem.terms(torch.arange(24), generator())
        found.append(gradients(stack, torch.stack([t.float() for t in terms.values()]).sum()))
    for name, exact in found[0].items():
        assert bool(exact.any()) == bool(found[1][name].any()), name
        difference = (found[1][name] - exact).norm()
        assert difference <= 0.1 * exact.norm(), name


def test_codes_compete_in_learning_and_keep_to_a_threshold_where_they_are_measured(
    tiny: Tiny, pictures: Make
) -> None:
    kept = {"activation": {"kind": "batch-top-k", "k": 1}, "objective": {"kind": "top-k"}}
    recipe, images = tiny(stages=[EDGES | kept, PARTS]), pictures()
    stack = stack_of(recipe, images)
    material = Material(images, held_out=images)
    problem = GreedyProblem(stack, 0, build_objectives(recipe.stages)[0], material)
    activation = stack.stage(0).activation
    assert isinstance(activation, BatchTopK)
    before = int(activation.batches)
    problem.terms(torch.arange(8), generator())
    assert int(activation.batches) == before + 1
    first = problem.held_out()
    assert int(activation.batches) == before + 1
    assert activation.training  # the next step is one of learning again
    assert not stack.stage(1).training
    activation.threshold.add_(1e3)
    assert first is not None
    second = problem.held_out()
    assert second is not None
    assert second["reconstruction"] > first["reconstruction"]  # of codes of zeros
