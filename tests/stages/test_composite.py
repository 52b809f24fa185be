"""Filters of many layers: what they compute, their linear transpose, what they see."""

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from featlearn.config.banks import ConvSpec, DenseSpec
from featlearn.config.parts import (
    ActivationPartSpec,
    BranchesSpec,
    ChainSpec,
    CompositeSpec,
    ConvPartSpec,
    DenseBlockSpec,
    GlobalAvgSpec,
    ResidualSpec,
)
from featlearn.config.pieces import AvgPoolSpec, BatchNormSpec, L2PoolSpec, LRNSpec, MaxPoolSpec
from featlearn.config.stages import StageSpec
from featlearn.errors import RecipeError, ShapeError, UsageError
from featlearn.geometry import MapShape
from featlearn.ops.pool import avg_pool
from featlearn.stages.composite import CompositeFilter
from featlearn.stages.norm import BatchNorm
from featlearn.stages.stage import Stage

SHAPE = MapShape(4, 7, 6)

SPECS: dict[str, CompositeSpec] = {
    "basic": ResidualSpec(maps=4, repeats=2),
    "wider": ResidualSpec(maps=6, repeats=2, stride=2),
    "bottleneck": ResidualSpec(maps=8, block="bottleneck", groups=2, width=4, stride=2),
    "before": ResidualSpec(maps=6, repeats=2, preactivation=True),
    "dense": DenseBlockSpec(layers=2, growth=3),
    "dense without bottleneck": DenseBlockSpec(layers=2, growth=3, bottleneck=0),
    "fork": BranchesSpec(
        branches=(
            (ConvPartSpec(maps=2, size=(1, 3), padding="same", norm=BatchNormSpec()),),
            (MaxPoolSpec(size=3, padding=1), ConvPartSpec(maps=3, size=1)),
            (),
        )
    ),
    "chain": ChainSpec(
        parts=(
            BatchNormSpec(),
            ActivationPartSpec(),
            ConvPartSpec(maps=3, size=3),
            L2PoolSpec(size=2),
        )
    ),
    "mean": ChainSpec(parts=(LRNSpec(), AvgPoolSpec(size=2, stride=2), GlobalAvgSpec())),
}


def built(spec: CompositeSpec, shape: MapShape = SHAPE) -> CompositeFilter:
    draw = torch.Generator().manual_seed(0)
    made = CompositeFilter(spec, shape, generator=draw).double().eval()
    for module in made.modules():
        if isinstance(module, BatchNorm):
            assert module.running_mean is not None
            assert module.running_var is not None
            module.running_mean.normal_(generator=draw)
            module.running_var.uniform_(0.5, 2.0, generator=draw)
    return made


def random(*shape: int, seed: int = 1) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@pytest.mark.parametrize("name", SPECS)
def test_shapes_and_the_transpose_of_the_linear_part(name: str) -> None:
    made = built(SPECS[name])
    x = random(2, *SHAPE)
    assert made(x).shape == (2, *made.output_shape)
    h = random(2, *made.output_shape, seed=2)
    linear = made.body.linear(x)
    torch.testing.assert_close((linear * h).sum(), (x * made.adjoint(h)).sum())
    torch.testing.assert_close(made.body.linear(3 * x), 3 * linear)


@pytest.mark.parametrize("name", SPECS)
def test_a_unit_sees_no_more_than_is_said(name: str) -> None:
    made = built(SPECS[name])
    x = random(1, *SHAPE).requires_grad_()
    row, column = made.output_shape.height // 2, made.output_shape.width // 2
    made(x)[0, :, row, column].square().sum().backward()
    assert x.grad is not None
    seen = x.grad[0].abs().sum(0).numpy() > 0
    top, bottom = made.below(row, row + 1, 1)
    left, right = made.below(column, column + 1, 2)
    inside = np.zeros_like(seen)
    inside[max(top, 0) : max(bottom, 0), max(left, 0) : max(right, 0)] = True
    assert not (seen & ~inside).any()


