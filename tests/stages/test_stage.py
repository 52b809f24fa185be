"""A stage as a whole: its parts in order, its reconstruction, what does not fit."""

from typing import Any, Literal

import pytest
import torch

from featlearn.config.autoencoding import AutoEncoderSpec, PlainSpec
from featlearn.config.banks import ConvSpec, DenseSpec, LocalSpec, TiledSpec
from featlearn.config.base import KindSpec
from featlearn.config.pieces import (
    Activation,
    ActivationName,
    AvgPoolSpec,
    BatchNormSpec,
    EluSpec,
    L2PoolSpec,
    LCNSpec,
    LeakyReluSpec,
    SoftThresholdSpec,
)
from featlearn.config.stages import FilterSpec, PatchSpec, StageSpec
from featlearn.errors import RecipeError, UsageError
from featlearn.geometry import MapShape
from featlearn.ops.activations import activate
from featlearn.ops.random import generator
from featlearn.stages.stage import Stage, StageOutput, build_stage

SHAPE = MapShape(2, 12, 10)
FILTERS = [
    DenseSpec(maps=5),
    ConvSpec(maps=5, size=3),
    LocalSpec(maps=5, size=3, stride=2),
    TiledSpec(maps=4, size=3, tile=2, groups=2),
]


def stage_of(shape: MapShape = SHAPE, /, **parts: Any) -> Stage:
    parts.setdefault("filter", ConvSpec(maps=4, size=3))
    return build_stage(StageSpec(name="parts", **parts), shape, generator=generator(0))


def test_its_parts_follow_one_another() -> None:
    stage = stage_of(
        pool=L2PoolSpec(size=3, stride=2), norm=LCNSpec(size=3), activation="tanh", input="unit"
    )
    x = torch.rand(4, *SHAPE)
    stage.scaler.fit([x])
    assert stage.pool is not None
    assert stage.norm is not None
    output = stage(x)
    torch.testing.assert_close(output.code, activate(stage.filter(stage.scaler(x)), "tanh"))
    torch.testing.assert_close(output.pooled, stage.pool(output.code))
    torch.testing.assert_close(output.normalised, stage.norm(output.pooled))
    assert output.output is output.normalised
    assert output.code.shape[1:] == stage.code_shape == (4, 10, 8)
    assert output.pooled.shape[1:] == stage.pooled_shape == (4, 4, 3)
    assert output.normalised.shape[1:] == stage.output_shape == (4, 2, 1)


@pytest.mark.parametrize(
    ("parts", "last"),
    [
        ({}, "code"),
        ({"pool": AvgPoolSpec(size=2)}, "pooled"),
        ({"norm": BatchNormSpec()}, "normalised"),
        ({"pool": AvgPoolSpec(size=2), "norm": BatchNormSpec()}, "normalised"),
    ],
)
def test_the_output_is_the_last_that_exists(parts: dict[str, KindSpec], last: str) -> None:
    stage = stage_of(**parts)
    output = stage(torch.randn(3, *SHAPE))
    assert isinstance(output, StageOutput)
    assert output.output is getattr(output, last)
    assert output.output.shape[1:] == stage.output_shape
    assert (output.pooled is None) == ("pool" not in parts)
    assert (output.normalised is None) == ("norm" not in parts)


def test_the_network_of_2012_keeps_its_sizes() -> None:
    # One map and stride 1 as published; the shapes alone, so no weights are filled.
    shape, sizes = MapShape(3, 200, 200), [200]
    with torch.device("meta"):
        for name in ("one", "two", "three"):
            spec = StageSpec(
                name=name,
                filter=LocalSpec(size=18, maps=8, bias=False),
                pool=L2PoolSpec(size=5),
                norm=LCNSpec(size=5),
            )
            stage = build_stage(spec, shape, generator=generator(0))
            assert stage.pooled_shape is not None
            sizes += [stage.code_shape.width, stage.pooled_shape.width, stage.output_shape.width]
            shape = stage.output_shape
            assert (
                stage.filter.weight.numel()
                == {
                    "one": 260_410_464,
                    "two": 517_653_504,
                    "three": 366_799_104,
                }[name]
            )
    assert sizes == [200, 183, 179, 175, 158, 154, 150, 133, 129, 125]


@pytest.mark.parametrize("spec", FILTERS)
@pytest.mark.parametrize("decoder", ["tied", "untied"])
def test_decoding_gives_back_the_shape_of_the_input(
    spec: FilterSpec, decoder: Literal["tied", "untied"]
) -> None:
    stage = stage_of(filter=spec, objective=PlainSpec(decoder=decoder))
    x = torch.randn(3, *SHAPE)
    assert stage.decode(stage.code(x)).shape == x.shape
    assert stage.rebuild(x).shape == x.shape


