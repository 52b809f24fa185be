"""What all stages together minimise."""

import pytest
import torch
from torch import Tensor

from featlearn.autoencoders.build import build_objectives
from featlearn.config.recipe import Recipe
from featlearn.stages.scaler import InputScaler
from featlearn.training.problems import JointProblem, Material
from tests.training.two_stages import (
    EDGES,
    PARTS,
    Make,
    Tiny,
    assert_same,
    generator,
    gradients,
    joint,
    own_loss,
    stack_of,
)


@pytest.fixture
def recipe(tiny: Tiny) -> Recipe:
    return tiny(stages=[EDGES, PARTS])


def test_joint_terms_are_named_by_stage(recipe: Recipe, pictures: Make) -> None:
    _, problem = joint(recipe, pictures(), through=False)
    assert list(problem.terms(torch.arange(4), generator())) == [
        "edges.reconstruction",
        "parts.reconstruction",
    ]


def test_jointly_every_stage_has_the_gradient_of_its_own_loss(
    recipe: Recipe, pictures: Make
) -> None:
    images = pictures()
    stack, problem = joint(recipe, images, through=False)
    rows = torch.arange(12)
    terms = problem.terms(rows, generator())
    found = gradients(stack, torch.stack(list(terms.values())).sum())

    expected: dict[str, Tensor] = {}
    x = images.at(rows)
    with torch.no_grad():
        above = stack.stage(0)(x).output  # in training mode: normalised by the batch
    for place, maps in enumerate((x, above)):
        own = gradients(stack, own_loss(stack.stage(place), maps))
        prefix = f"stages.{place}."
        assert all(not bool(g.any()) for name, g in own.items() if not name.startswith(prefix))
        expected |= {name: g for name, g in own.items() if name.startswith(prefix)}
    assert_same(found, expected)
    assert not bool(found["stages.0.norm.weight"].any())


TICA = {"kind": "tica", "weight": 0.1}
PLAINLY = {**EDGES, "activation": "identity", "objective": TICA}
LOWER = {
    "plain": {**EDGES, "pool": None, "norm": None},
    "pooled": {**PLAINLY, "norm": None},
    "normalised": PLAINLY,
}


@pytest.mark.parametrize("recompute", [False, True])
@pytest.mark.parametrize("lower", LOWER)
def test_no_gradient_crosses_stages_whatever_the_lower_one_is(
    tiny: Tiny, pictures: Make, lower: str, recompute: bool
) -> None:
    stack, problem = joint(
        tiny(stages=[LOWER[lower], PARTS]), pictures(), through=False, recompute=recompute
    )
    terms = problem.terms(torch.arange(12), generator())
    found = gradients(stack, terms["parts.reconstruction"])
    assert all(not bool(g.any()) for name, g in found.items() if name.startswith("stages.0"))
    assert bool(found["stages.1.filter.weight"].any())


def test_every_stage_is_computed_once(tiny: Tiny, pictures: Make) -> None:
    recipe = tiny(stages=[LOWER["pooled"], PARTS])
    calls: list[int] = []
    for recompute in (False, True):
        stack, problem = joint(recipe, pictures(), through=False, recompute=recompute)
        stack.stage(0).filter.register_forward_hook(lambda *_: calls.append(0))
        problem.terms(torch.arange(12), generator())
        calls.append(1)
    assert calls == [0, 1, 0, 0, 1]


@pytest.mark.parametrize("through", [False, True])
def test_what_is_computed_again_is_the_same(recipe: Recipe, pictures: Make, through: bool) -> None:
    images, kept = pictures(), [0, 0]
    found: list[dict[str, Tensor]] = []
    for recompute in (False, True):
        stack, problem = joint(recipe, images, through=through, recompute=recompute)

        def keep(tensor: Tensor, *, which: int = int(recompute)) -> Tensor:
            kept[which] += tensor.nbytes
            return tensor

        with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
            terms = problem.terms(torch.arange(12), generator())
        found.append(gradients(stack, torch.stack(list(terms.values())).sum()))
    for name, gradient in found[0].items():
        assert torch.equal(found[1][name], gradient)
    assert kept[1] < kept[0] / 4


def test_through_lets_the_gradient_flow_down_but_not_into_targets(
    recipe: Recipe, pictures: Make
) -> None:
    images = pictures()
    stack, problem = joint(recipe, images, through=True)
    rows = torch.arange(12)
    terms = problem.terms(rows, generator())
    found = gradients(stack, torch.stack(list(terms.values())).sum())

    x = images.at(rows)
    above = stack.stage(0)(x).output
    detached = own_loss(stack.stage(0), x) + own_loss(stack.stage(1), above)
    assert_same(found, gradients(stack, detached))
    assert bool(found["stages.0.norm.weight"].any())

    above = stack.stage(0)(x).output
    scaler = stack.stage(1).scaler
    target = (above - scaler.centre) / scaler.scale
    moving = own_loss(stack.stage(0), x) + own_loss(stack.stage(1), above, target)
    other = gradients(stack, moving)["stages.0.filter.weight"]
    assert not torch.allclose(found["stages.0.filter.weight"], other)


def test_a_stage_without_an_objective_is_passed_through(tiny: Tiny, pictures: Make) -> None:
    images = pictures()
    recipe = tiny(stages=[{**EDGES, "objective": None}, PARTS, {**PARTS, "name": "top"}])
    stack = stack_of(recipe, images)
    learned = {1: build_objectives(recipe.stages)[1]}
    problem = JointProblem(stack, learned, Material(images))
    assert list(problem.terms(torch.arange(4), generator())) == ["parts.reconstruction"]
    trained = {id(p) for group in problem.groups() for p in group["params"]}
    assert trained == {id(p) for p in stack.stage(1).parameters()}


def test_scaling_follows_the_batches_only_while_training_jointly(
    recipe: Recipe, pictures: Make
) -> None:
    images = pictures(held := 24)
    stack, problem = joint(recipe, images, through=False, held_out=pictures(held, seed=1))
    scaler = stack.stage(1).scaler
    assert isinstance(scaler, InputScaler)
    before = scaler.centre.clone()
    problem.terms(torch.arange(8), generator())
    assert torch.equal(scaler.centre, before)
    scaler.running = True
    problem.held_out()
    assert torch.equal(scaler.centre, before)
    problem.terms(torch.arange(8), generator())
    assert not torch.equal(scaler.centre, before)


def test_weights_that_blew_up_show_as_a_term_and_not_as_bad_data(
    recipe: Recipe, pictures: Make
) -> None:
    stack, problem = joint(recipe, pictures(), through=False)
    stack.stage(1).scaler.running = True
    with torch.no_grad():
        stack.stage(0).filter.weight.fill_(float("nan"))
    terms = problem.terms(torch.arange(8), generator())
    assert bool(terms["edges.reconstruction"].isnan())
