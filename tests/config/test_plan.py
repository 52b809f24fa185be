import itertools

import msgspec
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from featlearn.config.data import PCASpec
from featlearn.config.layers import Layer, condensed
from featlearn.config.load import load_recipe, parse_recipe, stack_recipe_names
from featlearn.config.plan import plan
from featlearn.config.recipe import Recipe
from featlearn.errors import RecipeError
from featlearn.geometry import Border, MapShape
from featlearn.heads.classifier import Classifier
from featlearn.networks.stack import build_stack, parameter_count
from featlearn.stages.scaler import WhiteningScaler

IMAGES = {
    "cifar-resnet": MapShape(3, 32, 32),
    "faces": MapShape(1, 32, 32),
    "dense": MapShape(1, 8, 8),
    "digits": MapShape(1, 8, 8),
    "photographs": MapShape(1, 16, 16),
    "lenet5": MapShape(1, 32, 32),
    "catnet-small": MapShape(3, 105, 105),
    "catnet-2012": MapShape(3, 200, 200),
    "catnet-2013": MapShape(3, 200, 200),
}


SIX = 'filter = { kind = "dense", maps = 6 }\n'


def recipe_of(*stages: str, head: str = "", preprocess: str = "") -> Recipe:
    tables = "".join(
        f'\n[[stages]]\nname = "s{place}"\n{stage}\n' for place, stage in enumerate(stages)
    )
    return parse_recipe(
        f'title = "t"\npreprocess = [{preprocess}]\n[data]\nsource = "x"\n{tables}{head}'
    )


def one_layer(stage: str, shape: MapShape, which: int = 0) -> Layer:
    return plan(recipe_of(stage), shape).layers[which]


def test_lenet_5_has_the_published_sizes() -> None:
    rows = plan(load_recipe("lenet5"), MapShape(1, 32, 32), 10).layers
    assert [(row.name, row.units, row.connections, row.weights) for row in rows] == [
        ("C1", 4704, 117_600, 150),
        ("S2", 1176, 4704, 0),
        ("C3", 1600, 240_000, 2400),
        ("S4", 400, 1600, 0),
        ("F5", 120, 48_000, 48_000),
        ("F6", 84, 10_080, 10_080),
        ("out", 10, 840, 840),
    ]


def test_the_network_of_2012_has_its_billion_weights() -> None:
    stage = (
        'filter = { kind = "local", size = 18, maps = 8, bias = false }\n'
        'pool = { kind = "l2", size = 5 }\nnorm = { kind = "lcn", size = 5 }'
    )
    counted = plan(recipe_of(stage, stage, stage), MapShape(3, 200, 200))
    assert counted.totals.weights == counted.totals.parameters == 1_144_863_072
    sides = [row.output[1] for row in counted.layers]
    assert sides[:7] == [183, 179, 175, 158, 154, 150, 133]
    # Two operations for each weight and image, where every connection has its own weight.
    filters = [row for row in counted.layers if row.weights]
    assert sum(row.flops for row in filters) == 2 * counted.totals.weights


@pytest.mark.parametrize(("kind", "parameters"), [("conv", 34_944), ("local", 105_705_600)])
def test_alexnet_s_first_layer_has_the_published_sizes(kind: str, parameters: int) -> None:
    stage = f'filter = {{ kind = "{kind}", size = 11, stride = 4, maps = 96 }}'
    row = one_layer(stage, MapShape(3, 227, 227))
    assert (row.output, row.units) == ((96, 55, 55), 290_400)
    assert row.weights + row.biases == parameters


def test_a_million_units_on_a_large_image() -> None:
    local = 'filter = { kind = "local", size = 10, maps = 1, padding = "same", bias = false }'
    shared = 'filter = { kind = "conv", size = 10, maps = 100, bias = false }'
    dense = 'filter = { kind = "dense", maps = 1000000, bias = false }'
    image = MapShape(1, 1000, 1000)
    assert one_layer(dense, image).weights == 10**12
    assert one_layer(local, image).weights == 10**8
    assert one_layer(shared, image).weights == 10**4


