"""Gradients, dead units and images learnt by heart, where the answer is known."""

import math
from collections.abc import Callable

import msgspec
import numpy as np
import pytest
import torch
from torch import nn

from featlearn.autoencoders.build import build_objective
from featlearn.config.recipe import Recipe
from featlearn.datasets.imageset import ImageSet
from featlearn.evaluate.sanity import dead_units, first_steps, gradient_norm, learn_by_heart
from featlearn.heads.finetuning import start_finetuning
from featlearn.networks.stack import Stack, build_stack
from featlearn.training.pictures import Pictures
from featlearn.training.problems import GreedyProblem, Material

Make = Callable[..., Recipe]

CPU = torch.device("cpu")


def images(count: int = 30, classes: int = 3) -> Pictures:
    draw = np.random.default_rng(0)
    pixels = draw.random((count, 1, 8, 8), dtype=np.float32)
    labels = draw.permutation(np.arange(count) % classes).astype(np.int64)
    names = tuple(str(number) for number in range(classes))
    return Pictures(ImageSet(pixels, labels, names, None, "noise"), CPU)


def plain(tiny: Make, **changes: object) -> Recipe:
    """Take the noise of the denoising away, so that the loss is the same in every step."""
    stages = msgspec.to_builtins(tiny().stages)
    for stage in stages:
        stage["objective"] = {"kind": "plain"}
    return tiny(stages=stages, pretrain={"batch": 30}, **changes)


def greedy(recipe: Recipe, material: Pictures) -> tuple[Stack, GreedyProblem]:
    stack = build_stack(recipe, material.shape, seed=0)
    assert recipe.stages[0].objective is not None
    objective = build_objective(recipe.stages[0].objective)
    return stack, GreedyProblem(stack, 0, objective, Material(material))


class TestFirstSteps:
    def test_the_gradient_is_the_slope_of_the_loss(self, tiny: Make) -> None:
        """Along the gradient the loss changes by its norm: a difference quotient says so."""
        recipe, material = plain(tiny), images()
        stack, problem = greedy(recipe, material)
        stage = stack.stage(0)
        found = first_steps(problem, recipe.pretrain, {"edges": stage}, seed=0)
        rows, draw = torch.arange(30), torch.Generator()
        loss = problem.terms(rows, draw)["reconstruction"]
        assert found.loss == pytest.approx(loss.item())
        slopes = torch.autograd.grad(loss, list(stage.parameters()))
        norm = math.sqrt(sum(float(slope.square().sum()) for slope in slopes))
        ends: list[float] = []
        for sign in (1, -1):
            with torch.no_grad():
                for parameter, slope in zip(stage.parameters(), slopes, strict=True):
                    parameter.add_(slope, alpha=sign * 1e-3 / norm)
                ends.append(problem.terms(rows, draw)["reconstruction"].item())
                for parameter, slope in zip(stage.parameters(), slopes, strict=True):
                    parameter.sub_(slope, alpha=sign * 1e-3 / norm)
        assert found.norms["edges"] == pytest.approx((ends[0] - ends[1]) / 2e-3, rel=1e-2)

    def test_clipping_is_left_out_and_nothing_is_kept(self, tiny: Make) -> None:
        recipe, material = plain(tiny), images()
        stack, problem = greedy(recipe, material)
        before = {name: tensor.clone() for name, tensor in stack.state_dict().items()}
        clipped = msgspec.structs.replace(recipe.pretrain, clip=1e-6)
        parts = {"edges": stack.stage(0)}
        norms = [
            first_steps(problem, spec, parts, seed=0).norms["edges"]
            for spec in (recipe.pretrain, clipped)
        ]
        assert norms[0] == norms[1] > 1e-3
        for name, tensor in stack.state_dict().items():
            torch.testing.assert_close(tensor, before[name], rtol=0, atol=0)
        assert all(parameter.grad is None for parameter in stack.parameters())

    def test_a_head_passes_no_gradient_down_before_its_first_step(self, tiny: Make) -> None:
        recipe, material = tiny(), images()
        stack = build_stack(recipe, material.shape, seed=0)
        work = start_finetuning(stack, recipe.finetune, material, sample=material, seed=0)
        parts = {"head": work.classifier.layers, "edges": stack.stage(0)}
        first, second = (
            first_steps(work.loop.problem, recipe.finetune, parts, seed=0, steps=steps)
            for steps in (1, 2)
        )
        assert first.loss == second.loss == pytest.approx(math.log(3))
        assert first.norms["head"] > 0
        assert first.norms["edges"] == 0
        assert second.norms["edges"] > 0

    def test_a_loss_that_is_not_finite(self, tiny: Make) -> None:
        recipe, material = plain(tiny), images()
        stack, problem = greedy(recipe, material)
        with torch.no_grad():
            stack.stage(0).filter.weight.fill_(torch.nan)
        found = first_steps(problem, recipe.pretrain, {"edges": stack.stage(0)}, seed=0)
        assert math.isnan(found.loss)
        assert math.isnan(found.norms["edges"])

    def test_the_norm_is_that_of_all_parameters_together(self) -> None:
        layer = nn.Linear(2, 1)
        layer.weight.grad = torch.tensor([[2.0, 3.0]])
        layer.bias.grad = torch.tensor([6.0])
        assert gradient_norm(layer) == 7.0
        layer.bias.grad = None
        assert gradient_norm(layer) == pytest.approx(math.sqrt(13))
        assert gradient_norm(nn.ReLU()) == 0.0


