"""What a layer weighs under every way of sharing: published sizes, and networks that are built."""

import pytest

from featlearn.config.layers import Layer
from featlearn.config.load import parse_recipe
from featlearn.config.plan import plan
from featlearn.config.recipe import Recipe
from featlearn.config.sharing import Cost, Sharing
from featlearn.geometry import MapShape
from featlearn.networks.stack import build_stack, parameter_count


def recipe_of(stage: str) -> Recipe:
    return parse_recipe(f'title = "t"\n[data]\nsource = "x"\n[[stages]]\nname = "s"\n{stage}\n')


def first(stage: str, shape: MapShape) -> Layer:
    return plan(recipe_of(stage), shape).layers[0]


def shared(stage: str, shape: MapShape) -> Sharing:
    sharing = first(stage, shape).sharing
    assert sharing is not None
    return sharing


@pytest.mark.parametrize("kind", ["conv", "local"])
def test_alexnet_s_first_layer_shared_and_untied(kind: str) -> None:
    stage = f'filter = {{ kind = "{kind}", size = 11, stride = 4, maps = 96 }}'
    found = shared(stage, MapShape(3, 227, 227))
    assert found.conv.parameters == 34_944
    assert found.local.parameters == 105_705_600
    assert found.dense.weights == 227 * 227 * 3 * 290_400


@pytest.mark.parametrize("kind", ["conv", "local"])
def test_a_million_units_on_a_large_image(kind: str) -> None:
    image = MapShape(1, 1000, 1000)
    one = f'filter = {{ kind = "{kind}", size = 10, maps = 1, padding = "same", bias = false }}'
    found = shared(one, image)
    assert (found.dense.weights, found.local.weights) == (10**12, 10**8)
    assert found.dense.parameters == 10**12
    hundred = one.replace("maps = 1,", "maps = 100,")
    assert shared(hundred, image).conv == Cost(10**4, 10**4)


KINDS = {
    "conv": 'kind = "conv"',
    "tiled": 'kind = "tiled", tile = 3',
    "local": 'kind = "local"',
}


@pytest.mark.parametrize("own", KINDS)
@pytest.mark.parametrize("other", KINDS)
@pytest.mark.parametrize("rest", ["groups = 1", "groups = 2", "stride = 2, bias = false"])
def test_an_alternative_weighs_what_it_weighs_when_it_is_built(
    own: str, other: str, rest: str
) -> None:
    image = MapShape(2, 9, 7)
    window = f'size = 3, maps = 4, padding = "same", {rest}'
    found = shared(f"filter = {{ {KINDS[own]}, {window} }}", image)
    tile = 3 if own == "tiled" else 2
    built = KINDS[other].replace("tile = 3", f"tile = {tile}")
    stack = build_stack(recipe_of(f"filter = {{ {built}, {window} }}"), image, seed=0)
    cost: Cost = getattr(found, other)
    assert cost.parameters == parameter_count(stack)
    assert cost.weights == stack.stage(0).filter.weight.numel()
    assert found.tile == tile


def test_dense_is_what_a_dense_filter_of_as_many_units_weighs() -> None:
    image = MapShape(2, 6, 5)
    layer = first('filter = { kind = "conv", size = 3, maps = 4 }', image)
    dense = recipe_of(f'filter = {{ kind = "dense", maps = {layer.units} }}')
    assert layer.sharing is not None
    assert layer.sharing.dense.parameters == parameter_count(build_stack(dense, image, seed=0))


def test_what_sees_everything_at_one_place_is_the_same_however_it_is_shared() -> None:
    found = shared('filter = { kind = "dense", maps = 5 }', MapShape(2, 3, 4))
    assert found.conv == found.tiled == found.local == found.dense == Cost(120, 125)


def test_only_banks_of_filters_have_alternatives() -> None:
    parts = (
        'filter = { kind = "conv", size = 3, maps = 4 }\n'
        'pool = { kind = "max", size = 2 }\nnorm = { kind = "batch" }'
    )
    rows = plan(recipe_of(parts), MapShape(1, 8, 8), 3).layers
    assert [row.sharing is not None for row in rows] == [True, False, False, True]
    assert [row.stage for row in rows] == ["s", "s", "s", None]
    assert [row.window for row in rows] == [(3, 3), (2, 2), (1, 1), (5, 5)]
