"""The filters of a stage: shapes, adjoints, first weights, unit columns."""

import msgspec
import pytest
import torch

from featlearn.config.banks import BankSpec, ConvSpec, DenseSpec, LocalSpec, TiledSpec, WindowedSpec
from featlearn.errors import ShapeError
from featlearn.geometry import MapShape
from featlearn.ops.random import generator
from featlearn.stages.filters import DenseFilter, build_filter

SHAPE = MapShape(2, 7, 6)
CASES = [
    (DenseSpec(maps=5), MapShape(5, 1, 1), (5, 2, 7, 6), (5,)),
    (DenseSpec(maps=5, size=3, stride=2), MapShape(5, 3, 2), (5, 2, 3, 3), (5,)),
    (DenseSpec(maps=5, size=4, padding="same"), MapShape(5, 7, 6), (5, 2, 4, 4), (5,)),
    (ConvSpec(maps=5, size=3), MapShape(5, 5, 4), (5, 2, 3, 3), (5,)),
    (ConvSpec(maps=5, size=4, stride=3, padding="same"), MapShape(5, 3, 2), (5, 2, 4, 4), (5,)),
    (LocalSpec(maps=5, size=3), MapShape(5, 5, 4), (5, 4, 5, 2, 3, 3), (5, 4, 5)),
    (
        LocalSpec(maps=5, size=4, stride=3, padding="same"),
        MapShape(5, 3, 2),
        (3, 2, 5, 2, 4, 4),
        (3, 2, 5),
    ),
    (TiledSpec(maps=5, size=3, tile=2), MapShape(5, 5, 4), (2, 2, 5, 2, 3, 3), (2, 2, 5)),
    (TiledSpec(maps=5, size=3, tile=5), MapShape(5, 5, 4), (5, 4, 5, 2, 3, 3), (5, 4, 5)),
    (ConvSpec(maps=6, size=3, groups=2), MapShape(6, 5, 4), (6, 1, 3, 3), (6,)),
    (LocalSpec(maps=6, size=3, groups=2), MapShape(6, 5, 4), (5, 4, 6, 1, 3, 3), (5, 4, 6)),
    (
        TiledSpec(maps=6, size=3, tile=3, groups=2, stride=2, padding="same"),
        MapShape(6, 4, 3),
        (3, 3, 6, 1, 3, 3),
        (3, 3, 6),
    ),
]
SPECS = [case[0] for case in CASES]
NOT_PADDED = [spec for spec in SPECS if getattr(spec, "padding", "valid") == "valid"]


@pytest.mark.parametrize(("spec", "output", "weight", "bias"), CASES)
def test_shapes(
    spec: BankSpec, output: MapShape, weight: tuple[int, ...], bias: tuple[int, ...]
) -> None:
    built = build_filter(spec, SHAPE, generator=generator(0))
    assert built.input_shape == SHAPE
    assert built.output_shape == output
    assert built.weight.shape == weight
    assert built.bias is not None
    assert built.bias.shape == bias
    assert built(torch.zeros(4, *SHAPE)).shape == (4, *output)
    assert str(output) in repr(built)


@pytest.mark.parametrize("spec", SPECS)
def test_the_adjoint_is_one(spec: BankSpec) -> None:
    built = build_filter(spec, SHAPE, generator=generator(0)).double()
    x = torch.randn(3, *SHAPE, dtype=torch.float64)
    y = built(x)
    h = torch.randn_like(y)
    torch.testing.assert_close((y * h).sum(), (x * built.adjoint(h)).sum())


@pytest.mark.parametrize("spec", SPECS)
def test_the_adjoint_takes_other_weights(spec: BankSpec) -> None:
    built = build_filter(spec, SHAPE, generator=generator(0))
    h = torch.randn(3, *built.output_shape)
    twice = built.adjoint(h, weight=2 * built.weight)
    torch.testing.assert_close(twice, 2 * built.adjoint(h))


def test_a_shared_filter_takes_patches() -> None:
    built = build_filter(DenseSpec(maps=5, size=3), SHAPE, generator=generator(0))
    assert built.shared
    h = built(torch.randn(4, 2, 3, 3))
    assert h.shape == (4, 5, 1, 1)
    assert built.adjoint(h, size=(3, 3)).shape == (4, 2, 3, 3)


