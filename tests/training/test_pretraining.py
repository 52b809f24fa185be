"""Pre-training phase by phase: what changes, what stays, and what may train a stage."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
import torch
from torch import Tensor

from featlearn.autoencoders.objective import LossTerms
from featlearn.config.recipe import Recipe
from featlearn.errors import RecipeError, UsageError
from featlearn.networks.stack import Stack, build_stack
from featlearn.stages.scaler import InputScaler
from featlearn.stages.stage import Stage
from featlearn.training.driver import Driver
from featlearn.training.folder import Folder
from featlearn.training.identity import Environment, Identity
from featlearn.training.pictures import Pictures
from featlearn.training.pretraining import Pretraining
from featlearn.training.progress import Silent
from featlearn.training.settling import fit_scaler
from featlearn.training.signals import StopRequest

Tiny = Callable[..., Recipe]
Make = Callable[..., Pictures]
Tensors = dict[str, Tensor]


class Watch(Driver):
    """A driver that writes no checkpoint, and keeps the state between phases."""

    def __init__(self, path: Path) -> None:
        super().__init__(
            Folder(path),
            Identity({}, Environment.here("cpu")),
            progress=Silent(),
            stop=StopRequest(),
        )
        self.states: list[Tensors] = []

    def between(self, module: torch.nn.Module) -> None:
        self.states.append({key: value.clone() for key, value in module.state_dict().items()})


@pytest.fixture
def train(tmp_path: Path, pictures: Make) -> Callable[..., tuple[Stack, Watch]]:
    def run(recipe: Recipe, *, held_out: int = 0, **given: Any) -> tuple[Stack, Watch]:
        kept = pictures(held_out, seed=1) if held_out else None
        training = Pretraining(recipe, pictures(64), held_out=kept, **given)
        driver = Watch(tmp_path)
        training.run(driver)
        return training.stack, driver

    return run


Train = Callable[..., tuple[Stack, Watch]]


def part(state: Tensors, prefix: str) -> Tensors:
    return {key: value for key, value in state.items() if key.startswith(prefix)}


def same(one: Tensors, two: Tensors) -> bool:
    return all(torch.equal(value, two[key]) for key, value in one.items())


def test_greedy_trains_a_stage_and_leaves_those_below_alone(tiny: Tiny, train: Train) -> None:
    first, second = map(msgspec.to_builtins, tiny().stages)
    recipe = tiny(stages=[first | {"norm": {"kind": "batch"}}, second])
    stack, driver = train(recipe)
    one, two = driver.states
    assert same(part(one, "stages.0"), two)
    assert not same(part(one, "stages.1"), two)
    assert same(two, stack.state_dict())
    assert not stack.training


def test_every_stage_s_scaling_is_fitted_when_it_begins(
    tiny: Tiny, train: Train, pictures: Make
) -> None:
    stack, _ = train(tiny())
    for place in range(2):
        scaler = stack.stage(place).scaler
        assert isinstance(scaler, InputScaler)
        found = scaler.centre.clone(), scaler.scale.clone()
        fit_scaler(stack, place, pictures(64))
        assert torch.equal(scaler.centre, found[0])
        assert torch.equal(scaler.scale, found[1])
        assert not scaler.running


def test_joint_scaling_follows_what_the_stages_below_become(
    tiny: Tiny, train: Train, pictures: Make
) -> None:
    recipe = tiny(pretrain={"schedule": "joint", "epochs": 20})
    stack, driver = train(recipe)
    assert len(driver.states) == 1
    scaler = stack.stage(1).scaler
    assert isinstance(scaler, InputScaler)
    found = scaler.centre.clone()
    fit_scaler(stack, 1, pictures(64))
    # Close to, but not the same as, a fit at the end: it is a running average.
    torch.testing.assert_close(found, scaler.centre, rtol=0.2, atol=0.1)
    assert not torch.equal(found, scaler.centre)
    assert not scaler.running


def test_greedy_then_joint_goes_on_from_the_greedy_weights(tiny: Tiny, train: Train) -> None:
    stack, driver = train(tiny(pretrain={"schedule": "greedy-then-joint", "joint_epochs": 1}))
    _, greedy = train(tiny())
    assert same(driver.states[0], greedy.states[0])
    assert same(driver.states[1], greedy.states[1])
    assert not same(part(driver.states[1], "stages.0.filter"), driver.states[2])
    assert same(driver.states[2], stack.state_dict())
    assert [result.name for result in driver.standing.results] == ["edges", "parts", "joint"]


@pytest.mark.parametrize("schedule", ["greedy", "joint"])
def test_saving_memory_changes_no_byte(tiny: Tiny, train: Train, schedule: str) -> None:
    noisy = {"kind": "denoising", "corruption": {"kind": "mask", "rate": 0.3}}
    raw = [{**msgspec.to_builtins(stage), "objective": noisy} for stage in tiny().stages]
    saving = {"update": "backward"} | ({"recompute": True} if schedule == "joint" else {})
    stack, _ = train(tiny(stages=raw, pretrain={"schedule": schedule, "through": False}))
    saved, _ = train(tiny(stages=raw, pretrain={"schedule": schedule, **saving}))
    assert same(stack.state_dict(), saved.state_dict())


JOINTLY = {"epochs": 5, "optimizer": {"kind": "adamw", "lr": 0.05}}


@pytest.mark.parametrize("schedule", ["joint", "greedy-then-joint"])
@pytest.mark.parametrize("untrained", [False, True])
def test_joint_training_leaves_no_statistics_of_another_network(
    tiny: Tiny, train: Train, pictures: Make, schedule: str, untrained: bool
) -> None:
    first, second = map(msgspec.to_builtins, tiny().stages)
    normalised = {**first, "norm": {"kind": "batch"}}
    top = {**second, "norm": {"kind": "batch"}, "activation": "tanh"}
    if untrained:
        top = {**top, "objective": None}
    stack, _ = train(tiny(stages=[normalised, top], pretrain={"schedule": schedule, **JOINTLY}))
    images = pictures(64).at(range(64))
    outputs = stack(images)
    checked = [1]
    if untrained:
        x = stack.stage(1).scaler(stack.maps_below(images, 1))  # dense: unit by unit
        torch.testing.assert_close(x.mean(0), torch.zeros(4, 3, 3), atol=1e-4, rtol=0)
        torch.testing.assert_close(x.std(0, correction=0), torch.ones(4, 3, 3), atol=1e-3, rtol=0)
        checked = [0, 1]
    for place in checked:
        maps = outputs[place].normalised
        assert maps is not None
        mean, variance = maps.mean((0, 2, 3)), maps.var((0, 2, 3))
        torch.testing.assert_close(mean, torch.zeros_like(mean), atol=1e-3, rtol=0)
        torch.testing.assert_close(variance, torch.ones_like(mean), atol=1e-2, rtol=0)


def test_stages_without_an_objective_keep_their_weights(tiny: Tiny, train: Train) -> None:
    first, second = map(msgspec.to_builtins, tiny().stages)
    recipe = tiny(stages=[first | {"objective": None}, second])
    stack, driver = train(recipe)
    fresh = build_stack(recipe, stack.input_shape, seed=recipe.seed)
    assert torch.equal(stack.stage(0).filter.weight, fresh.stage(0).filter.weight)
    assert driver.standing.results[0].steps == 0
    assert driver.standing.results[1].steps == 4


@pytest.mark.parametrize("schedule", ["greedy", "joint", "greedy-then-joint"])
def test_a_warmup_as_long_as_a_phase_is_refused_before_the_first(
    tiny: Tiny, pictures: Make, schedule: str
) -> None:
    last = {"greedy": "parts", "joint": "joint", "greedy-then-joint": "joint"}[schedule]
    first, second = map(msgspec.to_builtins, tiny().stages)
    changes = {"schedule": schedule, "rate": {"kind": "constant", "warmup": 4}, "epochs": 3}
    if schedule == "greedy":
        second["epochs"] = 2
    elif schedule == "joint":
        changes["epochs"] = 2
    else:
        changes["joint_epochs"] = 2
    recipe = tiny(stages=[first, second], pretrain=changes)
    with pytest.raises(
        RecipeError, match=rf"{last}: pretrain\.rate\.warmup is 4 steps, and there are 4 in all"
    ):
        Pretraining(recipe, pictures(64), held_out=None)
    Pretraining(recipe, pictures(65 + 32), held_out=None)  # six steps


class Spread:
    """A caller's own objective: let the units' codes differ; keep filters at unit norm."""

    def __init__(self) -> None:
        self.seen: list[torch.Size] = []

    def terms(
        self, stage: Stage, x: Tensor, *, target: Tensor, generator: torch.Generator
    ) -> LossTerms:
        self.seen.append(x.shape)
        noise = 0.01 * torch.rand(x.shape, generator=generator)
        return {"spread": -stage.code(x + noise).var(0).sum()}

    def after_step(self, stage: Stage) -> None:
        stage.filter.normalize_columns_(stage.filter.weight)


@pytest.mark.parametrize("schedule", ["greedy", "joint"])
@pytest.mark.parametrize("named", [True, False])
def test_any_object_with_the_two_methods_trains_a_stage(
    tiny: Tiny, train: Train, schedule: str, named: bool
) -> None:
    first, second = map(msgspec.to_builtins, tiny().stages)
    second = second if named else {**second, "objective": None}
    recipe = tiny(stages=[first, second], pretrain={"schedule": schedule, "epochs": 5})
    own = Spread()
    stack, driver = train(recipe, objectives={"parts": own})
    assert own.seen[0] == (32, 4, 3, 3)
    norms = stack.stage(1).filter.weight.flatten(1).norm(dim=1)
    torch.testing.assert_close(norms, torch.ones(6))
    fresh = build_stack(recipe, stack.input_shape, seed=recipe.seed)
    assert not torch.equal(stack.stage(0).filter.weight, fresh.stage(0).filter.weight)
    assert len(driver.standing.results) == (2 if schedule == "greedy" else 1)
    loss = driver.standing.results[-1].loss
    assert loss is not None
    if schedule == "greedy":
        assert loss < 0


def test_an_objective_for_no_stage_is_refused(tiny: Tiny, train: Train) -> None:
    with pytest.raises(UsageError, match="there is no stage 'prats'; the stages are edges, parts"):
        train(tiny(), objectives={"prats": Spread()})


def test_preparation_is_fitted_on_a_sample_of_training_images(
    tiny: Tiny, train: Train, pictures: Make
) -> None:
    recipe = tiny(preprocess=[{"kind": "standardize"}], pretrain={"fit_samples": 64})
    stack, _ = train(recipe, held_out=8)
    prepared = stack.prepare(pictures(64).at(range(64)))
    torch.testing.assert_close(prepared.mean(0), torch.zeros(1, 8, 8), atol=1e-5, rtol=0)
    fewer, _ = train(tiny(preprocess=[{"kind": "standardize"}], pretrain={"fit_samples": 32}))
    assert not torch.equal(
        fewer.preprocess[0].get_buffer("mean"), stack.preprocess[0].get_buffer("mean")
    )


@pytest.mark.parametrize(
    "changes",
    [
        {"precision": "bfloat16"},
        {"augment": [{"kind": "shift", "pixels": 1}]},
        {"clip": 0.1},
        {"optimizer": {"kind": "sgd", "lr": 1e-3, "nesterov": True}},
        {"patience": 1},
    ],
)
def test_same_seed_same_bits_whatever_is_asked_for(
    tiny: Tiny, train: Train, changes: dict[str, Any]
) -> None:
    recipe = tiny(pretrain=changes)
    one, two = (train(recipe, held_out=8)[0].state_dict() for _ in range(2))
    assert same(one, two)
    other = train(tiny(pretrain=changes, seed=1), held_out=8)[0].state_dict()
    assert not same(part(one, "stages.0.filter"), other)


def test_bfloat16_learns_about_the_same(tiny: Tiny, train: Train) -> None:
    exact, half = (
        train(tiny(pretrain={"precision": kind, "epochs": 8}), held_out=32)[1].standing.results
        for kind in ("float32", "bfloat16")
    )
    for one, two in zip(exact, half, strict=True):
        assert one.held_out is not None
        assert two.held_out is not None
        assert two.held_out["loss"] == pytest.approx(one.held_out["loss"], rel=0.02)
