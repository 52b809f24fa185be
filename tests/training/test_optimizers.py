"""Optimisers against their papers' steps, written out in NumPy."""

from collections.abc import Callable
from typing import Any, Literal

import msgspec
import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from featlearn.config.autoencoding import PlainSpec
from featlearn.config.banks import LocalSpec
from featlearn.config.stages import StageSpec
from featlearn.config.training import FinetuneSpec, OptimizerSpec
from featlearn.errors import UsageError
from featlearn.geometry import MapShape
from featlearn.ops import sgd as descent
from featlearn.ops.casts import cast, casts_kept
from featlearn.ops.local_kernels import INSTALLED
from featlearn.stages.stage import build_stage
from featlearn.training.optimizers import (
    Updates,
    build_optimizer,
    weight_groups,
)
from tests.training.peaks import peak_bytes

Array = NDArray[np.float64]
Rule = Callable[[Array, Array, dict[str, Array], int], Array]
LR, DECAY = 0.1, 0.05


def spec_of(**table: Any) -> OptimizerSpec:
    raw = {"optimizer": {"lr": LR, "weight_decay": DECAY, **table}}
    return msgspec.convert(raw, FinetuneSpec).optimizer


def sgd(w: Array, g: Array, kept: dict[str, Array], t: int) -> Array:
    g = g + DECAY * w
    kept["v"] = 0.9 * kept["v"] + g if t else g
    return w - LR * kept["v"]


def nesterov(w: Array, g: Array, kept: dict[str, Array], t: int) -> Array:
    g = g + DECAY * w
    kept["v"] = 0.9 * kept["v"] + g if t else g
    return w - LR * (g + 0.9 * kept["v"])


def adagrad(w: Array, g: Array, kept: dict[str, Array], t: int) -> Array:
    g = g + DECAY * w
    kept["s"] = kept.get("s", np.zeros_like(w)) + g**2
    return w - LR * g / (np.sqrt(kept["s"]) + 1e-10)


def rmsprop(w: Array, g: Array, kept: dict[str, Array], t: int) -> Array:
    g = g + DECAY * w
    kept["s"] = 0.8 * kept.get("s", np.zeros_like(w)) + 0.2 * g**2
    kept["v"] = 0.5 * kept.get("v", np.zeros_like(w)) + g / (np.sqrt(kept["s"]) + 1e-8)
    return w - LR * kept["v"]


def adam_step(g: Array, kept: dict[str, Array], t: int) -> Array:
    kept["m"] = 0.8 * kept.get("m", np.zeros_like(g)) + 0.2 * g
    kept["s"] = 0.9 * kept.get("s", np.zeros_like(g)) + 0.1 * g**2
    mean, square = kept["m"] / (1 - 0.8 ** (t + 1)), kept["s"] / (1 - 0.9 ** (t + 1))
    return LR * mean / (np.sqrt(square) + 1e-8)


def adam(w: Array, g: Array, kept: dict[str, Array], t: int) -> Array:
    return w - adam_step(g + DECAY * w, kept, t)


def adamw(w: Array, g: Array, kept: dict[str, Array], t: int) -> Array:
    return w * (1 - LR * DECAY) - adam_step(g, kept, t)


RULES: dict[str, tuple[dict[str, Any], Rule]] = {
    "sgd": ({"kind": "sgd", "momentum": 0.9}, sgd),
    "nesterov": ({"kind": "sgd", "momentum": 0.9, "nesterov": True}, nesterov),
    "adagrad": ({"kind": "adagrad"}, adagrad),
    "rmsprop": ({"kind": "rmsprop", "alpha": 0.8, "momentum": 0.5}, rmsprop),
    "adam": ({"kind": "adam", "betas": [0.8, 0.9]}, adam),
    "adamw": ({"kind": "adamw", "betas": [0.8, 0.9]}, adamw),
}


def start() -> Tensor:
    return torch.tensor([[1.0, -2.0, 0.5]], dtype=torch.float64, requires_grad=True)


def loss(w: Tensor) -> Tensor:
    return (w * torch.tensor([1.0, 2.0, -3.0])).sum() + w.pow(4).sum() / 4


@pytest.mark.parametrize("name", RULES)
def test_steps_are_those_of_the_paper(name: str) -> None:
    table, rule = RULES[name]
    w = start()
    optimizer = build_optimizer(spec_of(**table), [{"params": [w], "scale": 1.0}])
    expected, kept = w.detach().numpy().copy(), dict[str, Array]()
    for t in range(4):
        gradient = np.array([1.0, 2.0, -3.0]) + expected**3
        expected = rule(expected, gradient, kept, t)
        optimizer.zero_grad()
        loss(w).backward()
        optimizer.step()
        np.testing.assert_allclose(w.detach().numpy(), expected, rtol=1e-9)


