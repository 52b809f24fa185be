"""Filters as patterns in the image, and Gabor functions fitted to them and to controls."""

import numpy as np
import pytest
import torch

from featlearn.config.autoencoding import PlainSpec
from featlearn.config.banks import BankSpec, ConvSpec, DenseSpec, LocalSpec
from featlearn.config.data import DataSpec, PCASpec, PreprocessSpec, ZCASpec
from featlearn.config.parts import ChainSpec, ConvPartSpec
from featlearn.config.recipe import Recipe
from featlearn.config.stages import StageSpec
from featlearn.errors import ShapeError, UsageError
from featlearn.evaluate.gabor import GaborFit, gabor_patterns
from featlearn.evaluate.gabor_filters import count_of_fits, filter_patterns, stage_gabors
from featlearn.geometry import MapShape
from featlearn.networks.stack import Stack, build_stack
from featlearn.ops.random import generator


def build(
    bank: BankSpec, *, maps: int = 1, preprocess: tuple[PreprocessSpec, ...] = (), seed: int = 0
) -> Stack:
    stage = StageSpec(name="edges", filter=bank, input="none", objective=PlainSpec())
    recipe = Recipe(
        title="t", data=DataSpec(source="digits"), stages=(stage,), preprocess=preprocess
    )
    images = torch.rand(300, maps, 9, 8, generator=torch.Generator().manual_seed(1))
    return build_stack(recipe, MapShape(maps, 9, 8), seed=seed, images=images).eval()


def gabor(**changes: float) -> GaborFit:
    numbers = {
        "row": 3.0, "column": 3.0, "width": 1.2, "length": 2.0, "orientation": 30.0,
        "frequency": 0.2, "phase": 40.0, "amplitude": 1.0, "offset": 0.0,
    }  # fmt: skip
    return GaborFit(**(numbers | changes), preferred=0.2, bandwidth=None, r2=1.0)


def set_weight(stack: Stack, weight: torch.Tensor) -> None:
    with torch.no_grad():
        stack.stage(0).filter.weight.copy_(weight)


@pytest.mark.parametrize(
    ("bank", "shape", "first"),
    [
        (DenseSpec(maps=3), (9, 8), "0"),
        (ConvSpec(size=6, maps=3), (6, 6), "0,2,1"),
        (ConvSpec(size=6, maps=3, padding="same"), (6, 6), "0,4,4"),
    ],
)
def test_shared_and_dense_filters_are_their_weights(
    bank: BankSpec, shape: tuple[int, int], first: str
) -> None:
    stack = build(bank)
    found = filter_patterns(stack, 0)
    weight = stack.stage(0).filter.weight.detach().numpy()[:, 0]
    np.testing.assert_allclose(found.patterns, weight, atol=1e-6)
    assert found.patterns.shape == (3, *shape)
    assert ",".join(map(str, found.units[0])) in {first, f"{first},0,0"}
    assert found.kept == 1


def test_local_filters_are_taken_from_all_over() -> None:
    stack = build(LocalSpec(size=6, maps=3, padding="same"))
    found = filter_patterns(stack, 0, most=50)
    weight = stack.stage(0).filter.weight.detach().numpy()
    assert len({unit[1:] for unit in found.units}) > 20
    assert {unit[0] for unit in found.units} == {0, 1, 2}
    inside = [(unit, p) for unit, p in zip(found.units, found.patterns, strict=True)
              if unit[1:] == (4, 4)]  # fmt: skip
    for (place, row, column), pattern in inside:
        np.testing.assert_allclose(pattern, weight[row, column, place, 0], atol=1e-6)


@pytest.mark.parametrize("spec", [PCASpec(keep=72, eps=0.01), ZCASpec(eps=0.01)])
def test_whitening_is_undone(spec: PreprocessSpec) -> None:
    stack = build(DenseSpec(maps=2), preprocess=(spec,))
    weight = stack.stage(0).filter.weight.detach().flatten(1)
    expected = stack.preparation[0].invert_linear(weight.view(2, *stack.stage(0).input_shape))
    found = filter_patterns(stack, 0)
    np.testing.assert_allclose(found.patterns, expected[:, 0].numpy(), atol=1e-5)


def test_gabor_filters_in_colour_are_known_and_controls_are_not() -> None:
    stack, untrained = build(ConvSpec(size=8, maps=6), maps=3), build(
        ConvSpec(size=8, maps=6), maps=3, seed=1
    )  # fmt: skip
    fits = [gabor(orientation=30.0 * place) for place in range(5)]
    planes = np.concatenate([gabor_patterns(fits, 8, 8), np.zeros((1, 8, 8))])
    colours = torch.tensor([0.5, -1.0, 0.2]).view(1, 3, 1, 1)
    set_weight(stack, colours * torch.from_numpy(planes).float()[:, None])
    patterns = filter_patterns(stack, 0)
    assert patterns.kept == pytest.approx(5 / 6)  # a filter of zeros has nothing to keep
    told: list[int] = []
    result = stage_gabors(
        stack, 0, patterns, untrained=untrained, generator=generator(0, "noise"), told=told.append
    )
    assert sum(told) == count_of_fits(patterns) == 18
    assert (result.height, result.width, result.filters, result.among) == (8, 8, 6, 6)
    assert result.share == pytest.approx(5 / 6)
    assert result.fits[-1] is None
    found = [fit.orientation for fit in result.fits if fit is not None]
    np.testing.assert_allclose((np.array(found) + 1) % 180 - 1, [0, 30, 60, 90, 120], atol=1e-3)
    assert result.median_r2 == pytest.approx(1)
    assert [control.kind for control in result.controls] == ["untrained", "noise"]
    for control in result.controls:
        assert control.filters == 6
        assert control.share == 0


def test_small_filters_and_many_layers_are_refused() -> None:
    with pytest.raises(ShapeError, match="'edges' see 4x4 pixels"):
        filter_patterns(build(ConvSpec(size=4, maps=3)), 0)
    chain = ChainSpec(parts=(ConvPartSpec(maps=2, size=5), ConvPartSpec(maps=2, size=3)))
    recipe = Recipe(
        title="t", data=DataSpec(source="digits"), stages=(StageSpec(name="deep", filter=chain),)
    )
    with pytest.raises(UsageError, match="'deep' is made of many layers"):
        filter_patterns(build_stack(recipe, MapShape(1, 9, 8), seed=0), 0)