@pytest.mark.parametrize("name", stack_recipe_names())
def test_agrees_with_the_network_that_is_built(name: str) -> None:
    recipe, image = load_recipe(name), IMAGES.get(name, MapShape(1, 28, 28))
    if any(isinstance(step, PCASpec) for step in recipe.preprocess):
        pytest.skip("its sizes depend on data")
    if plan(recipe, image).training.weights > 10**9:
        pytest.skip("too large to be built for a test")
    assert_agrees_with_built(recipe, image)


FILTERS = st.sampled_from(
    [
        'kind = "dense", maps = 3',
        'kind = "dense", maps = 2, size = 3, stride = 2',
        'kind = "dense", maps = 2, size = 3, stride = 2, padding = "same"',
        'kind = "conv", maps = 2, size = 3',
        'kind = "conv", maps = 2, size = 3, stride = 2, padding = 1, norm = { kind = "batch" }',
        'kind = "local", maps = 2, size = 3, stride = 2, padding = 2',
        'kind = "residual", maps = 4, repeats = 2, stride = 2',
        'kind = "dense-block", layers = 2, growth = 3',
        'kind = "conv", maps = 3, size = 4, stride = 2, padding = "same", bias = false',
        'kind = "local", maps = 2, size = 3, stride = 2',
        'kind = "local", maps = 2, size = 2, padding = "same"',
        'kind = "tiled", maps = 2, size = 3, tile = 2',
        'kind = "conv", maps = 4, size = 2, groups = 2',
        'kind = "local", maps = 4, size = 2, groups = 2',
    ]
)
POOLS = st.sampled_from(
    [
        "",
        'pool = { kind = "max", size = 2, stride = 2 }',
        'pool = { kind = "l2", size = 3, stride = 2, padding = "same" }',
        'pool = { kind = "avg", size = 2 }',
    ]
)
NORMS = st.sampled_from(
    [
        "",
        'norm = { kind = "batch" }',
        'norm = { kind = "lcn", size = 2 }',
        'norm = { kind = "lrn", size = 4 }',
        'norm = { kind = "lcn", size = 3, padding = "same", across = true }',
    ]
)


@settings(max_examples=60, deadline=None)
@given(
    parts=st.lists(st.tuples(FILTERS, POOLS, NORMS), min_size=1, max_size=3),
    image=st.builds(MapShape, st.integers(1, 3), st.integers(1, 12), st.integers(1, 12)),
    hidden=st.lists(st.integers(1, 5), max_size=2),
)
def test_agrees_with_random_networks(
    parts: list[tuple[str, str, str]], image: MapShape, hidden: list[int]
) -> None:
    stages = [f"filter = {{ {f} }}\n{p}\n{n}" for f, p, n in parts]
    recipe = recipe_of(*stages, head=f"\n[finetune.head]\nkind='classification'\nhidden={hidden}")
    try:
        plan(recipe, image)
    except RecipeError:
        with pytest.raises(RecipeError, match=r"does not fit|must divide"):
            build_stack(recipe, image, seed=0)
        return
    assert_agrees_with_built(recipe, image)


@pytest.mark.parametrize(
    ("pool", "maps", "taken", "kind"),
    [
        ('kind = "group", size = 4', 6, 4, "group pooling"),
        ('kind = "sheet", rows = 4, columns = 6, size = 3', 24, 9, "sheet pooling"),
        ('kind = "sheet", rows = 4, columns = 6, size = 2, stride = 2', 6, 4, "sheet pooling"),
    ],
)
def test_pooling_over_maps_is_counted(pool: str, maps: int, taken: int, kind: str) -> None:
    stage = f'filter = {{ kind = "conv", size = 3, maps = 24 }}\npool = {{ {pool} }}'
    image = MapShape(1, 7, 6)
    row = one_layer(stage, image, 1)
    assert (row.kind, row.output, row.window) == (kind, (maps, 5, 4), (1, 1))
    assert row.connections == maps * taken * 5 * 4
    assert row.flops == 2 * row.connections
    assert row.receptive_field == (3, 3)
    assert_agrees_with_built(recipe_of(stage, stage), image)