def steps(w: Tensor, updates: Updates, count: int) -> None:
    for _ in range(count):
        updates.backward(loss(w))
        updates.step()


@pytest.mark.parametrize("name", RULES)
@pytest.mark.parametrize("in_backward", [False, True])
def test_state_that_is_put_back_goes_on_with_the_same_bits(name: str, in_backward: bool) -> None:
    spec = spec_of(**RULES[name][0])
    w = start()
    updates = Updates(spec, [{"params": [w]}])
    steps(w, updates, 3)
    kept = {key: value.clone() for key, value in updates.tensors().items()}
    assert kept
    twin = w.detach().clone().requires_grad_()
    restored = Updates(spec, [{"params": [twin]}], in_backward=in_backward)
    restored.restore(kept)
    steps(w, updates, 3)
    steps(twin, restored, 3)
    assert torch.equal(w, twin)
    for key, value in updates.tensors().items():
        assert torch.equal(restored.tensors()[key], value)


@pytest.mark.parametrize("in_backward", [False, True])
def test_an_optimizer_that_took_no_step_can_be_put_back(in_backward: bool) -> None:
    w = start()
    updates = Updates(spec_of(kind="adamw"), [{"params": [w]}], in_backward=in_backward)
    updates.restore(updates.tensors())
    steps(w, updates, 1)
    assert not torch.equal(w, start())


@pytest.mark.parametrize("name", RULES)
def test_updating_in_the_backward_pass_gives_the_same_bits_and_frees_gradients(name: str) -> None:
    found: list[list[Tensor]] = []
    for in_backward in (False, True):
        torch.manual_seed(0)
        module = nn.Sequential(nn.Linear(6, 5), nn.Tanh(), nn.Linear(5, 4)).double()
        groups = weight_groups(module)
        updates = Updates(spec_of(**RULES[name][0]), groups, in_backward=in_backward)
        for group in updates.groups:
            group["lr"] = 0.01
        for _ in range(3):
            updates.backward(module(torch.arange(12.0).view(2, 6).double()).square().sum())
            assert all((p.grad is None) is in_backward for p in module.parameters())
            updates.step()
        assert [p.shape for p in updates.parameters] == [
            p.shape for group in groups for p in group["params"]
        ]
        found.append([p.detach() for p in module.parameters()])
    assert all(torch.equal(a, b) for a, b in zip(*found, strict=True))


def test_no_two_gradients_are_there_at_once() -> None:
    module = nn.Sequential(*(nn.Linear(4, 4, bias=False) for _ in range(3)))
    updates = Updates(spec_of(kind="sgd"), weight_groups(module), in_backward=True)
    there: list[int] = []
    for parameter in module.parameters():
        parameter.register_post_accumulate_grad_hook(
            lambda _: there.append(sum(p.grad is not None for p in module.parameters()))
        )
    updates.backward(module(torch.ones(1, 4)).sum())
    assert there == [1, 1, 1]


def test_biases_and_scales_of_normalisation_do_not_decay() -> None:
    module = nn.Sequential(nn.Conv2d(2, 3, 3), nn.BatchNorm2d(3), nn.Linear(4, 2, bias=False))
    decaying, rest = weight_groups(module, scale=0.5)
    assert [tuple(p.shape) for p in decaying["params"]] == [(3, 2, 3, 3), (2, 4)]
    assert [tuple(p.shape) for p in rest["params"]] == [(3,), (3,), (3,)]
    assert rest["weight_decay"] == 0.0
    assert "weight_decay" not in decaying
    assert decaying["scale"] == rest["scale"] == 0.5


def test_bias_maps_of_any_shape_do_not_decay() -> None:
    module = nn.Module()
    module.register_parameter("bias", nn.Parameter(torch.ones(2, 3, 3)))
    (group,) = weight_groups(module)
    assert group["weight_decay"] == 0.0


def test_frozen_parameters_are_left_out() -> None:
    layer = nn.Linear(2, 2)
    layer.bias.requires_grad_(False)
    (group,) = weight_groups(layer)
    assert group["params"] == [layer.weight]
    assert weight_groups(layer.requires_grad_(False)) == []


