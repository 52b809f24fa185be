"""Fine-tuning of deep networks: rates by stage, frozen statistics, features as they are."""

from collections.abc import Callable

import msgspec
import pytest
import torch
from torch import Tensor

from featlearn.config.load import parse_recipe
from featlearn.config.recipe import Recipe
from featlearn.config.tasks import TaskSpec
from featlearn.config.training import ClassificationSpec, FinetuneSpec, SGDSpec
from featlearn.errors import RecipeError
from featlearn.geometry import MapShape
from featlearn.heads.classifier import Classifier
from featlearn.heads.finetuning import start_finetuning
from featlearn.heads.problem import FinetuneProblem
from featlearn.heads.tasks import TaskData, start_tasks
from featlearn.networks.stack import Stack, build_stack
from featlearn.stages.norm import BatchNorm
from featlearn.training.loop import Loop
from featlearn.training.pictures import Pictures

Labelled = Callable[..., Pictures]

TEXT = """
title = "t"
[data]
source = "digits"
[[stages]]
name = "bottom"
filter = { kind = "conv", size = 3, maps = 4, padding = 1, norm = { kind = "batch" } }
input = "none"
[[stages]]
name = "middle"
filter = { kind = "residual", maps = 6, stride = 2, repeats = 2 }
input = "none"
[[stages]]
name = "top"
filter = { kind = "chain", parts = [{ kind = "batch" }, { kind = "global-avg" }] }
activation = "identity"
input = "none"
"""


@pytest.fixture
def recipe() -> Recipe:
    return parse_recipe(TEXT)


@pytest.fixture
def stack(recipe: Recipe) -> Stack:
    return build_stack(recipe, MapShape(1, 8, 8), seed=0)


def statistics(stack: Stack) -> dict[str, Tensor]:
    kept = stack.state_dict().items()
    return {name: tensor.clone() for name, tensor in kept if "running" in name}


def weights(stack: Stack) -> dict[str, Tensor]:
    return {name: p.detach().clone() for name, p in stack.named_parameters()}


def take_steps(stack: Stack, images: Pictures, **finetune: object) -> None:
    spec = FinetuneSpec(
        head=ClassificationSpec(input="none"),
        epochs=2,
        batch=8,
        optimizer=SGDSpec(lr=0.1, momentum=0.0),
        **finetune,  # pyright: ignore[reportArgumentType]
    )
    work = start_finetuning(stack, spec, images, sample=images, seed=0)
    for _ in work.loop.steps():
        pass


def test_rates_fall_by_a_factor_from_stage_to_stage(stack: Stack, labelled: Labelled) -> None:
    classifier = Classifier(stack, ClassificationSpec(), classes=3, freeze=0, seed=0)
    problem = FinetuneProblem(
        classifier, labelled(), spec=ClassificationSpec(), stack_lr=0.5, decay_by_stage=0.2
    )
    scales = {id(p): group["scale"] for group in problem.groups() for p in group["params"]}
    assert len(scales) == len(list(classifier.parameters()))
    for name, scale in (("bottom", 0.02), ("middle", 0.1), ("top", 0.5)):
        for parameter in stack.stage(name).parameters():
            assert scales[id(parameter)] == pytest.approx(scale)
    assert {scales[id(p)] for p in classifier.layers.parameters()} == {1.0}


def test_every_part_of_a_composite_learns(stack: Stack, labelled: Labelled) -> None:
    before = weights(stack)
    take_steps(stack, labelled(24))
    moved = {name for name, p in stack.named_parameters() if not torch.equal(p, before[name])}
    assert moved == set(before)


def test_frozen_stages_stay_as_they_are(stack: Stack, labelled: Labelled) -> None:
    before, seen = weights(stack), statistics(stack)
    take_steps(stack, labelled(24), freeze=2)
    for name, parameter in stack.named_parameters():
        assert torch.equal(parameter, before[name]) == (not name.startswith("stages.2")), name
    for name, tensor in statistics(stack).items():
        assert torch.equal(tensor, seen[name]) == (not name.startswith("stages.2")), name


