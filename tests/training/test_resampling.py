"""Drawing dead filters anew: which they are, what they become, and what is forgotten."""

from collections.abc import Callable
from typing import Any

import msgspec
import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from featlearn.config.recipe import Recipe
from featlearn.config.stages import StageSpec
from featlearn.config.training import AdamSpec, ResampleSpec, SGDSpec
from featlearn.geometry import MapShape
from featlearn.networks.stack import build_stack
from featlearn.stages.stage import Stage, build_stage
from featlearn.training.optimizers import Updates
from featlearn.training.pictures import Pictures
from featlearn.training.pretraining import Pretraining
from featlearn.training.problem import Renewing
from featlearn.training.problems import GreedyProblem, JointProblem, Material
from featlearn.training.resampling import dead_filters, redraw_dead_
from featlearn.training.unrecorded import Unrecorded

IMAGE = MapShape(2, 6, 5)
FILTERS: dict[str, dict[str, Any]] = {
    "dense": {"kind": "dense", "maps": 4},
    "conv": {"kind": "conv", "size": 3, "maps": 4, "stride": 2, "padding": "same"},
    "groups": {"kind": "conv", "size": 3, "maps": 4, "groups": 2, "padding": 1},
    "local": {"kind": "local", "size": 3, "maps": 3},
    "tiled": {"kind": "tiled", "size": 3, "maps": 3, "tile": 2},
}


def make(kind: str = "dense", *, decoder: str | None = "tied", **changes: Any) -> Stage:
    raw: dict[str, Any] = {"name": "it", "filter": FILTERS[kind], "activation": "relu"} | changes
    if decoder is not None:
        raw["objective"] = {"kind": "plain", "decoder": decoder}
    draw = torch.Generator().manual_seed(0)
    return build_stage(msgspec.convert(raw, StageSpec), IMAGE, generator=draw).double().eval()


def batch(count: int = 40) -> Tensor:
    draw = torch.Generator().manual_seed(1)
    return torch.randn(count, *IMAGE, generator=draw, dtype=torch.float64)


@torch.no_grad()
def kill(stage: Stage, unit: int) -> None:
    """Silence a map everywhere."""
    assert stage.filter.bias is not None
    stage.filter.bias[..., unit] = -1e3