def test_rebuilding_returns_to_the_unit_of_the_input() -> None:
    stage = stage_of(filter=DenseSpec(maps=240), activation="identity", objective=PlainSpec())
    torch.nn.init.orthogonal_(stage.filter.weight.data.view(240, 240))
    x = torch.randn(30, *SHAPE) * 5 + 3
    stage.scaler.fit([x])
    torch.testing.assert_close(stage.rebuild(x), x, atol=1e-3, rtol=1e-3)


def test_rebuilding_under_cross_entropy_stays_in_the_range_seen() -> None:
    objective = PlainSpec(reconstruction="cross-entropy")
    stage = stage_of(input="unit", objective=objective)
    x = torch.randn(30, *SHAPE)
    stage.scaler.fit([x])
    logits = stage.decode(stage.code(stage.scaler(x)))
    torch.testing.assert_close(stage.rebuild(x), stage.scaler.invert(logits.sigmoid()))
    assert float(stage.rebuild(x).detach().max()) <= float(x.max())


def test_without_an_objective_there_is_no_decoder_but_the_adjoint() -> None:
    stage = stage_of()
    h = torch.randn(2, *stage.code_shape)
    assert stage.decoder is None
    torch.testing.assert_close(stage.decode(h), stage.filter.adjoint(h))


def test_it_learns_from_patches_and_is_moved_over_the_image() -> None:
    stage = stage_of(
        filter=DenseSpec(maps=5, size=4, stride=2),
        patches=PatchSpec(size=4),
        objective=PlainSpec(),
    )
    code = stage.code(torch.randn(7, 2, 4, 4))
    assert code.shape == (7, 5, 1, 1)
    assert stage.decode(code, size=(4, 4)).shape == (7, 2, 4, 4)
    assert stage(torch.randn(7, *SHAPE)).output.shape == (7, 5, 5, 4)


@pytest.mark.parametrize(
    ("spec", "per_unit"), [(spec, isinstance(spec, DenseSpec)) for spec in FILTERS]
)
def test_only_a_dense_filter_is_scaled_by_unit(spec: FilterSpec, per_unit: bool) -> None:
    assert stage_of(filter=spec).scaler.per_unit is per_unit
    assert not stage_of(filter=DenseSpec(maps=2, size=3)).scaler.per_unit


@pytest.mark.parametrize("spec", FILTERS)
@pytest.mark.parametrize("objective", [PlainSpec(), PlainSpec(decoder="untied")])
def test_the_state_of_one_is_the_state_of_another(
    spec: FilterSpec, objective: AutoEncoderSpec
) -> None:
    parts: dict[str, Any] = {"filter": spec, "objective": objective, "norm": BatchNormSpec()}
    first = stage_of(**parts)
    second = build_stage(StageSpec(name="x", **parts), SHAPE, generator=generator(9))
    x = torch.randn(3, *SHAPE)
    first.scaler.fit([x])
    second.load_state_dict(first.state_dict())
    torch.testing.assert_close(second.eval()(x).output, first.eval()(x).output)
    torch.testing.assert_close(second.rebuild(x), first.rebuild(x))


@pytest.mark.parametrize("spec", FILTERS)
@pytest.mark.parametrize("value", [0.0, 0.7])
def test_finite_in_value_and_gradient_at_a_constant_image(spec: FilterSpec, value: float) -> None:
    stage = stage_of(
        filter=spec,
        pool=L2PoolSpec(size=3, padding="same"),
        norm=LCNSpec(size=3, padding="same"),
    )
    x = torch.full((3, *SHAPE), value)
    stage.scaler.fit([x])
    x.requires_grad_()
    output = stage(x).output
    output.sum().backward()
    for tensor in (output, x.grad, *(p.grad for p in stage.parameters())):
        assert tensor is not None
        assert tensor.isfinite().all()


@pytest.mark.parametrize("spec", FILTERS)
def test_an_empty_batch_passes(spec: FilterSpec) -> None:
    stage = stage_of(filter=spec, pool=L2PoolSpec(size=2, padding="same"), objective=PlainSpec())
    x = torch.zeros(0, *SHAPE)
    assert stage(x).output.shape == (0, *stage.output_shape)
    assert stage.rebuild(x).shape == x.shape


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        ({"filter": LocalSpec(maps=1, size=11)}, "filter.size 11 does not fit into 12x10"),
        ({"filter": DenseSpec(maps=1, size=13)}, "filter.size 13 does not fit into 12x10"),
        (
            {"filter": LocalSpec(maps=1, size=22, padding="same")},
            "filter.size 22 does not fit into 12x10",
        ),
        ({"pool": L2PoolSpec(size=9)}, "pool.size 9 does not fit into 10x8"),
        ({"norm": LCNSpec(size=9)}, "norm.size 9 does not fit into 10x8"),
        (
            {"pool": L2PoolSpec(size=2, stride=2), "norm": LCNSpec(size=5)},
            "norm.size 5 does not fit into 5x4",
        ),
        ({"patches": PatchSpec(size=11)}, "patches.size 11 does not fit into 12x10"),
    ],
)
def test_what_does_not_fit_is_named_with_its_stage(
    parts: dict[str, KindSpec], message: str
) -> None:
    with pytest.raises(RecipeError, match=f"^stage 'parts': {message}$"):
        stage_of(**parts)