class TestDeadUnits:
    def test_units_without_weights_are_dead(self, tiny: Make) -> None:
        recipe = tiny()
        stage = build_stack(recipe, images().shape, seed=0).stage(1).eval()
        with torch.no_grad():
            weight = stage.filter.weight
            weight[2] = 0.0
            weight[5] = 0.0
        shape = stage.input_shape
        batches = [torch.rand(7, *shape), torch.rand(1, *shape)]
        assert dead_units(stage, batches) == (2, 6, False)

    def test_a_shared_filter_is_dead_only_if_it_is_everywhere(self, tiny: Make) -> None:
        recipe = tiny()
        stage = build_stack(recipe, images().shape, seed=0).stage(0).eval()
        x = torch.zeros(5, 1, 8, 8)
        x[:, :, 3:5, 3:5] = torch.rand(5, 1, 2, 2)  # an empty border
        with torch.no_grad():
            stage.filter.weight.abs_()
            stage.filter.weight[1].neg_()  # never above zero: dead under ReLU
        assert dead_units(stage, [x]) == (1, 4, True)

    def test_what_differs_between_batches_alone_lives(self, tiny: Make) -> None:
        stage = build_stack(tiny(), images().shape, seed=0).stage(1).eval()
        one, other = torch.rand(2, *stage.input_shape)
        assert dead_units(stage, [one[None], one[None]]).dead == 6
        assert dead_units(stage, [one[None], other[None]]).dead == 0

    @pytest.mark.parametrize("value", [torch.nan, torch.inf])
    def test_a_code_that_is_not_finite_is_dead(self, tiny: Make, value: float) -> None:
        stage = build_stack(tiny(), images().shape, seed=0).stage(0).eval()
        with torch.no_grad():
            stage.filter.weight.fill_(value)
        found = dead_units(stage, [torch.rand(4, 1, 8, 8)])
        assert found.dead == found.units

    def test_no_images(self, tiny: Make) -> None:
        stage = build_stack(tiny(), images().shape, seed=0).stage(0)
        assert dead_units(stage, []).dead == 0


class TestLearnByHeart:
    def test_noise_with_random_labels_is_learnt(self, tiny: Make) -> None:
        recipe, material = tiny(finetune={"optimizer": {"kind": "adam", "lr": 0.01}}), images(20)
        stack = build_stack(recipe, material.shape, seed=0)
        before = {name: tensor.clone() for name, tensor in stack.state_dict().items()}
        found = learn_by_heart(stack, recipe.finetune, material, sample=material, seed=0)
        assert (found.wrong, found.images) == (0, 20)
        assert found.steps < 500
        for name, tensor in stack.state_dict().items():
            torch.testing.assert_close(tensor, before[name], rtol=0, atol=0)

    def test_equal_images_of_two_classes_are_not(self, tiny: Make) -> None:
        """No classifier tells them apart: of 5 and 5 at least 5 stay wrong."""
        recipe = tiny()
        pixels = np.full((10, 1, 8, 8), 0.5, np.float32)
        twins = ImageSet(pixels, np.arange(10) % 2, ("a", "b"), None, "twins")
        few, sample = Pictures(twins, CPU), images()
        stack = build_stack(recipe, few.shape, seed=0)
        found = learn_by_heart(stack, recipe.finetune, few, sample=sample, seed=0, steps=25)
        assert found == (5, 10, 25)

    def test_what_makes_it_harder_is_off(self, tiny: Make) -> None:
        hard = {
            "head": {"kind": "classification", "hidden": [16], "dropout": 0.9, "smoothing": 0.9},
            "optimizer": {"kind": "adamw", "lr": 0.01, "weight_decay": 50.0},
            "rate": {"kind": "constant", "warmup": 10_000},
            "augment": [{"kind": "rotate", "degrees": 180}],
        }
        stages = msgspec.to_builtins(tiny().stages)
        stages[0]["dropout"] = 0.95
        recipe, material = tiny(stages=stages, finetune=hard), images(20)
        stack = build_stack(recipe, material.shape, seed=0)
        found = learn_by_heart(stack, recipe.finetune, material, sample=material, seed=0)
        assert found.wrong == 0
        assert stack.stage(0).spec.dropout == 0.95
