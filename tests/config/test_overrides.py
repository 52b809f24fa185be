"""Changes to a recipe, from the command line and from Python."""

from pathlib import Path
from typing import Any

import pytest

from featlearn.config.changes import changed_recipe
from featlearn.config.data import ContrastSpec
from featlearn.config.load import load_recipe
from featlearn.config.overrides import says
from featlearn.config.pieces import L2PoolSpec, MaxPoolSpec
from featlearn.errors import FeatlearnError, RecipeError, UsageError


def test_a_stage_is_addressed_by_name(small: Path) -> None:
    recipe = load_recipe(small, overrides=["stages.strokes.pool.size=3"])
    assert recipe.stages[0].pool == L2PoolSpec(size=3)


def test_an_inline_table_changes_the_kind(small: Path) -> None:
    text = "stages.strokes.pool={ kind = 'max', size = 2 }"
    assert load_recipe(small, overrides=[text]).stages[0].pool == MaxPoolSpec(size=2)


def test_the_kind_alone_keeps_the_other_keys(small: Path) -> None:
    recipe = load_recipe(small, overrides=["stages.strokes.pool.kind=max"])
    assert recipe.stages[0].pool == MaxPoolSpec(size=2)


def test_an_optional_part_is_taken_away(small: Path) -> None:
    assert load_recipe(small, overrides=["stages.strokes.pool=none"]).stages[0].pool is None


def test_a_place_in_a_list(small: Path) -> None:
    recipe = load_recipe(small, overrides=["preprocess.0.floor=0.5"])
    assert recipe.preprocess[0].floor == 0.5  # pyright: ignore[reportAttributeAccessIssue]


def test_a_part_that_was_left_out_has_its_default(small: Path) -> None:
    recipe = load_recipe(small, overrides=["pretrain.optimizer.lr=0.5"])
    default = load_recipe(small).pretrain.optimizer
    assert recipe.pretrain.optimizer.lr == 0.5
    assert type(recipe.pretrain.optimizer) is type(default)


def test_later_ones_build_on_earlier_ones(small: Path) -> None:
    texts = ["data.fit=crop", "data.size=[6, 6]", "seed=1", "seed=2"]
    recipe = load_recipe(small, overrides=texts)
    assert (recipe.data.fit, recipe.data.size, recipe.seed) == ("crop", (6, 6), 2)


@pytest.mark.parametrize("text", ["title=2024", "title=a = b", "title=x\ny = 3", "title=[1"])
def test_text_is_taken_as_it_is(small: Path, text: str) -> None:
    assert load_recipe(small, overrides=[text]).title == text.partition("=")[2]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("stages.strokes.pool.size=0", "stage 'strokes': pool.size must be >= 1; got 0"),
        ("stages.strokes.pool.sise=2", "unknown key pool.sise; did you mean size?"),
        ("stages.stroke.pool.size=2", r"unknown stage stroke; did you mean strokes\?"),
        ("stages.0.pool.size=2", r"unknown stage 0 \(known: strokes, parts\)"),
        ("preprocess.1.floor=2", r"preprocess is a list; name a place in it \(0 to 0\)"),
        ("preprocess.x.floor=2", "preprocess is a list"),
        ("finetune.augment.0.pixels=1", "none, the list is empty"),
        ("data.size.2=4", "data.size is a list"),
        ("title.x=1", "title is a plain value"),
        (
            "finetune.semi.weight=2",
            r"semi has no kind yet; set finetune\.semi\.kind first \(to pseudo-label, pi, ",
        ),
        (
            "stages.strokes.norm.size=3",
            r"'strokes': norm has no kind yet; set stages\.strokes\.norm\.kind first",
        ),
        ("pretrian.batch=7", r"unknown key pretrian; did you mean pretrain\?"),
        ("seed", "expected KEY=VALUE"),
        ("=3", "expected KEY=VALUE"),
        ("data.fit=crop", "needs `data.size`"),
        ("stages=3", "stages must be a list, each item a table; got 3"),
    ],
)
def test_a_wrong_one_is_a_usage_error_that_quotes_it(small: Path, text: str, said: str) -> None:
    with pytest.raises(UsageError, match=said) as caught:
        load_recipe(small, overrides=[text])
    assert text in str(caught.value)


def test_the_one_at_fault_is_blamed(small: Path) -> None:
    with pytest.raises(UsageError, match=r"^seed=-1: seed must be >= 0; got -1$"):
        load_recipe(small, overrides=["title=x", "seed=-1", "minutes=3"])


def test_a_mistake_of_the_file_is_not_blamed_on_them(small: Path) -> None:
    small.write_text(small.read_text().replace("size = 2", "size = 0"), encoding="utf-8")
    with pytest.raises(RecipeError, match=r"pool\.size must be >= 1"):
        load_recipe(small, overrides=["seed=3"])


def test_they_may_complete_a_recipe(small: Path) -> None:
    small.write_text(small.read_text().replace('source = "digits"', ""), encoding="utf-8")
    with pytest.raises(FeatlearnError, match=r"data\.source is missing"):
        load_recipe(small)
    assert load_recipe(small, overrides=["data.source=digits"]).data.source == "digits"


@pytest.mark.parametrize(
    "changes",
    [
        ["stages.strokes.pool=none", "seed=4", "preprocess.0.floor=0.5"],
        ("stages.strokes.pool=none", "seed=4", "preprocess.0.floor=0.5"),
        {"stages.strokes.pool": None, "seed": 4, "preprocess.0.floor": 0.5},
    ],
)
def test_they_are_values_by_key_or_texts(
    small: Path, changes: dict[str, object] | list[str]
) -> None:
    recipe = load_recipe(small)
    for found in (load_recipe(small, overrides=changes), changed_recipe(recipe, changes)):
        assert found.stages[0].pool is None
        assert found.seed == 4
        assert found.preprocess == (ContrastSpec(floor=0.5),)
        assert found.title == recipe.title


@pytest.mark.parametrize("changes", ["seed=4", b"seed=4", 4, ["seed=4", 5], {"seed=4"}])
def test_what_is_neither_is_refused(small: Path, changes: Any) -> None:
    with pytest.raises(UsageError, match=r"overrides are values by key, .* or a list of texts"):
        load_recipe(small, overrides=changes)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("finetune.stack_lr=0.3", True),
        (" finetune . stack_lr = 0.3", True),
        ("finetune={ stack_lr = 0.3, epochs = 2 }", True),
        ("finetune={ epochs = 2 }", False),
        ("finetune.epochs=2", False),
        ("finetune=none", False),
        ("pretrain={ stack_lr = 0.3 }", False),
    ],
)
def test_what_the_texts_say_is_found_in_whole_tables_too(text: str, said: bool) -> None:
    assert says(["seed=3", text], "finetune.stack_lr") == said
