"""Calls as they are naturally written in Python, and one sentence for those that are wrong."""

import inspect
import pydoc
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, get_type_hints

import numpy as np
import pytest

from featlearn.config.load import dump_recipe
from featlearn.config.recipe import Recipe
from featlearn.errors import DeviceError, UsageError
from featlearn.studies.digits_av.study import digits_av
from featlearn.studies.faces.helped import faces_multitask
from featlearn.training.rundir import RunDirectory
from featlearn.workflows import run_options
from featlearn.workflows.drawing.asked import DrawOptions
from featlearn.workflows.find_rate import find_rate
from featlearn.workflows.finetune import finetune
from featlearn.workflows.label_sweep import sweep_labels
from featlearn.workflows.multimodal.finetune import finetune_modalities
from featlearn.workflows.multimodal.pretrain import pretrain_modalities
from featlearn.workflows.pretrain import pretrain
from featlearn.workflows.run_options import ResumeOptions, RunOptions, WorkOptions
from featlearn.workflows.search import search_recipe
from featlearn.workflows.tasks import finetune_tasks
from featlearn.workflows.unit_test import measure_units
from featlearn.workflows.visualize import visualize

Tiny = Callable[..., Recipe]
QUICK = {"finetune.epochs": 1, "finetune.steps": 0}


def test_pretrain_takes_a_recipe_by_its_path(tmp_path: Path, tiny: Tiny) -> None:
    path = tmp_path / "own.toml"
    path.write_text(dump_recipe(tiny()), encoding="utf-8")
    models: list[bytes] = []
    for place, recipe in enumerate((tiny(), path, str(path))):
        out = tmp_path / str(place)
        pretrain(recipe, out=out, root=tmp_path, device="cpu")
        models.append(RunDirectory(out).model_file.read_bytes())
    assert models[0] == models[1] == models[2]


def test_pretrain_takes_a_shipped_recipe_by_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tiny: Tiny
) -> None:
    def shipped(name: str) -> str:
        assert name == "digits"
        return dump_recipe(tiny())

    monkeypatch.setattr("featlearn.config.load.recipe_text", shipped)
    assert pretrain("digits", out=tmp_path / "run", root=tmp_path, device="cpu").title == "Tiny"


def test_what_is_no_recipe_or_device_is_refused(tmp_path: Path, tiny: Tiny) -> None:
    wrong: Any = {"title": "x"}
    with pytest.raises(UsageError, match=r"a recipe is the name of a shipped one.* got \{'title'"):
        pretrain(wrong, out=tmp_path / "run")
    with pytest.raises(UsageError, match="no recipe or file is called digit; did you mean digits"):
        pretrain("digit", out=tmp_path / "run")
    wrong = None
    with pytest.raises(DeviceError, match="None is no device; use auto, cpu or cuda"):
        pretrain(tiny(), out=tmp_path / "run", device=wrong)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("labels", ["100", 100.5, 100.0, [100]])
def test_labels_that_are_no_whole_number_are_refused(trained: Path, labels: Any) -> None:
    with pytest.raises(UsageError, match="labels is a whole number, or None for all of them; got"):
        finetune(trained, root=trained, name="other", labels=labels)
    assert not (trained / "heads" / "other").exists()


def test_labels_of_numpy_and_changes_by_key(tmp_path: Path, tiny: Tiny) -> None:
    run = tmp_path / "run"
    pretrain(tiny(), out=run, root=run, device="cpu")
    heads: list[bytes] = []
    count: Any = np.int64(50)
    for name, labels, overrides in (
        ("a", 50, ["finetune.epochs=1", "finetune.steps=0"]),
        ("b", count, QUICK),
    ):
        result = finetune(run, root=run, name=name, labels=labels, overrides=overrides)
        assert result.labels == 50
        heads.append(run.joinpath("heads", name, "model.safetensors").read_bytes())
    assert heads[0] == heads[1]
    wrong: Any = "finetune.epochs=1"
    with pytest.raises(UsageError, match="or a list of texts"):
        finetune(run, root=run, name="c", overrides=wrong)


def test_options_that_there_are_not_are_refused_before_anything_is_done(
    tmp_path: Path, tiny: Tiny, trained: Path
) -> None:
    wrong: Any = {"thread": 1}
    with pytest.raises(TypeError, match="unexpected keyword argument 'thread'"):
        pretrain(tiny(), out=tmp_path / "run", **wrong)
    with pytest.raises(TypeError, match="unexpected keyword argument 'thread'"):
        finetune(trained, name="other", **wrong)
    wrong = {"track": True}  # a sweep keeps no curves
    with pytest.raises(TypeError, match="unexpected keyword argument 'track'"):
        sweep_labels(trained, labels=[10], name="other", **wrong)
    assert list(tmp_path.iterdir()) == []
    assert not list(trained.glob("*/other"))


@pytest.mark.parametrize(
    ("function", "options"),
    [
        (pretrain, RunOptions),
        (pretrain_modalities, RunOptions),
        (finetune, RunOptions),
        (finetune_modalities, RunOptions),
        (finetune_tasks, RunOptions),
        (sweep_labels, ResumeOptions),
        (search_recipe, ResumeOptions),
        (find_rate, WorkOptions),
        (measure_units, WorkOptions),
        (digits_av, WorkOptions),
        (faces_multitask, WorkOptions),
        (visualize, DrawOptions),
    ],
)
def test_help_names_every_option(function: Callable[..., Any], options: type) -> None:
    said = inspect.getdoc(function) or ""
    named = [f"`{key}`" for key in get_type_hints(options)]
    assert [key for key in named if key not in said] == []
    assert f"`{options.__name__}` in `{options.__module__}`" in " ".join(said.split())
    modules = (sys.modules[options.__module__], run_options)
    told = "".join(pydoc.plain(pydoc.render_doc(module)) for module in modules)
    assert [key for key in get_type_hints(options) if f" {key}: " not in told] == []
