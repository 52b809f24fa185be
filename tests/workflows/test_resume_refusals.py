"""What is not gone on with: other settings, other images, nothing, or what is done."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from featlearn.config.load import load_recipe
from featlearn.config.recipe import Recipe
from featlearn.errors import CheckpointError
from featlearn.training.checkpoints import CheckpointStore
from featlearn.training.folder import Folder
from featlearn.training.identity import UNLABELLED, Identity
from featlearn.training.rundir import RunDirectory
from featlearn.workflows.finetune import finetune
from featlearn.workflows.label_sweep import sweep_labels
from featlearn.workflows.pretrain import pretrain

Tiny = Callable[..., Recipe]
Stopper = Callable[..., Any]


def run(recipe: Recipe, out: Path, **options: Any) -> None:
    pretrain(recipe, out=out, root=out, device="cpu", **options)


def outcome(folder: Folder) -> tuple[bytes, bytes]:
    return folder.model_file.read_bytes(), folder.metrics_file.read_bytes()


@pytest.fixture
def unfinished(
    tmp_path: Path, tiny: Tiny, stopper: Stopper, crash: type[BaseException]
) -> RunDirectory:
    cut = RunDirectory(tmp_path / "cut")
    with pytest.raises(crash):
        run(tiny(), cut.path, progress=stopper(4), save_seconds=0)
    return cut


def contents(folder: Folder) -> dict[str, bytes]:
    files = (path for path in folder.path.rglob("*") if path.is_file())
    return {str(path.relative_to(folder.path)): path.read_bytes() for path in files}


@pytest.mark.parametrize("checkpoint", [True, False])
def test_another_recipe_is_refused(unfinished: RunDirectory, tiny: Tiny, checkpoint: bool) -> None:
    if not checkpoint:
        CheckpointStore(unfinished.checkpoints).clear()
    before = contents(unfinished)
    with pytest.raises(
        CheckpointError,
        match=r"begun with other settings: pretrain.optimizer.lr was 0.01, now it is 0.5; resume",
    ):
        run(
            tiny(pretrain={"optimizer": {"kind": "adamw", "lr": 0.5}}),
            unfinished.path,
            resume=True,
        )
    assert contents(unfinished) == before


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"title": "Renamed"}, "title was 'Tiny', now it is 'Renamed'"),
        ({"finetune": {"epochs": 9}}, "finetune.epochs was 2, now it is 9"),
        ({"expect": "much"}, "expect was the default, now it is 'much'"),
    ],
)
def test_words_and_fine_tuning_are_part_of_the_recipe(
    unfinished: RunDirectory, tiny: Tiny, change: dict[str, Any], said: str
) -> None:
    # They go into the model's file, whose bytes must not depend on where a run was cut off.
    with pytest.raises(CheckpointError, match=f"begun with other settings: {said}; resume"):
        run(tiny(**change), unfinished.path, resume=True)


def images_file(path: Path, *, changed: int | None = None, count: int = 60) -> Path:
    """Write images as an array; one of them may be another."""
    images = np.random.default_rng(0).integers(0, 255, (count, 1, 8, 8), dtype=np.uint8)
    if changed is not None:
        images[changed] = 255 - images[changed]
    np.savez(path, images=images, labels=np.arange(count) % 3)
    return path


@pytest.mark.parametrize("checkpoint", [True, False])
def test_other_images_are_refused(
    tmp_path: Path, tiny: Tiny, stopper: Stopper, crash: type[BaseException], checkpoint: bool
) -> None:
    source = images_file(tmp_path / "images.npz")
    recipe = tiny(data={"source": str(source), "limit": None})
    run(recipe, tmp_path / "whole")
    cut = RunDirectory(tmp_path / "cut")
    with pytest.raises(crash):
        run(recipe, cut.path, progress=stopper(3), save_seconds=0 if checkpoint else 60)
    before = contents(cut)
    images_file(source, count=50)
    with pytest.raises(CheckpointError, match=r"begun with 48 training images, now there are 40"):
        run(recipe, cut.path, resume=True)
    for place in (0, 59):
        images_file(source, changed=place)
        with pytest.raises(CheckpointError, match=r"begun with other (train|test) images \(data\."):
            run(recipe, cut.path, resume=True)
    assert contents(cut) == before
    images_file(source)
    run(recipe, cut.path, resume=True)
    assert outcome(cut) == outcome(RunDirectory(tmp_path / "whole"))


def test_a_head_is_not_resumed_on_other_images(
    tmp_path: Path, tiny: Tiny, stopper: Stopper, crash: type[BaseException]
) -> None:
    source = images_file(tmp_path / "images.npz")
    path = tmp_path / "run"
    run(tiny(data={"source": str(source), "limit": None}), path)
    with pytest.raises(crash):
        finetune(path, root=tmp_path, progress=stopper(2), save_seconds=0)
    images_file(source, count=50)
    with pytest.raises(CheckpointError, match=r"images.npz has other train images than when"):
        finetune(path, root=tmp_path, resume=True)


def test_a_head_is_not_resumed_on_other_images_without_labels(
    tmp_path: Path, tiny: Tiny, stopper: Stopper, crash: type[BaseException]
) -> None:
    source = images_file(tmp_path / "images.npz")
    others = images_file(tmp_path / "others.npz", count=50)
    path = tmp_path / "run"
    run(tiny(data={"source": str(source), "limit": None}), path)
    semi = f'finetune.semi={{ kind = "pseudo-label", source = "{others}" }}'
    with pytest.raises(crash):
        finetune(path, root=tmp_path, overrides=[semi], progress=stopper(2), save_seconds=0)
    before = contents(RunDirectory(path))
    images_file(others, count=50, changed=0)
    said = r"begun with other unlabelled images \(finetune\.semi\.source\) than there are now"
    with pytest.raises(CheckpointError, match=said):
        finetune(path, root=tmp_path, overrides=[semi], resume=True)
    assert contents(RunDirectory(path)) == before
    images_file(others, count=50)
    finetune(path, root=tmp_path, overrides=[semi], resume=True)


def test_a_sweep_names_the_images_without_labels(tmp_path: Path, tiny: Tiny) -> None:
    others = images_file(tmp_path / "others.npz", count=50)
    path = tmp_path / "run"
    run(tiny(), path)
    semi = f'finetune.semi={{ kind = "pseudo-label", source = "{others}" }}'
    sweep_labels(path, labels=[20], draws=2, root=tmp_path, overrides=[semi], threads=1)
    named = Identity.load(RunDirectory(path).sweep("labels").identity_file).data
    assert UNLABELLED in named


def test_an_edit_of_an_unfinished_run_s_recipe_does_not_end_up_in_it(
    unfinished: RunDirectory, tiny: Tiny
) -> None:
    before = unfinished.recipe_file.read_bytes()
    unfinished.recipe_file.write_bytes(before.replace(b"lr = 0.01", b"lr = 0.02"))
    assert unfinished.recipe_file.read_bytes() != before
    with pytest.raises(CheckpointError, match=r"begun with other settings: .*lr was 0\.01"):
        run(load_recipe(unfinished.recipe_file), unfinished.path, resume=True)
    run(tiny(), unfinished.path, resume=True)
    assert RunDirectory.open(unfinished.path).recipe_file.read_bytes() == before


def test_the_run_s_own_recipe_resumes_it(unfinished: RunDirectory) -> None:
    run(load_recipe(unfinished.recipe_file), unfinished.path, resume=True)
    assert unfinished.finished


def test_other_threads_are_refused(unfinished: RunDirectory, tiny: Tiny) -> None:
    now = torch.get_num_threads()
    with pytest.raises(
        CheckpointError,
        match=rf"begun with --threads {now}, now it is {now + 1}; resume with --threads {now}",
    ):
        run(tiny(), unfinished.path, resume=True, threads=now + 1)


def test_a_run_of_another_format_is_refused(unfinished: RunDirectory, tiny: Tiny) -> None:
    value = json.loads(unfinished.identity_file.read_text())
    unfinished.identity_file.write_text(json.dumps({**value, "format": 2}))
    with pytest.raises(CheckpointError, match=r"identity.json has format version 2"):
        run(tiny(), unfinished.path, resume=True)


def test_an_unfinished_run_is_not_overwritten_unasked(unfinished: RunDirectory, tiny: Tiny) -> None:
    before = contents(unfinished)
    with pytest.raises(CheckpointError, match=r"unfinished run; add --resume to go on, or --over"):
        run(tiny(), unfinished.path)
    assert contents(unfinished) == before
    run(tiny(seed=1), unfinished.path, overwrite=True)
    assert unfinished.finished


def test_a_finished_run_has_nothing_left_to_do(
    tmp_path: Path, tiny: Tiny, stopper: Stopper
) -> None:
    done = RunDirectory(tmp_path / "run")
    first = pretrain(tiny(), out=done.path, root=tmp_path)
    before, told = contents(done), stopper(0)
    again = pretrain(tiny(), out=done.path, root=tmp_path, resume=True, progress=told)
    assert again == first
    assert told.notes == [f"{done.path} is finished; there is nothing left to do"]
    assert contents(done) == before
    with pytest.raises(CheckpointError, match="seed was the default, now it is 1"):
        pretrain(tiny(seed=1), out=done.path, root=tmp_path, resume=True)


def test_there_must_be_something_to_resume(tmp_path: Path, tiny: Tiny) -> None:
    with pytest.raises(CheckpointError, match="has nothing to resume; run without --resume"):
        run(tiny(), tmp_path / "none", resume=True)
