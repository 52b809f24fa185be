"""In what runs differ: keys of their recipes, and what they were computed with."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from featlearn.report.differences import differences
from featlearn.report.run import run_view
from featlearn.report.views import Fact, RunView
from featlearn.training.rundir import RunDirectory

MakeRun = Callable[..., Path]


@pytest.fixture
def view(make_run: MakeRun, tmp_path: Path) -> RunView:
    run = RunDirectory(make_run("one"))
    return run_view("run1", run, name="one", root=tmp_path, device="cpu")


def of(view: RunView, recipe: str, **environment: str) -> RunView:
    facts = [Fact(name, value) for name, value in environment.items()]
    return replace(view, recipe=recipe, environment=facts)


def test_the_same_recipe_differs_in_nothing(view: RunView) -> None:
    found = differences([view, replace(view, folder="two")])
    assert (found.heads, found.rows) == (["Key", "one", "two"], [])


def test_keys_are_named_as_set_takes_them(view: RunView) -> None:
    recipe = """
title = "{title}"
[data]
source = "digits"
size = [8, {width}]
[[stages]]
name = "edges"
filter = {{ kind = "conv", maps = {maps} }}
[[preprocess]]
kind = "{kind}"
"""
    one = recipe.format(title="One", width=8, maps=4, kind="contrast")
    two = recipe.format(title="Two", width=8, maps=5, kind="zca") + "eps = 0.1\n"
    runs = [of(view, one, seed="0", torch="2.11"), of(view, two, seed="3", torch="2.13")]
    assert differences(runs).rows == [
        ["stages.edges.filter.maps", "4", "5"],
        ["preprocess.0.kind", "contrast", "zca"],
        ["seed", "0", "3"],
        ["computed with: torch", "2.11", "2.13"],
        ["preprocess.0.eps", "–", "0.1"],
    ]


def test_a_seed_that_a_recipe_leaves_out_is_known(view: RunView) -> None:
    runs = [of(view, "", seed="0"), of(view, "seed = 1", seed="1"), of(view, "", seed="0")]
    assert differences(runs).rows == [["seed", "0", "1", "0"]]


def test_of_many_differences_the_first_are_listed(view: RunView) -> None:
    many = "\n".join(f"key{place} = {{}}" for place in range(43))
    runs = [of(view, many.replace("{}", number)) for number in "12"]
    rows = differences(runs).rows
    assert len(rows) == 41
    assert rows[-1] == ["and 3 more differences", "", ""]