@pytest.mark.parametrize(
    ("stage", "said"),
    [
        (
            'filter = { kind = "conv", size = 3, maps = 6 }\npool = { kind = "group", size = 4 }',
            "`pool.size` must divide the 6 maps of the filter into groups; got 4",
        ),
        (
            SIX + 'pool = { kind = "sheet", rows = 2, columns = 2, size = 2 }',
            "`pool.rows` times `pool.columns` must be the 6 maps of the filter; got 2 x 2",
        ),
        (
            SIX + 'pool = { kind = "sheet", rows = 2, columns = 3, size = 3 }',
            "`pool.size` must be at most the 2 rows and 3 columns of the sheet",
        ),
        (
            SIX + 'pool = { kind = "sheet", rows = 2, columns = 3, size = 2, stride = 2 }',
            "`pool.stride` must divide the 2 rows and 3 columns of the sheet",
        ),
        (
            'filter = { kind = "residual", maps = 4 }\npool = { kind = "group", size = 2 }',
            "choose a `pool` of kind `l2`, `max` or `avg`",
        ),
        (
            'filter = { kind = "chain", parts = [{ kind = "group", size = 2 }] }',
            "kind",
        ),
    ],
)
def test_maps_that_cannot_be_pooled_are_refused_in_one_sentence(stage: str, said: str) -> None:
    with pytest.raises(RecipeError, match="stage 's0'") as caught:
        recipe_of(stage)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def assert_agrees_with_built(recipe: Recipe, image: MapShape) -> None:
    """Compare shapes and parameters with the modules that training would use."""
    counted = plan(recipe, image, 7, answers={task.name: 7 for task in recipe.tasks})
    stack = build_stack(recipe, image, seed=0, images=torch.rand(4, *image))
    shapes: list[MapShape] = []
    for place in range(len(stack)):
        stage = stack.stage(place)
        white = stage.scaler.output_shape if isinstance(stage.scaler, WhiteningScaler) else None
        steps = (white, stage.code_shape, stage.pooled_shape if stage.pool else None)
        shapes += [shape for shape in steps if shape is not None]
        shapes += [stage.output_shape] if stage.norm else []
    specs = [task.head for task in recipe.tasks] or [recipe.finetune.head]
    networks = [Classifier(stack, spec, classes=7, freeze=0, seed=0) for spec in specs]
    heads = [MapShape(width, 1, 1) for spec in specs for width in (*spec.hidden, 7)]
    rows = [row for row in condensed(counted.layers) if not row.name.endswith(".filter.norm")]
    assert [row.output for row in rows] == [tuple(shape) for shape in (*shapes, *heads)]
    own = sum(
        parameter_count(decoder)
        for decoder in (stack.stage(place).decoder for place in range(len(stack)))
        if decoder is not None
    )
    shared = parameter_count(stack)
    alone = sum(parameter_count(network) - shared for network in networks)
    assert counted.totals.parameters == shared + alone - own


@pytest.mark.parametrize("padding", ["valid", "same", 0, 1, 3])
@pytest.mark.parametrize(("size", "stride"), [(1, 1), (3, 1), (2, 2), (4, 3), (5, 2)])
def test_connections_are_the_pairs_inside_the_image(
    size: int, stride: int, padding: Border
) -> None:
    height, width = 6, 7
    if isinstance(padding, int) and padding >= size:
        pytest.skip("such a border is refused")
    filter_ = f'kind = "conv", maps = 2, size = {size}, stride = {stride}, padding = {padding!r}'
    row = one_layer(f"filter = {{ {filter_} }}", MapShape(3, height, width))
    pairs = 0
    shifts = [max((side - 1) * stride + size - length, 0) // 2 if padding == "same" else 0
              for side, length in zip(row.output[1:], (height, width), strict=True)]  # fmt: skip
    shifts = [padding, padding] if isinstance(padding, int) else shifts
    for top, left in itertools.product(*map(range, row.output[1:])):
        for y, x in itertools.product(range(size), repeat=2):
            inside_y = 0 <= top * stride + y - shifts[0] < height
            inside_x = 0 <= left * stride + x - shifts[1] < width
            pairs += inside_y and inside_x
    assert row.connections == pairs * 3 * 2


