"""Filters that are made of many layers: what is refused, what is counted."""

import pytest

from featlearn.config.layers import condensed
from featlearn.config.load import parse_recipe
from featlearn.config.plan import plan
from featlearn.errors import RecipeError
from featlearn.geometry import MapShape

IMAGE = MapShape(3, 8, 8)


def recipe_text(stage: str) -> str:
    return f'title = "t"\n[data]\nsource = "x"\n[[stages]]\nname = "s"\n{stage}\n'


@pytest.mark.parametrize(
    ("stage", "sentence"),
    [
        (
            'filter = { kind = "residual", maps = 4 }\nobjective = { kind = "plain" }',
            (
                "a residual filter is made of many layers, which learn from labels only: leave out "
                "`objective`"
            ),
        ),
        (
            'filter = { kind = "residual", maps = 4 }\npatches = { size = 3 }',
            "leave out `patches`",
        ),
        (
            (
                'filter = { kind = "chain", parts = [{ kind = "global-avg" }] }\n'
                'input = { kind = "whiten", keep = 3 }'
            ),
            "a chain filter needs maps with a plane",
        ),
        (
            'filter = { kind = "residual", maps = 4, preactivation = true }',
            'set `activation = "identity"`',
        ),
        ('filter = { kind = "residual", maps = 4, groups = 2 }', "`groups` belongs to `block"),
        (
            'filter = { kind = "residual", maps = 8, block = "bottleneck", groups = 3 }',
            r"`groups` must divide `width` \(2\)",
        ),
        ('filter = { kind = "chain", parts = [] }', "`parts` needs at least one part"),
        ('filter = { kind = "branches", branches = [] }', "`branches` needs at least one list"),
        (
            'filter = { kind = "chain", parts = [{ kind = "conv", maps = 3, size = [1, 2, 3] }] }',
            "`size` is one side, or height and width; got 3",
        ),
        (
            'filter = { kind = "chain", parts = [{ kind = "conv", maps = 3, side = 1 }] }',
            r"unknown key filter\.parts\.0\.side; did you mean stride",
        ),
        (
            (
                'filter = { kind = "conv", maps = 4, size = 3, norm = { kind = "batch" } }\n'
                'objective = { kind = "k-means" }'
            ),
            "leave out `filter.norm`",
        ),
        ('filter = { kind = "conv", maps = 4, size = 3, padding = -1 }', "filter.padding must be"),
    ],
)
def test_contradictions_are_one_sentence(stage: str, sentence: str) -> None:
    with pytest.raises(RecipeError, match=sentence):
        parse_recipe(recipe_text(stage))


@pytest.mark.parametrize(
    ("stage", "sentence"),
    [
        (
            'filter = { kind = "chain", parts = [{ kind = "conv", maps = 3, size = 9 }] }',
            "stage 's': filter: 0: a window of 9 does not fit into 8$",
        ),
        (
            (
                'filter = { kind = "branches", join = "add", branches = [[], '
                '[{ kind = "conv", maps = 4, size = 1 }]] }'
            ),
            "branches that give 3 maps of 8x8 and 4 maps of 8x8 cannot be added",
        ),
        (
            'filter = { kind = "branches", branches = [[], [{ kind = "max", size = 3 }]] }',
            "cannot be laid behind one another",
        ),
        (
            (
                'filter = { kind = "chain", parts = [{ kind = "conv", maps = 4, size = 1, '
                "groups = 2 }] }"
            ),
            "filter: 0: 2 groups must divide the 3 maps below",
        ),
        (
            'filter = { kind = "chain", parts = [{ kind = "max", size = 2, padding = 2 }] }',
            "a border must be at least 0, and less than its window of 2; got 2",
        ),
    ],
)
def test_what_does_not_fit_names_stage_and_part(stage: str, sentence: str) -> None:
    with pytest.raises(RecipeError, match=sentence):
        plan(parse_recipe(recipe_text(stage)), IMAGE)


def test_numbers_of_a_small_fork_by_hand() -> None:
    parts = (
        '[[{ kind = "conv", maps = 2, size = [1, 3], padding = "same" }], '
        '[{ kind = "max", size = 3, padding = 1 }, { kind = "conv", maps = 5, size = 1, '
        'bias = false, norm = { kind = "batch" } }]]'
    )
    layers = plan(
        parse_recipe(recipe_text(f'filter = {{ kind = "branches", branches = {parts} }}')), IMAGE
    ).layers
    assert [(row.name, row.kind) for row in layers] == [
        ("s.0.0", "conv filter"),
        ("s.1.0", "max pooling"),
        ("s.1.1", "conv filter"),
        ("s.1.1.norm", "batch normalisation"),
        ("s", "concatenation"),
    ]
    assert [row.weights for row in layers] == [18, 0, 15, 5, 0]
    assert [row.biases for row in layers] == [2, 0, 0, 5, 0]
    # The 1x3 windows at the two ends of 8 rows see two places of three: 8 * (6 * 3 + 2 * 2) = 176.
    assert layers[0].connections == 176 * 3 * 2
    assert layers[-1].output == (7, 8, 8)
    assert layers[-1].receptive_field == (3, 3)
    (one,) = condensed(layers)
    assert (one.name, one.kind, one.weights, one.output) == ("s", "branches filter", 38, (7, 8, 8))