def test_frozen_statistics_stay_and_normalise_while_weights_learn(
    stack: Stack, labelled: Labelled
) -> None:
    before, seen = weights(stack), statistics(stack)
    take_steps(stack, labelled(24), batch_statistics="frozen")
    assert all(torch.equal(tensor, seen[name]) for name, tensor in statistics(stack).items())
    assert not any(torch.equal(p, before[name]) for name, p in stack.named_parameters())


def together(
    recipe: Recipe, stack: Stack, images: Pictures, *, batch: int = 8, **finetune: object
) -> Loop:
    """Set up two tasks of a recipe with batch normalisation, on the same images."""
    tasks = tuple(
        TaskSpec(name=name, head=ClassificationSpec(input="none")) for name in ("one", "other")
    )
    spec = FinetuneSpec(
        epochs=2,
        batch=batch,
        optimizer=SGDSpec(lr=0.1, momentum=0.0),
        **finetune,  # pyright: ignore[reportArgumentType]
    )
    recipe = msgspec.structs.replace(recipe, tasks=tasks, finetune=spec)
    data = [TaskData(task, images) for task in tasks]
    return start_tasks(stack, recipe, data, sample=images, seed=0)[1]


def test_rates_fall_for_several_tasks_too(recipe: Recipe, stack: Stack, labelled: Labelled) -> None:
    loop = together(recipe, stack, labelled(), stack_lr=0.5, decay_by_stage=0.2)
    scales = {id(p): group["scale"] for group in loop.problem.groups() for p in group["params"]}
    for name, scale in (("bottom", 0.02), ("middle", 0.1), ("top", 0.5)):
        for parameter in stack.stage(name).parameters():
            assert scales[id(parameter)] == pytest.approx(scale)


def test_statistics_stay_for_several_tasks_too(
    recipe: Recipe, stack: Stack, labelled: Labelled
) -> None:
    before, seen = weights(stack), statistics(stack)
    for _ in together(recipe, stack, labelled(24), batch_statistics="frozen").steps():
        pass
    assert all(torch.equal(tensor, seen[name]) for name, tensor in statistics(stack).items())
    assert not any(torch.equal(p, before[name]) for name, p in stack.named_parameters())


def test_single_images_are_enough_where_statistics_stay(labelled: Labelled) -> None:
    parts = '{ kind = "batch" }, { kind = "global-avg" }'
    recipe = parse_recipe(TEXT.replace(parts, '{ kind = "global-avg" }, { kind = "batch" }'))
    stack = build_stack(recipe, MapShape(1, 8, 8), seed=0)
    with pytest.raises(RecipeError, match=r"stage 'top': .* set finetune.batch above 1"):
        together(recipe, stack, labelled(), batch=1)
    loop = together(recipe, stack, labelled(), batch=1, batch_statistics="frozen")
    next(loop.steps())


def test_running_statistics_follow_the_batches(stack: Stack, labelled: Labelled) -> None:
    seen = statistics(stack)
    take_steps(stack, labelled(24))
    assert not any(torch.equal(tensor, seen[name]) for name, tensor in statistics(stack).items())


def test_a_classifier_s_mode_leaves_frozen_statistics_in_use(stack: Stack) -> None:
    classifier = Classifier(
        stack, ClassificationSpec(), classes=3, freeze=1, seed=0, frozen_statistics=True
    ).train()
    assert classifier.training
    assert stack.stage("middle").training
    norms = [module for module in classifier.modules() if isinstance(module, BatchNorm)]
    assert len(norms) == 7
    assert not any(norm.training for norm in norms)


def test_features_reach_a_plain_head_as_they_are(stack: Stack) -> None:
    spec = ClassificationSpec(input="none")
    classifier = Classifier(stack, spec, classes=3, freeze=0, seed=0).eval()
    head = classifier.layers[-1]
    assert isinstance(head, torch.nn.Linear)
    torch.nn.init.normal_(head.weight, generator=torch.Generator().manual_seed(0))
    classifier.scaler.fit(iter([torch.randn(9, 6, 1, 1)]))
    images = torch.rand(5, 1, 8, 8)
    expected = classifier.features(images).flatten(1) @ head.weight.T + head.bias
    torch.testing.assert_close(classifier(images), expected)
