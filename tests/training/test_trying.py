"""Steps that are tried are those of training, and leave nothing behind."""

import itertools
from collections.abc import Callable

import msgspec
import pytest
import torch
from torch import nn

from featlearn.autoencoders.build import build_objective
from featlearn.config.recipe import Recipe
from featlearn.config.training import ConstantSpec, PlateauSpec
from featlearn.errors import TrainingError
from featlearn.networks.stack import Stack, build_stack
from featlearn.training.loop import Loop
from featlearn.training.pictures import Pictures
from featlearn.training.problems import GreedyProblem, Material
from featlearn.training.progress import Silent, StepReport
from featlearn.training.trying import at_full_rate, tried_steps, unchanged

Images = Callable[..., Pictures]
Make = Callable[..., Recipe]


def greedy(tiny: Make, pictures: Images) -> tuple[Recipe, Stack, GreedyProblem]:
    recipe = tiny(pretrain={"batch": 10})
    images = pictures(24)
    stack = build_stack(recipe, images.shape, seed=0)
    assert recipe.stages[0].objective is not None
    objective = build_objective(recipe.stages[0].objective)
    return recipe, stack, GreedyProblem(stack, 0, objective, Material(images))


def test_at_one_rate_they_are_the_loop_s_own(tiny: Make, pictures: Images) -> None:
    recipe, stack, problem = greedy(tiny, pictures)
    rate = recipe.pretrain.optimizer.lr
    reports = list(tried_steps(problem, recipe.pretrain, [rate] * 7, seed=3))
    _, other, same = greedy(tiny, pictures)
    loop = Loop(same, recipe.pretrain, epochs=3, seed=3)
    expected = list(itertools.islice(loop.steps(), 7))
    assert [report.loss for report in reports] == [report.loss for report in expected]
    for name, tensor in stack.state_dict().items():
        torch.testing.assert_close(tensor, other.state_dict()[name], rtol=0, atol=0)


def test_each_has_its_own_rate_and_progress_is_told(tiny: Make, pictures: Images) -> None:
    recipe, _, problem = greedy(tiny, pictures)
    told: list[StepReport] = []

    class Watch(Silent):
        def start(self, phase: str, *, epochs: int, steps: int) -> None:
            assert (phase, epochs, steps) == ("edges: rates", 1, 3)

        def step(self, report: StepReport) -> None:
            told.append(report)

    rates = [1e-3, 1e-2, 1e-4]
    steps = tried_steps(
        problem, recipe.pretrain, rates, seed=0, name="edges: rates", progress=Watch()
    )
    found = list(steps)
    assert [report.lr for report in found] == rates
    assert [report.step for report in found] == [1, 2, 3]
    assert {report.phase for report in found} == {"edges: rates"}
    assert told == found


def test_a_loss_that_is_not_finite_ends_them(tiny: Make, pictures: Images) -> None:
    recipe, stack, problem = greedy(tiny, pictures)
    with torch.no_grad():
        stack.stage(0).filter.weight.fill_(torch.inf)
    with pytest.raises(TrainingError, match="'reconstruction' is"):
        list(tried_steps(problem, recipe.pretrain, [0.1], seed=0))


def test_weights_buffers_and_modes_come_back_whatever_happened() -> None:
    layer, norm = nn.Linear(3, 3), nn.BatchNorm1d(3)
    module = nn.Sequential(layer, norm, nn.Dropout())
    norm.eval()
    before = {name: tensor.clone() for name, tensor in module.state_dict().items()}
    modes = [part.training for part in module.modules()]

    def spoil() -> None:
        with unchanged(module):
            module.train()
            module(torch.randn(5, 3)).sum().backward()
            with torch.no_grad():
                layer.weight.add_(1.0)
            raise ValueError("stop")

    with pytest.raises(ValueError, match="stop"):
        spoil()
    for name, tensor in module.state_dict().items():
        torch.testing.assert_close(tensor, before[name], rtol=0, atol=0)
    assert [part.training for part in module.modules()] == modes
    assert all(parameter.grad is None for parameter in module.parameters())


def test_the_full_rate_has_no_schedule(tiny: Make) -> None:
    spec = msgspec.structs.replace(tiny().finetune, rate=PlateauSpec(), patience=3)
    plain = at_full_rate(spec)
    assert (plain.rate, plain.patience) == (ConstantSpec(), None)
    assert plain.head == spec.head
