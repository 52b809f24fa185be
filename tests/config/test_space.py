"""What a search may try: the grammar, and what does not fit the recipe."""

import math
from pathlib import Path

import numpy as np
import pytest

from featlearn.config.load import load_recipe
from featlearn.config.pieces import L2PoolSpec, MaxPoolSpec
from featlearn.config.space import (
    Choices,
    Range,
    corner_params,
    parse_spaces,
    plain,
    with_params,
)
from featlearn.errors import RecipeError, UsageError


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("pretrain.optimizer.lr=1e-4..1e-1:log", {"low": 1e-4, "high": 0.1, "log": True}),
        ("pretrain.optimizer.lr = 1e-4 .. 2 ", {"low": 1e-4, "high": 2.0}),
        ("pretrain.batch=16..128", {"low": 16, "high": 128, "whole": True}),
        ("pretrain.batch=1..1_000:log", {"low": 1, "high": 1000, "log": True, "whole": True}),
        ("pretrain.batch=16..70:16", {"low": 16, "high": 64, "step": 16, "whole": True}),
        ("finetune.head.dropout=0..0.5:0.1", {"low": 0.0, "high": 0.5, "step": 0.1}),
        ("finetune.stack_lr=5e-1..1.5e0", {"low": 0.5, "high": 1.5}),
        ("pretrain.optimizer.betas.0=0.8..0.99", {"low": 0.8, "high": 0.99}),
        ("stages.strokes.filter.maps=2..8", {"low": 2, "high": 8, "whole": True}),
    ],
)
def test_ranges(small: Path, text: str, expected: dict[str, object]) -> None:
    (space,) = parse_spaces(load_recipe(small), [text])
    assert space == Range(key=text.partition("=")[0].strip(), **expected)  # pyright: ignore[reportArgumentType]
    assert parse_spaces(load_recipe(small), [space.text]) == (space,)


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("pretrain.batch=32|64|128", ("32", "64", "128")),
        ("stages.strokes.activation=relu | tanh", ("relu", "tanh")),
        ("pretrain.optimizer.kind='adamw'|sgd", ("'adamw'", "sgd")),
        ("stages.strokes.pool=none|{kind='max',size=2}", ("none", "{kind='max',size=2}")),
        ("data.size=[8, 8]|[6, 6]", ("[8, 8]", "[6, 6]")),
        ("title='a|b'|[c|d]|{e|f}", ("'a|b'", "[c|d]", "{e|f}")),
    ],
)  # fmt: skip
def test_choices(small: Path, text: str, values: tuple[str, ...]) -> None:
    (space,) = parse_spaces(load_recipe(small), [text])
    assert space == Choices(key=text.partition("=")[0], values=values)
    assert space.corners == values
    assert parse_spaces(load_recipe(small), [space.text]) == (space,)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("pretrain.batch", r"expected KEY=SPACE, such as pretrain\.optimizer\.lr=1e-4"),
        ("=1..2", "expected KEY=SPACE"),
        ("pretrain.batch=", "expected KEY=SPACE"),
        ("pretrain.bacth=1..2", r"unknown key pretrain\.bacth; did you mean batch\?"),
        ("stages.stroke.pool.size=1..2", r"unknown stage stroke; did you mean strokes\?"),
        ("pretrain.optimizer.momentum=0..0.5", r"unknown key pretrain\.optimizer\.momentum"),
        ("pretrain.batch=64", "'64' leaves nothing to choose from; a range is LOW"),
        ("pretrain.batch=a..b", r"the ends of a range are numbers, as in 1e-4\.\.0\.1"),
        ("pretrain.batch=1...5", "the ends of a range are numbers"),
        ("pretrain.batch=1..", "the ends of a range are numbers"),
        ("pretrain.batch=64..16", "a range goes up, and 64 is not below 16"),
        ("pretrain.batch=16..16", "16 is not below 16"),
        ("pretrain.batch=16..20.5", r"it takes whole numbers; got 20\.5"),
        ("pretrain.batch=1..1e300", "it takes whole numbers; got 1e300"),
        ("pretrain.optimizer.lr=1..1e999", "1e999 is too large a number"),
        ("pretrain.optimizer.lr=0..1:log", "a logarithm needs numbers above 0"),
        ("pretrain.optimizer.lr=0..1", r"pretrain\.optimizer\.lr must be > 0; got 0\.0"),
        ("pretrain.batch=16..64:lin", "behind a range stands :log or a step, as in :16; got :lin"),
        ("pretrain.batch=16..64:", "behind a range stands :log or a step"),
        ("pretrain.batch=16..64:0", "a step is above 0 and no longer than the range; got 0"),
        ("pretrain.batch=16..64:100", "no longer than the range; got 100"),
        ("pretrain.batch=16..64:0.5", r"it takes whole numbers; got 0\.5"),
        ("stages.strokes.activation=1..2", "has no range, as it must be one of abs, .* choices as"),
        ("stages.strokes.activation=relu|rleu", "must be one of .*; got .rleu.; did you mean relu"),
        ("pretrain.batch=32|0", r"pretrain\.batch must be >= 1; got 0"),
        ("pretrain.batch=32||64", "a choice is empty"),
        ("pretrain.batch=32|64|32", "32 stands there twice"),
        ("finetune.freeze=0..3", "`finetune.freeze` is 3, but there are 2 stages"),
    ],
)  # fmt: skip
def test_what_is_none_is_one_sentence(small: Path, text: str, said: str) -> None:
    with pytest.raises(UsageError, match=said) as refused:
        parse_spaces(load_recipe(small), [text])
    assert str(refused.value).startswith(f"{text}: ")


