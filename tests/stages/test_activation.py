"""Activations that learn or infer, in a stage: their numbers, counts, and what they compute."""

from typing import Any

import msgspec
import pytest
import torch
from torch import Tensor

from featlearn.config.plan import plan
from featlearn.config.recipe import Recipe
from featlearn.config.stages import StageSpec
from featlearn.geometry import MapShape
from featlearn.ops.sparse_codes import lasso_energy
from featlearn.stages.activation import ScaledTanh, Shrinkage
from featlearn.stages.inference import Dictionary, Pull, infer
from featlearn.stages.stage import Stage, build_stage

IMAGE = MapShape(1, 6, 6)
BANK: dict[str, Any] = {"kind": "conv", "size": 3, "maps": 4, "bias": False}
FISTA: dict[str, Any] = {"kind": "fista", "weight": 0.2, "steps": 200}


def make(activation: Any, **bank: Any) -> Stage:
    spec = {"name": "it", "filter": {**BANK, **bank}, "activation": activation, "input": "none"}
    draw = torch.Generator().manual_seed(0)
    return build_stage(msgspec.convert(spec, StageSpec), IMAGE, generator=draw)


def batch(count: int = 3) -> Tensor:
    return torch.randn(count, *IMAGE, generator=torch.Generator().manual_seed(1))


def test_each_map_has_a_gain_of_its_own() -> None:
    stage = make({"kind": "scaled-tanh", "gain": 2.0})
    assert isinstance(stage.activation, ScaledTanh)
    with torch.no_grad():
        stage.activation.gain[1] = 5.0
    wanted = 2 * torch.tanh(stage.filter(batch()))
    wanted[:, 1] *= 2.5
    torch.testing.assert_close(stage.code(batch()), wanted)


def test_each_map_has_a_threshold_of_its_own() -> None:
    stage = make({"kind": "shrinkage", "threshold": 0.3, "sharpness": 1e5})
    assert isinstance(stage.activation, Shrinkage)
    with torch.no_grad():
        stage.activation.threshold[2] = 0.6
    responses = stage.filter(batch())
    wanted = torch.nn.functional.softshrink(responses, 0.3)
    wanted[:, 2] = torch.nn.functional.softshrink(responses[:, 2], 0.6)
    torch.testing.assert_close(stage.code(batch()), wanted, atol=1e-4, rtol=0)


@pytest.mark.parametrize("kind", ["scaled-tanh", "shrinkage"])
def test_what_is_learned_is_part_of_the_state_and_counted(kind: str) -> None:
    stage = make({"kind": kind})
    recipe = {
        "title": "t",
        "data": {"source": "digits"},
        "stages": [msgspec.to_builtins(stage.spec)],
    }
    layers = plan(msgspec.convert(recipe, Recipe), IMAGE).layers
    numbers = sum(parameter.numel() for parameter in stage.parameters())
    assert layers[0].learned == numbers > stage.filter.weight.numel()
    assert any(name.startswith("activation.") for name in stage.state_dict())
    assert stage.activation in stage.learned


def test_a_remembered_code_is_computed_anew_when_what_it_learned_has_changed() -> None:
    stage, x = make({"kind": "scaled-tanh"}), batch()
    assert isinstance(stage.activation, ScaledTanh)
    with stage.remembering():
        before = stage.code(x)
        assert stage.code(x) is before
        with torch.no_grad():
            stage.activation.gain.mul_(2)
        torch.testing.assert_close(stage.code(x), 2 * before)


def test_inferred_codes_cost_less_energy_than_any_near_them() -> None:
    stage, x = make(FISTA), batch()
    codes = stage.code(x).detach()

    def energy(z: Tensor) -> Tensor:
        with torch.no_grad():
            return lasso_energy(stage.filter.adjoint(z), z, x, weight=0.2)

    least, draw = energy(codes), torch.Generator().manual_seed(2)
    for size in (1e-2, 0.1, 1.0):
        other = codes + size * torch.randn(codes.shape, generator=draw)
        assert (energy(other) > least).all()
    assert (codes == 0).any()


def test_inferred_codes_are_the_same_every_time_alone_and_on_images_of_other_sizes() -> None:
    stage, x = make(FISTA), batch()
    codes = stage.code(x)
    torch.testing.assert_close(stage.code(x), codes, atol=0, rtol=0)
    torch.testing.assert_close(stage.code(x[1:2]), codes[1:2], atol=1e-4, rtol=1e-3)
    larger = torch.randn(2, 1, 9, 8, generator=torch.Generator().manual_seed(3))
    assert stage.code(larger).shape == (2, 4, 7, 6)
    assert stage.code(x[:0]).shape == (0, 4, 4, 4)


def test_filters_learn_through_inference() -> None:
    stage = make({**FISTA, "steps": 5}).double()
    weight, x = stage.filter.weight, batch().double()
    draw = torch.Generator().manual_seed(4)
    slopes = torch.randn(3, 4, 4, 4, generator=draw).double()
    # The step of FISTA is bounded by the weights, too, but passes no gradient.
    (stage.code(x) * slopes).sum().backward()
    assert weight.grad is not None
    assert weight.grad.isfinite().all()
    assert weight.grad.any()


def test_codes_are_inferred_in_full_precision_under_autocast() -> None:
    stage, x = make(FISTA), batch()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found = stage.code(x)
    torch.testing.assert_close(found, stage.code(x), atol=0, rtol=0)


def test_a_strong_pull_leaves_codes_where_they_are_drawn() -> None:
    stage, x = make(FISTA), batch()
    towards = torch.randn(3, 4, 4, 4, generator=torch.Generator().manual_seed(5))
    assert not isinstance(stage.spec.activation, str)
    spec = msgspec.convert(FISTA | {"weight": 1e-6}, type(stage.spec.activation))
    with torch.no_grad():
        found = infer(Dictionary(stage.filter), x, spec, pull=Pull(towards, 1e5))  # pyright: ignore[reportArgumentType]
    torch.testing.assert_close(found, towards, atol=1e-3, rtol=0)


def test_products_are_the_transpose_of_the_adjoint_by_any_weights() -> None:
    draw = torch.Generator().manual_seed(6)
    banks: list[dict[str, Any]] = [
        {"kind": "dense", "maps": 4, "bias": True},
        {**BANK, "bias": True, "stride": 2},
        {**BANK, "kind": "local", "padding": "same"},
        {**BANK, "kind": "tiled", "tile": 2},
    ]
    for bank in banks:
        spec = msgspec.convert({"name": "it", "filter": bank, "input": "none"}, StageSpec)
        encoder = build_stage(spec, IMAGE, generator=draw).double().filter
        other = torch.randn(encoder.weight.shape, generator=draw).double()
        x = batch().double()
        h = torch.randn(3, *encoder.output_shape, generator=draw).double()
        for weight in (None, other):
            up, down = encoder.products(x, weight=weight), encoder.adjoint(h, weight=weight)
            torch.testing.assert_close((up * h).sum(), (x * down).sum())
