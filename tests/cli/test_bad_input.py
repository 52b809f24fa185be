"""Bad input through the commands: an exit code, one sentence, and nothing half written."""

import contextlib
import json
import os
import pickle
import subprocess
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from click.testing import Result

from featlearn.networks.store import load_tensors, save_tensors
from featlearn.training.driver import Driver
from featlearn.workflows.pretrain import pretrain

Run = Callable[..., Result]


def refused(result: Result, *said: str) -> None:
    """The command ends with 1, and standard error holds one sentence that says what was wrong."""
    assert result.exit_code == 1, result.output
    assert result.stdout == ""
    (line,) = [line for line in result.stderr.splitlines() if line.strip()]
    for part in said:
        assert part in line
    assert "Traceback" not in result.output


def learned(run: Run, recipe: Path, out: str = "run") -> Path:
    result = run("pretrain", recipe, "--out", out, "-q", "--json")
    assert result.exit_code == 0, result.output
    return Path(out)


def contents(path: Path) -> dict[str, bytes]:
    return {str(p.relative_to(path)): p.read_bytes() for p in path.rglob("*") if p.is_file()}


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device here")
def test_cuda_where_there_is_none(run: Run, tiny: Path) -> None:
    refused(run("pretrain", tiny, "--out", "x", "-q", "--device", "cuda"), "ask for cpu")
    assert not Path("x").exists()
    learned(run, tiny)
    for words in (["visualize", "run", "--out", "x"], ["report", "run", "--out", "x"]):
        refused(run(*words, "--device", "cuda"), "ask for cpu")
        assert not Path("x").exists()


def lie(path: Path, **changes: Any) -> None:
    tensors, metadata = load_tensors(path)
    save_tensors(path, tensors, {**metadata, **changes})


@pytest.mark.parametrize("command", ["finetune", "encode", "visualize", "report"])
@pytest.mark.parametrize("how", ["pickle", "format", "truncated", "maps"])
def test_a_model_that_is_none(run: Run, tiny: Path, command: str, how: str) -> None:
    model = learned(run, tiny) / "model.safetensors"
    match how:
        case "pickle":
            model.write_bytes(pickle.dumps({"weight": [1.0]}))
            said = "reads weights from safetensors only"
        case "format":
            lie(model, format=7)
            said = "format version 7"
        case "truncated":
            model.write_bytes(model.read_bytes()[:-5])
            said = "not a readable safetensors file"
        case _:
            recipe = load_tensors(model)[1]["recipe"]
            recipe["stages"][0]["filter"]["maps"] = 10**9
            lie(model, recipe=recipe)
            said = "does not fit its recipe"
    before = contents(Path("run"))
    words: list[str] = {
        "finetune": ["finetune", "run"],
        "encode": ["encode", "run", "digits", "--out", "x.npy"],
        "visualize": ["visualize", "run", "--out", "x"],
        "report": ["report", "run"],
    }[command]
    refused(run(*words, "-q"), "model.safetensors", said)
    assert contents(Path("run")) == before
    assert not list(Path("x.npy").parent.glob("x*"))


