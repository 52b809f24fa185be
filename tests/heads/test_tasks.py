"""Several tasks on one stack: the loss, its weights, what is shared, and resuming."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import msgspec
import numpy as np
import pytest
import torch

from featlearn.config.recipe import Recipe
from featlearn.errors import DataError
from featlearn.geometry import MapShape
from featlearn.heads.problem import logits_of
from featlearn.heads.tasks import MultiTask, TaskData, start_tasks
from featlearn.networks.stack import build_stack
from featlearn.training.loop import Loop
from featlearn.training.pictures import Pictures

Tiny = Callable[..., Recipe]
Labelled = Callable[..., Pictures]
TASKS = [
    {"name": "bars", "weight": 2.0},
    {"name": "place", "head": {"kind": "regression"}, "weight": 0.5},
]


@pytest.fixture
def start(tiny: Tiny, labelled: Labelled) -> Callable[..., tuple[MultiTask, Loop]]:
    def make(*, tasks: int = 2, validation: bool = False, **table: Any) -> tuple[MultiTask, Loop]:
        finetune = {"batch": 8, "epochs": 15, "optimizer": {"kind": "adamw", "lr": 0.02}}
        recipe = tiny(tasks=TASKS[:tasks], finetune={**finetune, **table})
        some, others = labelled(12), labelled(30, seed=3)
        assert others.set.labels is not None
        aims = others.set.labels[:, None].astype(np.float32)
        numbers = Pictures(
            replace(others.set, labels=None, classes=(), targets=aims, target_names=("k",)),
            others.device,
        )
        kept = (some, numbers) if validation else (None, None)
        data = [
            TaskData(spec, images, held)
            for spec, images, held in zip(recipe.tasks, (some, numbers), kept, strict=False)
        ]
        stack = build_stack(recipe, MapShape(1, 8, 8), seed=0)
        return start_tasks(stack, recipe, data, sample=others, seed=0)

    return make


Start = Callable[..., tuple[MultiTask, Loop]]


@pytest.mark.parametrize("learned", [False, True])
def test_the_loss_is_the_weighted_sum(start: Start, learned: bool) -> None:
    weighting = "uncertainty" if learned else "fixed"
    module, loop = start(weighting=weighting, optimizer={"kind": "sgd", "lr": 1e-9})
    s = torch.tensor([0.3, -0.7])
    if learned:
        with torch.no_grad():
            module.log_variances.copy_(s)
    rows = torch.arange(8)
    terms = loop.problem.terms(rows, torch.Generator().manual_seed(5))
    order = torch.randperm(30, generator=torch.Generator().manual_seed(5))[:8]
    problem: Any = loop.problem
    bars, place = problem.problems
    # Both heads begin at zero: ln 3, and the mean square of the standardised targets.
    squares = float((((order % 3).float() - 1) / (2 / 3) ** 0.5).square().mean())
    plain = [float(np.log(3)), squares]
    weights = [2.0, 0.5]
    if learned:
        weights = [float(torch.exp(-s[0])), float(torch.exp(-s[1])) / 2]
        assert float(terms.pop("uncertainty").detach()) == pytest.approx(float(s.sum() / 2))
    found = {name: float(value.detach()) for name, value in terms.items()}
    assert found == {
        "bars.cross_entropy": pytest.approx(weights[0] * plain[0], rel=1e-4),
        "place.l2": pytest.approx(weights[1] * plain[1], rel=1e-4),
    }
    assert bars.classifier.stack is place.classifier.stack


def test_the_stack_is_in_the_state_and_in_the_groups_once(start: Start) -> None:
    module, loop = start()
    names = list(module.state_dict())
    assert len(names) == len(set(names))
    kernels = [name for name in names if name.endswith("filter.weight")]
    assert len(kernels) == 2
    groups = loop.problem.groups()
    held = [id(p) for group in groups for p in group["params"]]
    assert len(held) == len(set(held))
    assert {id(p) for p in module.heads.parameters() if p.requires_grad} <= set(held)


def test_both_tasks_are_learned_and_measured(start: Start) -> None:
    module, loop = start(validation=True, weighting="uncertainty")
    list(loop.steps())
    held = loop.state.held_out
    assert held is not None
    assert set(held) == {"bars.cross_entropy", "bars.error", "place.l2", "loss"}
    assert held["loss"] == pytest.approx(held["bars.cross_entropy"] + held["place.l2"])
    assert held["bars.error"] < 0.2
    assert held["place.l2"] < 0.5
    assert module.log_variances.detach().abs().max() > 0


def test_a_task_alone_begins_like_one_in_company(start: Start) -> None:
    alone, _ = start(tasks=1)
    together, _ = start(tasks=2)
    one, other = alone.classifiers["bars"], together.classifiers["bars"]
    for a, b in zip(one.state_dict().values(), other.state_dict().values(), strict=True):
        assert torch.equal(a, b)


@pytest.mark.parametrize("at", [1, 7])
def test_a_resumed_training_ends_in_the_same_bytes(start: Start, at: int) -> None:
    table: dict[str, Any] = {"weighting": "uncertainty", "ema": 0.9, "epochs": 5}
    whole, loop = start(**table)
    list(loop.steps())
    cut, begun = start(**table)
    steps = begun.steps()
    for _ in range(at):
        next(steps)
    tensors, values = begun.save()
    kept = {name: value.clone() for name, value in tensors.items()}
    again, rest = start(**table)
    again.load_state_dict(cut.state_dict())
    rest.restore(kept, values)
    list(rest.steps())
    expected = whole.state_dict()
    assert all(torch.equal(value, expected[name]) for name, value in again.state_dict().items())


def test_frozen_stages_are_seen_once_and_stay(start: Start, labelled: Labelled) -> None:
    module, loop = start(freeze=2, epochs=2)
    before = {name: value.clone() for name, value in module.stack.state_dict().items()}
    list(loop.steps())
    assert all(torch.equal(v, before[k]) for k, v in module.stack.state_dict().items())
    assert logits_of(module.classifiers["bars"], labelled(5)).shape == (5, 3)


def test_a_task_without_labels_is_refused(tiny: Tiny, labelled: Labelled) -> None:
    recipe = tiny(tasks=TASKS[:1])
    stack = build_stack(recipe, MapShape(1, 8, 8), seed=0)
    data = [TaskData(recipe.tasks[0], labelled(12, labels=False))]
    with pytest.raises(DataError, match="has no labels"):
        start_tasks(stack, recipe, data, sample=labelled(12), seed=0)


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ({"tasks": [{"name": "a"}, {"name": "a"}]}, "two tasks have the name 'a'"),
        ({"finetune": {"weighting": "uncertainty"}}, r"`finetune.weighting` belongs to"),
        (
            {"tasks": [{"name": "a"}], "finetune": {"augment": [{"kind": "mixup"}]}},
            "'mixup', which is not for",
        ),
        ({"tasks": [{"name": "a", "targets": ["x"]}]}, "`targets` belongs to a head"),
    ],
)
def test_recipes_that_contradict_themselves(tiny: Tiny, table: dict[str, Any], said: str) -> None:
    with pytest.raises(msgspec.ValidationError, match=said):
        tiny(**table)
