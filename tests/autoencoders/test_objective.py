"""What a caller's own objective gives, and how it is refused before anything is written."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from featlearn.autoencoders.objective import LossTerms, check_objective, check_terms
from featlearn.errors import UsageError
from featlearn.stages.stage import Stage

SCALAR = torch.ones((), requires_grad=True)


def test_terms_come_back_as_they_are() -> None:
    constant = torch.zeros(())
    assert check_terms({"size": SCALAR, "c": constant}, stage="s") == {
        "size": SCALAR,
        "c": constant,
    }
    with torch.no_grad():  # as held-out images are measured
        assert check_terms({"c": constant}, stage="s") == {"c": constant}
    half = torch.ones((), dtype=torch.bfloat16, requires_grad=True)
    assert check_terms({"half": half}, stage="s") == {"half": half}
    assert check_terms({"c": constant}, stage="s", moving=True) == {"c": constant}


@pytest.mark.parametrize(
    ("terms", "said"),
    [
        ({}, "must return one or more scalar tensors by name, as a dict; got none"),
        (None, "got a NoneType"),
        (SCALAR, "got a Tensor"),
        ([SCALAR], "got a list"),
        ({"size": 3.0}, "term 'size' must be a scalar tensor; got a float"),
        ({"size": SCALAR.expand(5)}, r"term 'size' must be a scalar tensor .* got \(5,\)"),
        ({"size": SCALAR.expand(1)}, r"term 'size' .* got \(1,\)"),
        ({"size": torch.ones((), dtype=torch.int64)}, r"term 'size' .* torch\.int64"),
        ({"loss": SCALAR}, "term 'loss' needs another name: `loss` is the sum"),
        ({1: SCALAR}, "term 1 must have a text for its name; got a int"),
        ({"a": SCALAR.detach(), "b": torch.ones(())}, r"no term of the objective \(a, b\)"),
    ],
)
def test_what_is_no_loss_is_refused(terms: object, said: str) -> None:
    with pytest.raises(UsageError, match=f"^stage 'strokes': .*{said}"):
        check_terms(terms, stage="strokes")


class Half:
    """An objective that lacks a method."""

    def terms(self) -> None: ...


@pytest.mark.parametrize(("given", "said"), [(3, "int has no 'terms'"), (Half(), "'after_step'")])
def test_what_is_no_objective_is_refused(given: object, said: str) -> None:
    with pytest.raises(UsageError, match=f"^stage 'strokes': an objective has .*{said}"):
        check_objective(given, stage="strokes")


class Given:
    """An objective that gives what it is told to make of the code."""

    def __init__(self, make: Callable[[Tensor], Any]) -> None:
        self.make = make

    def terms(
        self, stage: Stage, x: Tensor, *, target: Tensor, generator: torch.Generator
    ) -> LossTerms:
        return self.make(stage.code(x))

    def after_step(self, stage: Stage) -> None: ...


@pytest.mark.parametrize("schedule", ["greedy", "joint"])
@pytest.mark.parametrize(
    ("own", "said"),
    [
        (3, "int has no 'terms'"),
        (Given(lambda _: {}), "got none"),
        (Given(lambda code: {"size": code.square()}), "term 'size' must be a scalar"),
        (Given(lambda code: {"size": float(code.detach().sum())}), "got a float"),
        (Given(lambda code: {"size": code.detach().sum()}), "no term .* has a gradient"),
        (Given(lambda code: {"loss": code.sum()}), "term 'loss' needs another name"),
    ],
)
def test_it_is_refused_before_a_folder_is_begun(
    tmp_path: Path, tiny: Callable[..., Any], schedule: str, own: Any, said: str
) -> None:
    from featlearn.workflows.pretrain import pretrain

    recipe, out = tiny(pretrain={"schedule": schedule, "epochs": 1}), tmp_path / "run"
    with pytest.raises(UsageError, match=f"^stage 'parts': .*{said}"):
        pretrain(recipe, out=out, root=tmp_path, objectives={"parts": own})
    assert not any(path.is_file() for path in out.rglob("*"))
    right = Given(lambda code: {"size": code.square().mean()})
    pretrain(recipe, out=out, root=tmp_path, objectives={"parts": right})
    assert (out / "results.json").exists()


@pytest.mark.parametrize("schedule", ["greedy", "joint"])
def test_trying_changes_no_byte(tmp_path: Path, tiny: Callable[..., Any], schedule: str) -> None:
    """The recipe's own objective, given as the caller's, trains to the same weights."""
    from featlearn.autoencoders.build import build_objective
    from featlearn.workflows.pretrain import pretrain

    recipe = tiny(pretrain={"schedule": schedule, "epochs": 1})
    spec = recipe.stages[1].objective
    assert spec is not None
    pretrain(recipe, out=tmp_path / "a", root=tmp_path)
    pretrain(recipe, out=tmp_path / "b", root=tmp_path, objectives={"parts": build_objective(spec)})
    one, same = ((tmp_path / name / "metrics.jsonl").read_text() for name in "ab")
    assert one == same