def test_keys_are_apart(small: Path) -> None:
    recipe = load_recipe(small)
    with pytest.raises(UsageError, match=r"batch is searched already, by pretrain.batch=1"):
        parse_spaces(recipe, ["pretrain.batch=1..2", "pretrain.batch=3..4"])
    pools = "stages.strokes.pool=none|{ kind = 'max', size = 2 }"
    for texts in (
        [pools, "stages.strokes.pool.size=2..3"],
        ["stages.strokes.pool.size=2..3", pools],
    ):
        with pytest.raises(UsageError, match=r"pool\.size lies in stages\.strokes\.pool, and both"):
            parse_spaces(recipe, texts)
    assert len(parse_spaces(recipe, ["pretrain.epochs=1..2", "finetune.epochs=1..2"])) == 2
    with pytest.raises(UsageError, match="there is nothing to search"):
        parse_spaces(recipe, [])


def test_spaces_by_key(small: Path) -> None:
    recipe = load_recipe(small)
    assert parse_spaces(recipe, {"pretrain.batch": "1..2"}) == (
        parse_spaces(recipe, ["pretrain.batch=1..2"])
    )


def test_values_go_into_the_recipe(small: Path) -> None:
    recipe = load_recipe(small)
    params = {"pretrain.optimizer.lr": "0.02", "stages.strokes.pool": "{ kind = 'max', size = 3 }"}
    changed = with_params(recipe, params)
    assert changed.pretrain.optimizer.lr == 0.02
    assert changed.stages[0].pool == MaxPoolSpec(size=3)
    assert recipe.stages[0].pool == L2PoolSpec(size=2)
    with pytest.raises(RecipeError, match="rate"):
        with_params(recipe, {"pretrain.rate.kind": "plateau", "data.hold_out": "0"})


def test_ends_and_choices_alone(small: Path) -> None:
    spaces = parse_spaces(load_recipe(small), ["pretrain.batch=16..64", "finetune.freeze=0|2"])
    assert [params for _, params in corner_params(spaces)] == [
        {"pretrain.batch": "16"},
        {"pretrain.batch": "64"},
        {"finetune.freeze": "0"},
        {"finetune.freeze": "2"},
    ]


@pytest.mark.parametrize(("low", "high"), [(1e-7, 3.3e4), (0.9990, 0.9999), (-3.0, 4.5)])
def test_rounded_numbers_stay_in_the_range_and_near(low: float, high: float) -> None:
    rng = np.random.default_rng(0)
    plain_range = Range(key="k", low=low, high=high)
    for value in rng.uniform(low, high, 500):
        found = plain_range.near(value)
        assert low <= found <= high
        assert abs(found - value) <= 1e-4 * (high - low)
        assert len(f"{found!r}") <= 24
        assert plain_range.near(found) == found
    if low > 0:
        logs = Range(key="k", low=low, high=high, log=True)
        for value in np.exp(rng.uniform(math.log(low), math.log(high), 500)):
            found = logs.near(value)
            assert low <= found <= high
            assert found == pytest.approx(value, rel=5.1e-4)
            assert logs.near(found) == found


def test_steps_are_written_short() -> None:
    steps = Range(key="k", low=0.0, high=0.5, step=0.1)
    assert [steps.near(0.1 * n) for n in range(6)] == [0.0, 0.1, 0.2, 0.3, 0.4, 0.5]


@pytest.mark.parametrize(
    ("text", "value"),
    [("64", 64), ("0.5", 0.5), ("true", True), ("relu", "relu"), ("[1]", "[1]"), ("none", "none")],
)
def test_plain(text: str, value: object) -> None:
    assert plain(text) == value
    assert type(plain(text)) is type(value)