def test_a_bottleneck_is_what_the_paper_says() -> None:
    made = built(ResidualSpec(maps=8, repeats=1, block="bottleneck", stride=2))
    w = {name: value.detach() for name, value in made.state_dict().items()}
    main, shortcut = "body.0.sum.main.", "body.0.sum.shortcut.conv"

    def normed(y: Tensor, key: str) -> Tensor:
        get = [
            w[f"{key}.norm.{part}"] for part in ("running_mean", "running_var", "weight", "bias")
        ]
        mean, variance, scale, offset = (part.view(1, -1, 1, 1) for part in get)
        return (y - mean) / (variance + 1e-5).sqrt() * scale + offset

    x = random(3, *SHAPE)
    y = F.relu(normed(F.conv2d(x, w[f"{main}conv1.weight"]), f"{main}conv1"))
    y = F.relu(normed(F.conv2d(y, w[f"{main}conv2.weight"], stride=2, padding=1), f"{main}conv2"))
    y = normed(F.conv2d(y, w[f"{main}conv3.weight"]), f"{main}conv3")
    y = y + normed(F.conv2d(x, w[f"{shortcut}.weight"], stride=2), shortcut)
    torch.testing.assert_close(made(x), y)


def test_an_empty_batch_passes() -> None:
    assert built(SPECS["wider"])(random(0, *SHAPE)).shape == (0, 6, 4, 3)


def test_weights_follow_the_generator_and_not_torch_s_own() -> None:
    torch.manual_seed(1)
    first = built(SPECS["basic"]).state_dict()
    torch.manual_seed(2)
    second = built(SPECS["basic"]).state_dict()
    assert all(torch.equal(first[name], second[name]) for name in first)


def test_relu_networks_keep_their_energy_at_the_start() -> None:
    parts = tuple(ConvPartSpec(maps=64, size=3, padding=1) for _ in range(8))
    made = built(ChainSpec(parts=parts), MapShape(64, 12, 12))
    x = random(4, 64, 12, 12)
    ratio = float(made(x).detach().square().mean() / x.square().mean())
    assert 0.1 < ratio < 2.0  # without it, 2 ** -8


def test_one_bank_of_filters_is_refused_in_a_sentence() -> None:
    made = built(SPECS["basic"])
    with pytest.raises(UsageError, match="a residual filter is made of many layers, and has no"):
        _ = made.weight
    assert not hasattr(made, "weight")
    with pytest.raises(ShapeError, match=r"gives \(4, 7, 6\) for maps of 7x6; got \(4, 6, 6\)"):
        made.adjoint(random(1, 4, 6, 6))


def test_a_stage_names_the_part_that_does_not_fit() -> None:
    spec = StageSpec(name="top", filter=ChainSpec(parts=(ConvPartSpec(maps=1, size=9),)))
    with pytest.raises(RecipeError, match="stage 'top': filter: 0: a window of 9 does not fit"):
        Stage(spec, SHAPE, generator=torch.Generator())


@pytest.mark.parametrize(
    "filters",
    [
        ConvSpec(maps=5, size=3, padding=1, norm=BatchNormSpec(eps=1e-3)),
        DenseSpec(maps=5, norm=BatchNormSpec(eps=1e-3)),
    ],
)
def test_a_norm_stands_between_a_filter_and_its_activation(filters: ConvSpec | DenseSpec) -> None:
    spec = StageSpec(name="s", filter=filters, input="none")
    stage = Stage(spec, SHAPE, generator=torch.Generator().manual_seed(0)).train()
    x = random(6, *SHAPE).float()
    y = stage.filter(x)
    mean = y.mean((0, 2, 3), keepdim=True)
    variance = (y - mean).square().mean((0, 2, 3), keepdim=True)
    torch.testing.assert_close(stage(x).code, F.relu((y - mean) / (variance + 1e-3).sqrt()))
    assert [type(part) for part in stage.learned] == [type(stage.filter), BatchNorm]


@pytest.mark.parametrize("padding", [0, 1, 2])
@pytest.mark.parametrize("stride", [1, 2])
def test_a_border_of_so_many_zeros_is_torch_s(padding: int, stride: int) -> None:
    spec = StageSpec(
        name="s",
        filter=ConvSpec(maps=5, size=3, padding=padding, stride=stride, start="he"),
        activation="identity",
        pool=MaxPoolSpec(size=3, padding=min(padding, 1), stride=stride),
        input="none",
    )
    stage = Stage(spec, MapShape(4, 11, 12), generator=torch.Generator().manual_seed(0))
    x = random(2, 4, 11, 12).float()
    code = F.conv2d(x, stage.filter.weight, stage.filter.bias, stride, padding)
    found = stage(x)
    torch.testing.assert_close(found.code, code)
    torch.testing.assert_close(found.output, F.max_pool2d(code, 3, stride, min(padding, 1)))
    average = nn.AvgPool2d(3, stride, min(padding, 1), count_include_pad=False)
    pooled = avg_pool(code, size=3, stride=stride, padding=min(padding, 1))
    torch.testing.assert_close(pooled, average(code))
