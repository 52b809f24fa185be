"""Stacks: order, shapes, names, preparation, and where their weights come from."""

from collections.abc import Callable
from typing import Any, cast

import pytest
import torch
from torch import Tensor, nn

from featlearn.config.recipe import Recipe
from featlearn.errors import RecipeError, ShapeError, UsageError
from featlearn.geometry import MapShape
from featlearn.networks.stack import Stack, What, build_stack, parameter_count

Tiny = Callable[..., Recipe]
IMAGE = MapShape(1, 8, 8)


def images(count: int = 3, *, seed: int = 0) -> Tensor:
    return torch.rand(count, *IMAGE, generator=torch.Generator().manual_seed(seed))


@pytest.fixture
def stack(tiny: Tiny) -> Stack:
    return build_stack(tiny(), IMAGE, seed=0)


def test_forward_is_stage_after_stage_by_hand(stack: Stack) -> None:
    x = images()
    first, second = stack(x)

    w = stack.stage("edges").filter.weight
    code = nn.functional.conv2d(x, w).relu()
    pooled = (nn.functional.avg_pool2d(code.square(), 2, 2) * 4 + 1e-8).sqrt()
    torch.testing.assert_close(first.code, code)
    torch.testing.assert_close(first.pooled, pooled)
    assert first.normalised is None
    v = stack.stage("parts").filter.weight.flatten(1)
    torch.testing.assert_close(second.code.flatten(1), (pooled.flatten(1) @ v.T).sigmoid())
    assert second.output is second.code


def test_maps_below_are_the_outputs_of_the_stages_below(stack: Stack) -> None:
    x = images()
    assert torch.equal(stack.maps_below(x, 0), x)
    assert torch.equal(stack.maps_below(x, 1), stack(x)[0].output)


def test_shapes_and_names(stack: Stack) -> None:
    assert len(stack) == 2
    assert stack.names == ["edges", "parts"]
    assert stack.index("parts") == 1
    assert stack.stage("parts") is stack.stage(1)
    assert stack.stage(0).output_shape == MapShape(4, 3, 3)
    assert stack.output_shape == MapShape(6, 1, 1)


@pytest.mark.parametrize(
    ("stage", "what", "features"),
    [
        (None, "output", 6),
        ("parts", "code", 6),
        ("edges", "output", 36),
        ("edges", "pooled", 36),
        ("edges", "code", 144),
    ],
)
def test_encode_flattens_the_named_maps(
    stack: Stack, stage: str | None, what: Any, features: int
) -> None:
    x = images()
    found = stack.encode(x, stage=stage, what=what)
    assert found.shape == (3, features)
    output = stack(x)[stack.index(stage or "parts")]
    assert torch.equal(found, getattr(output, what).flatten(1))


def test_encode_of_what_is_not_there_is_refused(stack: Stack) -> None:
    with pytest.raises(UsageError, match=r"no stage 'edgs'; the stages are edges, parts"):
        stack.encode(images(), stage="edgs")
    with pytest.raises(UsageError, match=r"stage 'parts' has no pooling"):
        stack.encode(images(), what="pooled")
    with pytest.raises(UsageError, match=r"what is one of code, pooled, output; got 'input'"):
        stack.encode(images(), what=cast("What", "input"))


def test_images_of_another_shape_are_refused(stack: Stack) -> None:
    with pytest.raises(ShapeError, match=r"takes 1 map of 8x8; got 3 maps of 8x9"):
        stack(torch.zeros(2, 3, 8, 9))


def test_stages_that_do_not_fit_are_refused(tiny: Tiny) -> None:
    with pytest.raises(RecipeError, match=r"stage 'edges': filter.size 3 does not fit into 2x8"):
        build_stack(tiny(), MapShape(1, 2, 8), seed=0)


def test_weights_depend_on_the_seed_and_the_stage_alone(tiny: Tiny) -> None:
    both, first_only = tiny(), tiny(stages=[tiny().stages[0]])
    one = build_stack(both, IMAGE, seed=3)
    assert torch.equal(
        one.stage(0).filter.weight, build_stack(first_only, IMAGE, seed=3).stage(0).filter.weight
    )
    other = build_stack(both, IMAGE, seed=4)
    assert not torch.equal(one.stage(0).filter.weight, other.stage(0).filter.weight)


def test_building_leaves_the_global_generator_alone(tiny: Tiny) -> None:
    before = torch.get_rng_state()
    build_stack(tiny(), IMAGE, seed=0)
    assert torch.equal(torch.get_rng_state(), before)


def test_preparation_is_fitted_step_by_step_on_what_comes_out_below(tiny: Tiny) -> None:
    recipe = tiny(preprocess=[{"kind": "contrast"}, {"kind": "standardize", "floor": 1e-6}])
    x = images(200)
    stack = build_stack(recipe, IMAGE, seed=0, images=x)

    flat = x.flatten(1).double()
    flat = flat - flat.mean(1, keepdim=True)
    flat = flat / flat.square().mean(1, keepdim=True).sqrt()
    flat = (flat - flat.mean(0)) / flat.std(0, correction=0)
    torch.testing.assert_close(stack.prepare(x).flatten(1).double(), flat, atol=1e-4, rtol=1e-4)
    assert len(stack.preparation) == 2


def test_the_stage_above_a_projection_is_built_for_its_components(tiny: Tiny) -> None:
    recipe = tiny(preprocess=[{"kind": "pca", "keep": 0.5}], stages=[tiny().stages[1]])
    stack = build_stack(recipe, IMAGE, seed=0, images=images(100))
    kept = stack.prepare(images()).shape[1]
    assert 1 < kept < 64
    assert stack.stage(0).input_shape == MapShape(kept, 1, 1)


def test_parameters_are_counted(tiny: Tiny) -> None:
    edges = 4 * 9 + 4 + 1  # filters, their biases, the decoder's bias
    parts = 6 * 36 + 6 + 36
    assert parameter_count(build_stack(tiny(), IMAGE, seed=0)) == edges + parts