def test_a_weight_that_was_moved_is_not_moved_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(descent, "usable", lambda _weight: True)
    monkeypatch.setattr(descent, "descend_", lambda *_given, **_how: None)
    weight = nn.Parameter(start())
    updates = Updates(spec_of(kind="sgd"), [{"params": [weight]}], in_backward=True)
    with casts_kept(updates.taker):
        rounded = cast(weight, torch.bfloat16)
    updates.backward(rounded.sum())  # in one precision: a step
    with casts_kept(updates.taker):
        rounded = cast(weight, torch.bfloat16)
    with pytest.raises(UsageError, match=r"in two precisions at once.*pretrain\.update"):
        updates.backward(rounded.float().sum() + weight.sum())


@pytest.mark.parametrize("kind", ["adamw", "sgd"])
def test_only_plain_descent_in_the_backward_pass_takes_gradients(
    kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    weight = nn.Parameter(start())
    groups: list[dict[str, Any]] = [{"params": [weight]}]
    within = Updates(spec_of(kind=kind), groups, in_backward=True)
    after = Updates(spec_of(kind=kind), groups)
    assert within.taker(weight) is None  # where there is no kernel
    monkeypatch.setattr(descent, "usable", lambda _weight: True)
    assert (within.taker(weight) is not None) == (kind == "sgd")
    assert within.taker(torch.zeros(3)) is None
    assert after.taker(weight) is None


@pytest.mark.parametrize("in_backward", [False, True])
@pytest.mark.parametrize("name", RULES)
def test_a_parameter_in_another_order_in_memory_is_moved_like_any_other(
    name: str, in_backward: bool
) -> None:
    plain, turned = square(), square(turned=True)
    assert turned.stride() != plain.stride()
    states: list[dict[str, Tensor]] = []
    for w in (plain, turned):
        updates = Updates(spec_of(**RULES[name][0]), [{"params": [w]}], in_backward=in_backward)
        steps(w, updates, 3)
        states.append(updates.tensors())
    assert torch.equal(plain, turned)
    for key, value in states[0].items():
        assert torch.equal(states[1][key], value)


def square(*, turned: bool = False) -> nn.Parameter:
    """Give the parameter of `start` as a square, the other way round in memory if `turned`."""
    w = torch.arange(1.0, 10.0, dtype=torch.float64).view(3, 3).cos()
    return nn.Parameter(w.t().contiguous().t() if turned else w)


def test_weights_that_a_constraint_replaces_are_those_that_are_moved() -> None:
    weight, twin = square(), square()
    of = [Updates(spec_of(**RULES["adamw"][0]), [{"params": [w]}]) for w in (weight, twin)]
    for _ in range(2):
        for w, updates in zip((weight, twin), of, strict=True):
            steps(w, updates, 1)
        weight.data = (weight.data / 2).t().contiguous().t()
        twin.data.div_(2)
    assert torch.equal(weight, twin)


@pytest.mark.skipif(not INSTALLED, reason="needs the extra `fast`")
@pytest.mark.parametrize("decoder", ["tied", "untied"])
def test_a_stage_holds_one_gradient_at_a_time(decoder: Literal["tied", "untied"]) -> None:
    shape = MapShape(4, 24, 24)
    spec = StageSpec(
        name="only",
        filter=LocalSpec(size=9, maps=8),
        activation="identity",
        objective=PlainSpec(decoder=decoder),
    )
    stage = build_stage(spec, shape, generator=torch.Generator().manual_seed(0))
    momentum = spec_of(kind="sgd", momentum=0.9, weight_decay=0.0)
    updates = Updates(momentum, weight_groups(stage), in_backward=True)
    x = torch.randn(8, *shape, generator=torch.Generator().manual_seed(0))

    def step() -> None:
        with updates.sums.noted():
            loss = (stage.decode(stage.code(x)) - x).square().sum()
        updates.backward(loss)

    step()  # the velocity is there from then on
    held = stage.filter.weight.nbytes
    assert held > 30 * x.nbytes
    # Weights as small as these are not added in parts: what is added is as large as the sum.
    assert peak_bytes(step) < (2.3 if decoder == "tied" else 1.3) * held


@pytest.mark.parametrize("in_backward", [False, True])
def test_where_nothing_is_to_be_moved_a_step_does_nothing(in_backward: bool) -> None:
    updates = Updates(spec_of(kind="adam"), [], in_backward=in_backward)
    updates.backward(torch.ones(()))
    updates.step()
    assert updates.tensors() == {}
    updates.restore({})
    assert list(updates.groups) == []


def test_what_something_else_moves_is_in_no_group() -> None:
    layer = nn.Linear(3, 2)
    (group,) = weight_groups(layer, without=[layer.weight])
    assert group["params"] == [layer.bias]
    assert weight_groups(layer, without=list(layer.parameters())) == []