def draw(seed: int = 2) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def seen(stage: Stage, x: Tensor, unit: int, position: tuple[int, int]) -> Tensor:
    """Cut out what a map sees at a position of every image, `(images, inputs)`."""
    encoder = stage.filter
    if not hasattr(encoder, "size"):
        return x.flatten(1)
    size, stride = 3, int(getattr(encoder, "stride"))  # noqa: B009 - not every filter has one
    groups = int(getattr(encoder, "groups"))  # noqa: B009
    code = encoder(x)
    rows = (code.shape[2] - 1) * stride + size - x.shape[2]
    columns = (code.shape[3] - 1) * stride + size - x.shape[3]
    x = F.pad(x, (columns // 2, columns - columns // 2, rows // 2, rows - rows // 2))
    below = x.shape[1] // groups
    group = unit // (code.shape[1] // groups)
    x = x[:, group * below : (group + 1) * below]
    top, left = position[0] * stride, position[1] * stride
    return x[:, :, top : top + size, left : left + size].flatten(1)


@pytest.mark.parametrize("decoder", ["tied", "untied", None])
@pytest.mark.parametrize("kind", FILTERS)
def test_a_dead_filter_becomes_the_direction_of_what_it_could_have_seen(
    kind: str, decoder: str | None
) -> None:
    stage, x = make(kind, decoder=decoder), batch()
    kill(stage, 1)
    before = {name: value.clone() for name, value in stage.state_dict().items()}
    dead = dead_filters(stage, x)
    assert dead[1].all()
    assert int(dead.sum()) == dead[1].numel()
    drawn = redraw_dead_(stage, x, draw())
    weight, bias = stage.filter.weight.detach(), stage.filter.bias
    assert bias is not None
    alive = [unit for unit in range(stage.code_shape.maps) if unit != 1]
    length = before["filter.weight"][..., alive, :, :, :].flatten(-3).norm(dim=-1).mean()
    own = None if stage.decoder is None else stage.decoder.weight
    share = 1.0 if own is None else 0.2
    banks = weight.reshape(-1, *weight.shape[-4:])[:, 1].flatten(1)
    torch.testing.assert_close(banks.norm(dim=1), (share * length).expand(len(banks)))
    positions = list(np.ndindex(*stage.filter(x).shape[2:]))
    rows, columns = dead.shape[1:]
    for place, filters in enumerate(banks):
        here = [
            seen(stage, x, 1, (row, column))
            for row, column in positions
            if (row % rows, column % columns) == divmod(place, columns)
        ]
        cosines = F.normalize(torch.cat(here), dim=1) @ F.normalize(filters, dim=0)
        assert float(cosines.max()) == pytest.approx(1)
    # The others are as they were, and so are those of the decoder.
    assert torch.equal(weight[..., alive, :, :, :], before["filter.weight"][..., alive, :, :, :])
    assert not bool(bias[..., 1].any())
    assert set(drawn) == {stage.filter.weight, bias} | (set() if own is None else {own})
    for parameter, where in drawn.items():
        assert where.shape == parameter.shape
    if own is not None:
        both = F.cosine_similarity(
            own[..., 1, :, :, :].flatten(-3), weight[..., 1, :, :, :].flatten(-3), dim=-1
        )
        torch.testing.assert_close(both, torch.ones_like(both))
    assert not bool(dead_filters(stage, x).any())


def test_inputs_that_are_rebuilt_worst_are_drawn_most() -> None:
    stage = make()
    kill(stage, 1)
    x = batch()
    x[0] *= 1e4
    redraw_dead_(stage, x, draw())
    cosine = F.cosine_similarity(stage.filter.weight[1].flatten(), x[0].flatten(), dim=0)
    assert float(cosine.detach()) == pytest.approx(1)


def test_nothing_is_drawn_where_no_filter_is_dead_or_none_sees_anything() -> None:
    stage = make()
    assert redraw_dead_(stage, batch(), draw()) == {}
    before = stage.filter.weight.detach().clone()
    kill(stage, 1)
    drawn = redraw_dead_(stage, torch.zeros_like(batch()), draw())
    assert torch.equal(stage.filter.weight, before)
    assert not any(bool(where.any()) for where in drawn.values())


def test_a_centroid_that_is_never_the_nearest_is_dead() -> None:
    bank = {"kind": "dense", "maps": 4, "bias": False}
    objective = {"kind": "k-means"}
    stage = make(decoder=None, filter=bank, activation="identity", objective=objective)
    x = batch()
    with torch.no_grad():
        stage.filter.weight[2] *= 1e-9  # its responses vary, and never lead
        stage.filter.weight[1] = -stage.filter.weight[0]
    assert dead_filters(stage, x).flatten().tolist() == [False, False, True, False]


@pytest.mark.parametrize("in_backward", [False, True])
@pytest.mark.parametrize("optimizer", [AdamSpec(), SGDSpec(momentum=0.9), SGDSpec(momentum=0.0)])
def test_the_optimiser_forgets_what_it_knew_of_them(optimizer: Any, *, in_backward: bool) -> None:
    parameter = torch.nn.Parameter(torch.ones(3, 4).T)
    groups = [{"params": [parameter], "scale": 1.0}]
    updates = Updates(optimizer, groups, in_backward=in_backward)  # pyright: ignore[reportArgumentType]
    updates.backward((parameter * torch.arange(1.0, 13).reshape(4, 3)).sum())
    updates.step()
    before = updates.tensors()
    where = torch.zeros(4, 3, dtype=torch.bool)
    where[1] = True
    updates.forget({parameter: where})
    for name, value in updates.tensors().items():
        if value.shape == where.shape:
            assert not bool(value[where].any())
            assert torch.equal(value[~where], before[name][~where])
            assert bool(value[~where].all())
        else:
            assert torch.equal(value, before[name])


@pytest.mark.parametrize("joint", [False, True])
def test_it_is_done_when_it_is_time(
    tiny: Callable[..., Recipe], pictures: Callable[..., Pictures], *, joint: bool
) -> None:
    recipe = tiny()
    stack = build_stack(recipe, MapShape(1, 8, 8), seed=0)
    training = Pretraining(recipe, pictures(40), held_out=None)
    material = Material(pictures(40), resample=ResampleSpec(every=3, times=2, images=30))
    objectives = training.objectives
    problem = (
        JointProblem(stack, objectives, material)
        if joint
        else GreedyProblem(stack, 1, objectives[1], material)
    )
    assert isinstance(problem, Renewing)
    with torch.no_grad():
        stack.stage(1).filter.weight[2] = 0  # the sigmoid of nothing never changes
    times = [bool(problem.renew(step, steps=20)) for step in (1, 2)]
    weights = stack.stage(1).filter.weight
    assert times == [False, False]
    assert not bool(weights[2].any())
    assert problem.renew(3, steps=3) == {}  # nothing would be learned of it any more
    assert problem.renew(9, steps=20) == {}  # twice is enough
    assert weights in problem.renew(6, steps=20)
    assert bool(weights[2].any())
    assert problem.module.training == joint


def test_a_training_ends_without_dead_units_and_with_the_same_bytes(
    tiny: Callable[..., Recipe], pictures: Callable[..., Pictures]
) -> None:
    stages = [msgspec.to_builtins(stage) for stage in tiny().stages]
    bank = {"kind": "dense", "maps": 12, "bias": False}
    clusters = stages[1] | {
        "filter": bank,
        "activation": "identity",
        "objective": {"kind": "k-means"},
        "optimizer": {"kind": "sgd", "lr": 0.5},
    }
    found: list[Tensor] = []
    dead: list[int] = []
    for resample in (None, {"every": 2, "images": 40}, {"every": 2, "images": 40}):
        recipe = tiny(stages=[clusters], pretrain={"epochs": 6, "batch": 10, "resample": resample})
        training = Pretraining(recipe, pictures(40), held_out=None)
        stage = training.stack.stage(0)
        with torch.no_grad():
            stage.filter.weight[4:] = stage.filter.weight[4] + 1e-3 * stage.filter.weight[4:]
        training.run(Unrecorded(None))
        x = stage.scaler(pictures(40).at(range(40)))
        dead.append(int(dead_filters(stage, x).sum()))
        found.append(stage.filter.weight.detach().clone())
    assert dead[1] < dead[0]
    assert torch.equal(found[1], found[2])