def test_it_says_what_it_is() -> None:
    assert "parts: 2 maps of 12x10 -> 4 maps of 10x8, relu" in repr(stage_of())


@pytest.mark.parametrize(
    ("spec", "kind", "parameters"),
    [
        ("leaky-relu", "leaky-relu", {}),
        ("abs", "abs", {}),
        (LeakyReluSpec(slope=0.3), "leaky-relu", {"slope": 0.3}),
        (EluSpec(alpha=0.4), "elu", {"alpha": 0.4}),
        (SoftThresholdSpec(threshold=0.2), "soft-threshold", {"threshold": 0.2}),
        (
            SoftThresholdSpec(threshold=0.2, one_sided=True),
            "soft-threshold",
            {"threshold": 0.2, "one_sided": True},
        ),
    ],
)
def test_an_activation_is_a_name_or_a_table(
    spec: Activation, kind: ActivationName, parameters: dict[str, Any]
) -> None:
    stage = stage_of(activation=spec)
    x = torch.randn(3, *SHAPE)
    expected = activate(stage.filter(x), kind, **parameters)
    assert torch.equal(stage.code(x), expected)
    assert f"-> {stage.output_shape}, {kind}" in repr(stage)


@pytest.mark.parametrize("norm", [None, BatchNormSpec()])
def test_dropout_is_of_the_output_and_in_training_only(norm: BatchNormSpec | None) -> None:
    stage = stage_of(dropout=0.5, norm=norm, activation="sigmoid")
    x = torch.rand(50, *SHAPE)
    torch.manual_seed(0)
    output = stage(x)
    before = output.code if output.normalised is None else output.normalised
    kept = output.output != 0
    assert float(kept.float().mean()) == pytest.approx(0.5, abs=0.02)
    torch.testing.assert_close(output.output[kept], 2 * before[kept])
    # It neither hides what the stage learns from, nor changes it once it is in use.
    assert torch.equal(stage.code(stage.scaler(x)), output.code)
    stage.eval()
    assert stage(x).dropped is None
    assert torch.equal(stage(x).output, stage(x).output)


def test_groups_that_do_not_divide_the_maps_below_are_named() -> None:
    with pytest.raises(RecipeError, match=r"'parts': filter.groups must divide the 2 maps below"):
        stage_of(filter=ConvSpec(maps=6, size=3, groups=3))


def remembered() -> tuple[Stage, torch.Tensor]:
    spec = StageSpec(name="s", filter=ConvSpec(maps=5, size=3), pool=L2PoolSpec(size=2))
    stage = build_stage(spec, SHAPE, generator=generator(0, "weights"))
    return stage, torch.rand(3, *SHAPE)


def test_a_code_is_remembered_only_where_it_is_asked_for() -> None:
    stage, x = remembered()
    with stage.remembering():
        code = stage.code(x)
        assert stage.code(x) is code
        assert stage.respond(x).code is code
        assert stage.pooled(code) is stage.pooled(code)
        assert stage.code(x.clone()) is not code
    assert stage.code(x) is not stage.code(x)


def test_what_has_changed_is_computed_again() -> None:
    stage, x = remembered()
    with stage.remembering():
        with torch.no_grad():
            plain = stage.code(x)
        code = stage.code(x)
        assert code.requires_grad
        assert not plain.requires_grad
        with torch.no_grad():
            assert stage.code(x) is code
            x.add_(1.0)
            moved = stage.code(x)
            assert not torch.equal(moved, code)
            stage.filter.weight.mul_(2.0)
            assert not torch.equal(stage.code(x), moved)
            masked = stage.code(x)
            whole = masked.clone()
            masked.mul_(0.0)
            assert torch.equal(stage.code(x), whole)
            with torch.autocast("cpu", torch.bfloat16):
                assert stage.code(x).dtype == torch.bfloat16
            assert stage.code(x).dtype == torch.float32


def test_a_stage_without_pooling_pools_nothing() -> None:
    stage = build_stage(
        StageSpec(name="s", filter=ConvSpec(maps=5, size=3)),
        SHAPE,
        generator=generator(0, "weights"),
    )
    with pytest.raises(UsageError, match="stage 's' does not pool"):
        stage.pooled(torch.rand(3, 5, 10, 8))
