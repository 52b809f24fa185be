"""What a run comes to: said of what was measured, and doubted where it should be."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from featlearn.config.plan import plan
from featlearn.networks.formats import read_figures
from featlearn.networks.store import load_stack
from featlearn.report.records import RunRecord
from featlearn.report.run import run_view
from featlearn.report.story import Found, tell
from featlearn.report.views import RunView
from featlearn.report.worth import Measurable
from featlearn.training.rundir import RunDirectory

MakeRun = Callable[..., Path]


@pytest.fixture
def run(make_run: MakeRun) -> RunDirectory:
    return RunDirectory(make_run(classes=["a", "b"]))


@pytest.fixture
def view(run: RunDirectory, tmp_path: Path) -> RunView:
    return run_view("k", run, name="run", root=tmp_path, device="cpu")


@pytest.fixture
def retell(run: RunDirectory, view: RunView) -> Callable[..., dict[str, str]]:
    """Tell the story again, of other stages, heads or losses."""
    loaded = load_stack(run.path)

    def again(**changes: Any) -> dict[str, str]:
        given = Found(view.stages, view.heads, [], [], Measurable("run", labelled=True))
        facts = tell(
            read_figures(run.results_file, RunRecord),
            loaded.recipe,
            plan(loaded.recipe, loaded.stack.input_shape, None),
            found=given._replace(**changes),
        )
        return {fact.name: fact.value for fact in facts}

    return again


def told(view: RunView) -> dict[str, str]:
    return {fact.name: fact.value.replace("\u00a0", " ") for fact in view.story}


def test_it_tells_data_network_what_was_learned_and_what_it_was_worth(view: RunView) -> None:
    story = told(view)
    assert list(story) == ["Data", "Network", "Learned", "Worth", "To doubt"]
    assert story["Data"].startswith("96 images of digits, 8 × 8 pixels in grey, and no label.")
    assert story["Data"].endswith("24 more were held out.")
    assert "2 stages with" in story["Network"]
    assert "learned one after the other. A unit at the top sees 8 × 8 pixels." in story["Network"]
    assert "(strokes)" in story["Learned"]
    assert "Of the units of strokes shown" in story["Learned"]
    assert story["Worth"].startswith("Test error 25.0 % (")
    assert "No head was trained from random weights beside it" in story["To doubt"]
    assert "only 8 images" in story["To doubt"]
    assert story["To doubt"].endswith("One run with one seed: another would differ.")


def test_a_run_without_heads_says_that_nothing_was_measured(
    make_run: MakeRun, tmp_path: Path
) -> None:
    run = RunDirectory(make_run())
    story = told(run_view("k", run, name="run", root=tmp_path, device="cpu"))
    assert story["Worth"] == (
        "Not measured. Single units were not tested: `featlearn evaluate run --units` finds the "
        "best one for each class, beside controls. No head was trained on it: `featlearn finetune "
        "run` does that, and `featlearn evaluate run` measures it."
    )
    assert "Nothing it learned was compared with random weights" in story["To doubt"]


def test_why_units_were_not_tested_is_said(make_run: MakeRun, tmp_path: Path) -> None:
    run = RunDirectory(make_run())
    story = told(
        run_view("k", run, name="run", root=tmp_path, device="cpu", untested="/home/me/x is gone")
    )
    assert "Single units were not tested (x is gone): `featlearn evaluate run" in story["Worth"]


@pytest.mark.parametrize(
    ("losses", "falling"), [((1.0, 0.9), True), ((1.0, 0.995), False), ((1.0,), False)]
)
def test_a_loss_that_still_fell_is_doubted(
    retell: Callable[..., dict[str, str]], losses: tuple[float, ...], falling: bool
) -> None:
    metrics: list[dict[str, Any]] = [
        {"phase": "strokes", "epoch": epoch, "step": epoch, "held_out": {"loss": loss}}
        for epoch, loss in enumerate(losses)
    ]
    doubts = retell(metrics=metrics)["To doubt"]
    assert ("The loss of strokes was still falling when training ended." in doubts) == falling


def test_dead_units_and_poor_codes_are_doubted(
    view: RunView, retell: Callable[..., dict[str, str]]
) -> None:
    first, second = view.stages
    doubts = retell(stages=[replace(first, dead=0.3), replace(second, explained=0.2)])["To doubt"]
    assert "30.0\u00a0% of the units of strokes are dead." in doubts
    assert "The code of parts keeps less than half of its input." in doubts


def test_a_control_from_random_weights_is_told_beside(
    view: RunView, retell: Callable[..., dict[str, str]]
) -> None:
    control = replace(view.heads[0], scratch=True, share=0.5, error="50.0 %")
    story = retell(heads=[*view.heads, control])
    assert "From random weights 50.0 %" in story["Worth"]
    assert "No head was trained from random weights" not in story["To doubt"]
