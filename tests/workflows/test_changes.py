"""A change that makes a recipe unfit is a fault of the command line; a recipe's own is not."""

import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest

from featlearn.config.load import dump_recipe, load_recipe
from featlearn.config.recipe import Recipe
from featlearn.errors import RecipeError, UsageError
from featlearn.geometry import MapShape
from featlearn.workflows.changes import check_changes
from featlearn.workflows.describe import describe_source

LARGE = 'stages.C1.norm={kind="lcn",size=99}'


def check(source: str | Path, *overrides: str, image: MapShape | None = None) -> None:
    check_changes(source, load_recipe(source, overrides=overrides), overrides, image)


def refusal(source: str | Path, *overrides: str) -> str | None:
    """Say how changes are refused, if they are."""
    try:
        check(source, *overrides)
    except UsageError as error:
        return str(error)
    return None


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (LARGE, r"stage 'C1': norm\.size 99 does not fit into 14x14"),
        ("stages.C1.filter.size=29", r"stage 'C3': filter\.size 5 does not fit"),
        ("data.size=[4, 4]", "stage 'C1': filter.size 5 does not fit into 4x4"),
        ('finetune.augment=[{kind="cut-out",size=33}]', r"finetune\.augment\.0\.size must be"),
    ],
)
def test_a_change_is_blamed(tmp_path: Path, change: str, said: str) -> None:
    with pytest.raises(UsageError, match=said) as refused:
        check("lenet5", "seed=1", change)
    assert str(refused.value).startswith(f"{change}: ")
    with pytest.raises(UsageError, match=said):
        describe_source("lenet5", root=tmp_path, overrides=[change])
    key, _, value = change.partition("=")
    with pytest.raises(UsageError, match=said):
        describe_source("lenet5", root=tmp_path, overrides={key: tomllib.loads(f"v={value}")["v"]})


@pytest.mark.parametrize(
    ("name", "changes"),
    [
        ("lenet5", []),
        ("lenet5", ["stages.C1.filter.size=3", "pretrain.epochs=2"]),
        ("digits", ['preprocess=[{ kind = "pca", keep = 0.9 }]']),  # the data tell how many
        ("dense", ["stages.features.objective=none"]),
    ],
)
def test_changes_that_fit_are_let_through(name: str, changes: list[str]) -> None:
    assert refusal(name, *changes) is None


def test_a_recipe_that_does_not_fit_anyway_is_not_the_change_s_fault(
    tmp_path: Path, tiny: Callable[..., Recipe]
) -> None:
    file = tmp_path / "large.toml"
    file.write_text(dump_recipe(tiny(data={"size": [2, 2], "fit": "crop"})))
    assert refusal(file, "seed=1") is None
    with pytest.raises(RecipeError, match="stage 'edges': filter"):
        describe_source(file, root=tmp_path, overrides=["seed=1"])


def test_where_nothing_tells_the_shape_the_images_do(tmp_path: Path) -> None:
    file = tmp_path / "unknown.toml"
    file.write_text(
        'title = "t"\ndata = { source = "nowhere" }\n[[stages]]\nname = "s"\n'
        'filter = { kind = "conv", size = 3, maps = 2 }\n'
    )
    check(file, "stages.s.filter.size=9")
    check(file, "stages.s.filter.size=9", image=MapShape(1, 9, 9))
    with pytest.raises(UsageError, match=r"filter\.size 9 does not fit into 8x8"):
        check(file, "stages.s.filter.size=9", image=MapShape(1, 8, 8))