def test_others_are_not_shared() -> None:
    for spec in (
        DenseSpec(maps=5),
        LocalSpec(maps=5, size=3),
        TiledSpec(maps=5, size=3, tile=1),
    ):
        assert not build_filter(spec, SHAPE, generator=generator(0)).shared


@pytest.mark.parametrize("spec", SPECS)
def test_without_bias_there_is_none(spec: BankSpec) -> None:
    bare = msgspec.structs.replace(spec, bias=False)
    built = build_filter(bare, SHAPE, generator=generator(0))
    assert built.bias is None
    assert list(dict(built.named_parameters())) == ["weight"]
    assert "no bias" in repr(built)


@pytest.mark.parametrize("spec", NOT_PADDED)
def test_a_reconstruction_starts_with_the_variance_of_the_input(spec: BankSpec) -> None:
    shape = MapShape(2, 13, 13)
    many = msgspec.structs.replace(spec, maps=60)
    there, back = (build_filter(many, shape, generator=generator(seed)) for seed in (0, 1))
    x = torch.randn(100, *shape, generator=generator(2))
    # Weights of another draw: with its own, the input's share of itself comes on top.
    rebuilt = back.adjoint(there(x)).detach()
    assert float(rebuilt.square().mean()) == pytest.approx(1, rel=0.25)
    assert there.bias is not None
    assert not there.bias.any()


@pytest.mark.parametrize("spec", SPECS)
def test_the_generator_decides_the_weights(spec: BankSpec) -> None:
    first, again, other = (
        build_filter(spec, SHAPE, generator=generator(seed)).weight for seed in (0, 0, 1)
    )
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


@pytest.mark.parametrize("spec", SPECS)
def test_columns_are_brought_to_unit_length(spec: BankSpec) -> None:
    built = build_filter(spec, SHAPE, generator=generator(0))
    before = built.weight.detach().clone()
    with torch.no_grad():
        built.weight[..., 1, :, :, :] = 0
    built.normalize_columns_(built.weight)
    lengths = built.weight.detach().flatten(-3).norm(dim=-1)
    expected = torch.ones_like(lengths)
    expected[..., 1] = 0
    torch.testing.assert_close(lengths, expected)
    direction = (
        before[..., 0, :, :, :]
        / before[..., 0, :, :, :].flatten(-3).norm(dim=-1)[..., None, None, None]
    )
    torch.testing.assert_close(built.weight.detach()[..., 0, :, :, :], direction)
    assert built.weight.requires_grad


@pytest.mark.parametrize("spec", SPECS)
def test_an_empty_batch_passes(spec: BankSpec) -> None:
    built = build_filter(spec, SHAPE, generator=generator(0))
    assert built.adjoint(built(torch.zeros(0, *SHAPE))).shape == (0, *SHAPE)


def test_a_window_that_does_not_fit_is_refused() -> None:
    for spec in (
        ConvSpec(maps=1, size=7),
        LocalSpec(maps=1, size=7),
        TiledSpec(maps=1, size=7, tile=1),
    ):
        with pytest.raises(ShapeError, match="a window of 7 does not fit into 6"):
            build_filter(spec, SHAPE, generator=generator(0))


@pytest.mark.parametrize("kind", [ConvSpec, LocalSpec])
def test_a_group_sees_only_the_maps_of_its_own(kind: type[WindowedSpec]) -> None:
    spec = kind(maps=6, size=3, groups=2)
    assert isinstance(spec, ConvSpec | LocalSpec)
    built = build_filter(spec, SHAPE, generator=generator(0))
    x = torch.randn(2, *SHAPE)
    changed = x.clone()
    changed[:, 1] = 0
    before, after = built(x), built(changed)
    torch.testing.assert_close(after[:, :3], before[:, :3])
    assert not torch.isclose(after[:, 3:], before[:, 3:]).any()


def test_a_dense_filter_has_one_size() -> None:
    built = DenseFilter(SHAPE, maps=3, generator=generator(0))
    with pytest.raises(ShapeError, match=r"2 maps of 7x6 .* asked for 5x5"):
        built.adjoint(torch.zeros(1, 3, 1, 1), size=(5, 5))