def test_the_receptive_field_is_where_the_gradient_reaches() -> None:
    stages = [
        """
        filter = { kind = "conv", size = 3, maps = 1, stride = 2 }
        activation = "identity"
        pool = { kind = "avg", size = 2, stride = 2 }
        """,
        """
        filter = { kind = "conv", size = 2, maps = 1 }
        activation = "identity"
        pool = { kind = "avg", size = 2 }
        """,
    ]
    recipe, image = recipe_of(*stages), MapShape(1, 30, 30)
    stack = build_stack(recipe, image, seed=0)
    for place in range(2):
        stack.stage(place).filter.weight.data.fill_(1.0)
    x = torch.rand(1, *image, requires_grad=True)
    outputs = stack(x)
    maps = [outputs[0].code, outputs[0].pooled, outputs[1].code, outputs[1].pooled]
    for values, row in zip(maps, plan(recipe, image).layers, strict=True):
        assert values is not None
        (gradient,) = torch.autograd.grad(values[0, 0, 1, 1], x, retain_graph=True)
        touched = gradient[0, 0] != 0
        reach = (int(touched.any(1).sum()), int(touched.any(0).sum()))
        assert row.receptive_field == reach


def test_nothing_sees_more_than_the_image() -> None:
    row = one_layer(
        'filter = { kind = "conv", size = 9, maps = 1, padding = "same" }', MapShape(1, 4, 20)
    )
    assert row.receptive_field == (4, 9)


def test_memory_is_weights_biases_and_one_image_in_float32() -> None:
    row = one_layer('filter = { kind = "conv", size = 3, maps = 2 }', MapShape(1, 5, 5))
    assert row.memory == 4 * (2 * 9 + 2 + 2 * 9)


def test_totals_are_the_sums() -> None:
    counted = plan(load_recipe("lenet5"), MapShape(1, 32, 32), 10)
    for name, total in msgspec.structs.asdict(counted.totals).items():
        if name != "parameters":
            assert total == sum(getattr(row, name) for row in counted.layers)
    assert counted.totals.parameters == counted.totals.weights + counted.totals.biases


def test_without_classes_the_last_layer_of_the_head_is_left_out() -> None:
    names = [row.name for row in plan(load_recipe("lenet5"), MapShape(1, 32, 32)).layers]
    assert names[-1] == "F6"
    head = '\n[finetune.head]\nkind = "classification"\nhidden = [4]\nclasses = 3\n'
    counted = plan(recipe_of('filter = { kind = "dense", maps = 5 }', head=head), MapShape(1, 2, 2))
    assert [(row.name, row.weights) for row in counted.layers[1:]] == [
        ("out.hidden1", 20),
        ("out", 12),
    ]


def test_principal_components_change_the_shape() -> None:
    stage = 'filter = { kind = "dense", maps = 5 }'
    recipe = recipe_of(stage, preprocess='{ kind = "pca", keep = 6 }')
    (row,) = plan(recipe, MapShape(1, 4, 4)).layers
    assert (row.weights, row.receptive_field) == (30, (4, 4))
    with pytest.raises(RecipeError, match=r"preprocess\.0\.keep must be at most 4.*got 6"):
        plan(recipe, MapShape(1, 2, 2))


def test_a_share_of_variance_cannot_be_counted_without_data() -> None:
    recipe = recipe_of(
        'filter = { kind = "dense", maps = 5 }',
        preprocess='{ kind = "contrast" }, { kind = "pca", keep = 0.9 }',
    )
    with pytest.raises(RecipeError, match=r"preprocess\.1\.keep is a share of variance \(0\.9\)"):
        plan(recipe, MapShape(1, 4, 4))


@pytest.mark.parametrize(
    ("stage", "said"),
    [
        ('filter = { kind = "conv", size = 9, maps = 1 }', "filter.size 9 does not fit into 8x5"),
        ('filter = { kind = "dense", size = 6, maps = 1 }', "filter.size 6 does not fit into 8x5"),
        (
            'filter = { kind = "local", size = 4, maps = 1 }\npool = { kind = "max", size = 3 }',
            "pool.size 3 does not fit into 5x2",
        ),
        (
            'filter = { kind = "local", size = 4, maps = 1 }\nnorm = { kind = "lcn", size = 4 }',
            "norm.size 4 does not fit into 5x2",
        ),
    ],
)
def test_a_part_that_does_not_fit_is_named(stage: str, said: str) -> None:
    with pytest.raises(RecipeError) as caught:
        plan(recipe_of(stage), MapShape(1, 8, 5))
    assert str(caught.value) == f"stage 's0': {said}"
