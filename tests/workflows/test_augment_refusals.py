"""Augmentation that does not fit the images is refused before anything is written for it."""

from collections.abc import Callable
from pathlib import Path

import pytest

from featlearn.config.load import dump_recipe
from featlearn.config.recipe import Recipe
from featlearn.errors import RecipeError, UsageError
from featlearn.workflows.check import check
from featlearn.workflows.describe import describe_source
from featlearn.workflows.finetune import finetune
from featlearn.workflows.label_sweep import sweep_labels
from featlearn.workflows.pretrain import pretrain

Tiny = Callable[..., Recipe]


def hiding(size: int) -> dict[str, object]:
    return {"augment": [{"kind": "cut-out", "size": size}]}


def test_pretraining_begins_no_folder(tiny: Tiny, tmp_path: Path) -> None:
    run = tmp_path / "run"
    with pytest.raises(RecipeError, match=r"pretrain\.augment\.0\.size must be at most 8"):
        pretrain(tiny(pretrain=hiding(99)), out=run, root=tmp_path)
    assert not any(path.is_file() for path in run.rglob("*"))
    pretrain(tiny(pretrain=hiding(3)), out=run, root=tmp_path)
    assert (run / "results.json").exists()


def test_fine_tuning_begins_no_folder(tiny: Tiny, tmp_path: Path) -> None:
    run = tmp_path / "run"
    pretrain(tiny(finetune=hiding(99)), out=run, root=tmp_path)
    before = sorted(run.rglob("*"))
    with pytest.raises(RecipeError, match=r"finetune\.augment\.0\.size must be at most 8"):
        finetune(run, root=tmp_path, labels=50)
    with pytest.raises(RecipeError, match=r"finetune\.augment\.0\.size"):
        sweep_labels(run, root=tmp_path, labels=[20], draws=2)
    assert [path for path in sorted(run.rglob("*")) if path.is_file()] == [
        path for path in before if path.is_file()
    ]
    finetune(run, root=tmp_path, labels=50, overrides=["finetune.augment.0.size=3"])
    assert (run / "heads" / "default" / "results.json").exists()
    assert describe_source(run, root=tmp_path).layers  # a run that is there can be looked at


def test_a_change_that_does_not_fit_is_to_blame(tiny: Tiny, tmp_path: Path) -> None:
    run = tmp_path / "run"
    pretrain(tiny(finetune=hiding(3)), out=run, root=tmp_path)
    with pytest.raises(UsageError, match=r"^finetune\.augment\.0\.size=9: finetune\.augment\.0"):
        finetune(run, root=tmp_path, labels=50, overrides=["finetune.augment.0.size=9"])
    assert not (run / "heads").exists()


@pytest.mark.parametrize("table", ["pretrain", "finetune"])
def test_it_is_found_before_that(tiny: Tiny, tmp_path: Path, table: str) -> None:
    recipe = tiny(**{table: hiding(9)})
    said = rf"{table}\.augment\.0\.size must be at most 8, .* of 8x8; got 9"
    with pytest.raises(RecipeError, match=said):
        check(recipe, root=tmp_path)
    file = tmp_path / "large.toml"
    file.write_text(dump_recipe(recipe))
    with pytest.raises(RecipeError, match=said):
        describe_source(file, root=tmp_path)