def test_a_broken_checkpoint_is_named_and_the_older_one_used(
    run: Run, tiny: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    learned(run, tiny, "whole")
    with monkeypatch.context() as cut:

        def crash(driver: Driver, *_: object) -> None:
            if driver.standing.saves == 2:
                raise KeyboardInterrupt

        cut.setattr(Driver, "_stop_if_asked", crash)
        assert run("pretrain", tiny, "--out", "cut", "--save-seconds", "0").exit_code == 130
    newest = max(Path("cut", "checkpoints").iterdir()) / "model.safetensors"
    newest.write_bytes(newest.read_bytes()[:-1])
    result = run("pretrain", "cut/recipe.toml", "--out", "cut", "--resume")
    assert result.exit_code == 0, result.output
    told = " ".join(result.stderr.split())
    assert "skipping a broken checkpoint" in told
    assert str(newest) in told.replace(" ", "") or newest.parent.name in told
    models = [Path(name, "model.safetensors").read_bytes() for name in ("whole", "cut")]
    assert models[0] == models[1]


def array(path: str, images: Any, labels: Any = None) -> str:
    extra = {} if labels is None else {"labels": labels}
    np.savez(path, images=np.asarray(images, np.float32), **extra)
    return path


def on(source: str) -> tuple[str, ...]:
    return ("--set", f"data.source={source}", "--set", "data.limit=40", "-q")


def test_images_that_are_all_constant_are_refused(run: Run, tiny: Path) -> None:
    source = array("same.npz", np.full((50, 1, 8, 8), 0.5))
    refused(run("pretrain", tiny, "--out", "run", *on(source)), "are constant")
    assert not Path("run").exists()


def test_some_constant_images_are_learned_without_a_nan(run: Run, tiny: Path) -> None:
    images = np.full((50, 1, 8, 8), 0.5)
    images[::2] = np.random.default_rng(0).random((25, 1, 8, 8))
    source = array("some.npz", images)
    result = run("pretrain", tiny, "--out", "run", *on(source), "--json")
    assert result.exit_code == 0, result.output
    assert all(np.isfinite(phase["loss"]) for phase in json.loads(result.stdout)["phases"])


def test_images_with_a_nan_are_refused(run: Run, tiny: Path) -> None:
    images = np.zeros((50, 1, 8, 8))
    images[7, 0, 3, 3] = np.nan
    source = array("nan.npz", images)
    refused(run("pretrain", tiny, "--out", "run", *on(source)), "nan.npz")
    assert not Path("run").exists()


def test_one_class_is_no_classification(run: Run, tiny: Path) -> None:
    images = np.random.default_rng(0).random((50, 1, 8, 8))
    source = array("one.npz", images, np.zeros(50, np.int64))
    assert run("pretrain", tiny, "--out", "run", *on(source)).exit_code == 0
    refused(run("finetune", "run", "-q"), "one.npz", "one class")
    assert not Path("run", "heads").exists()


@pytest.fixture
def small_disk(empty_folder: Path) -> Generator[Path]:
    """Mount a file system of a megabyte, where that is allowed."""
    folder = empty_folder / "disk"
    folder.mkdir()
    if os.geteuid() != 0:
        pytest.skip("needs root, to mount a small file system")
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(folder)]
    if subprocess.run(mount, check=False, capture_output=True).returncode != 0:
        pytest.skip("needs the right to mount a small file system")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def fill(disk: Path, *, leave: int) -> None:
    """Take the disk's room, but for `leave` bytes."""
    filler = disk / "filler"
    free = os.statvfs(disk).f_bavail * os.statvfs(disk).f_frsize
    with contextlib.suppress(OSError):
        filler.write_bytes(bytes(max(free - leave, 0)))


@pytest.mark.parametrize("command", ["pretrain", "finetune", "encode", "report"])
def test_a_full_disk(run: Run, tiny: Path, small_disk: Path, command: str) -> None:
    path = small_disk / "run"
    words: list[str | Path] = ["pretrain", tiny, "--out", path]
    if command != "pretrain":
        learned(run, tiny, str(path))
        words = {
            "finetune": ["finetune", path, "--labels", "50"],
            "encode": ["encode", path, "digits", "--out", small_disk / "x.npy"],
            "report": ["report", path],
        }[command]
    before = contents(path) if path.exists() else {}
    fill(small_disk, leave=8192)
    refused(run(*words, "-q"), f"the disk that holds {small_disk}/", " is full")
    (small_disk / "filler").unlink()
    after = contents(path)
    assert {name: after[name] for name in before} == before
    assert not list(small_disk.glob("x*"))
    again = ["--resume"] if command in {"pretrain", "finetune"} else []
    result = run(*words, *again, "-q")
    assert result.exit_code == 0, result.output


def test_pretraining_through_the_library_is_the_same_as_by_the_command(
    run: Run, tiny: Path
) -> None:
    from featlearn.config.load import load_recipe

    learned(run, tiny)
    pretrain(load_recipe(tiny), out="library")
    models = [Path(name, "model.safetensors").read_bytes() for name in ("run", "library")]
    assert models[0] == models[1]
