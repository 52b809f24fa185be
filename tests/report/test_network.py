"""The network in the page: the layers that there are, and no others."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from featlearn.config.heads import ClassificationSpec
from featlearn.config.plan import plan
from featlearn.config.training import FinetuneSpec
from featlearn.geometry import MapShape
from featlearn.report.network import planes_of, rows_of, without_head
from featlearn.report.run import run_view
from featlearn.training.rundir import RunDirectory
from tests.report import conftest

Tiny = Callable[..., Any]
HIDDEN = {"head": {"kind": "classification", "hidden": [5]}}


def test_what_is_left_without_a_head_is_the_stages(tiny: Tiny) -> None:
    recipe = tiny(finetune=HIDDEN)
    layers = plan(recipe, MapShape(1, 8, 8), 10)
    own = without_head(layers)
    assert [layer.name for layer in layers.layers[-2:]] == ["out.hidden1", "out"]
    assert own.layers == layers.layers[:-2]
    rows, total = rows_of(own)
    assert len(planes_of(recipe, own)) == 1 + len(rows)
    assert total.weights == str(4 * 9 + 6 * 4 * 9)  # 4 filters of 3×3, 6 on 4 maps of 3×3
    assert without_head(own) == own


@pytest.mark.parametrize("classes", [None, ["a", "b"]])
def test_a_head_is_shown_where_there_is_one(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, classes: list[str] | None
) -> None:
    head = FinetuneSpec(head=ClassificationSpec(hidden=(5,)))
    recipe = msgspec.structs.replace(conftest.RECIPE, finetune=head)
    monkeypatch.setattr(conftest, "RECIPE", recipe)
    run = RunDirectory(conftest.run_maker(tmp_path)(classes=classes))
    view = run_view("k", run, name="run", root=tmp_path, device="cpu", most=20)
    named = {row.name for row in view.stacks[0].layers} & {"out", "out.hidden1"}
    assert named == (set() if classes is None else {"out", "out.hidden1"})
    assert named == {plane.name for plane in view.stacks[0].planes} & {"out", "out.hidden1"}
