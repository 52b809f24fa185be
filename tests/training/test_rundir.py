"""The run directory: what is a run, what may be replaced, what is removed."""

import os
import re
import shlex
from pathlib import Path

import pytest

from featlearn.errors import CheckpointError, UsageError
from featlearn.training.identity import Environment, Identity
from featlearn.training.rundir import HeadFolder, RunDirectory

BEGUN = Identity({"seed": 0}, Environment.here("cpu"))


def begin(path: Path, *, finished: bool = False) -> RunDirectory:
    run = RunDirectory(path)
    run.begin('title = "x"\n', BEGUN, resume=False)
    if finished:
        run.model_file.write_bytes(b"weights")
        run.results_file.write_text("{}")
    return run


def contents(path: Path) -> list[str]:
    return sorted(str(found.relative_to(path)) for found in path.rglob("*") if found.is_file())


def test_a_run_that_is_begun_says_what_it_was_begun_with(tmp_path: Path) -> None:
    run = begin(tmp_path / "a" / "run")
    assert contents(run.path) == ["identity.json", "metrics.jsonl", "recipe.toml"]
    assert Identity.load(run.identity_file) == BEGUN
    assert run.started
    assert not run.finished
    assert begin(tmp_path / "b", finished=True).finished


def test_new_and_empty_folders_may_be_used(tmp_path: Path) -> None:
    RunDirectory(tmp_path / "new").check(resume=False, overwrite=False)
    (tmp_path / "empty").mkdir()
    RunDirectory(tmp_path / "empty").check(resume=False, overwrite=True)
    # Checking makes nothing yet.
    assert [path.name for path in tmp_path.iterdir()] == ["empty"]
    assert contents(tmp_path / "empty") == []


def test_there_must_be_something_to_resume(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="has nothing to resume; run without --resume"):
        RunDirectory(tmp_path / "new").check(resume=True, overwrite=False)


@pytest.mark.parametrize(
    ("finished", "message"),
    [
        (True, "holds a finished run; add --overwrite to replace it"),
        (False, "holds an unfinished run; add --resume to go on, or --overwrite to replace it"),
    ],
)
def test_a_run_is_not_replaced_unasked(tmp_path: Path, finished: bool, message: str) -> None:
    run = begin(tmp_path, finished=finished)
    with pytest.raises(CheckpointError, match=re.escape(message)):
        run.check(resume=False, overwrite=False)
    run.check(resume=True, overwrite=False)
    run.check(resume=False, overwrite=True)


@pytest.mark.parametrize("name", ["recipe.toml", "notes.txt", "metrics.jsonl", "model.safetensors"])
@pytest.mark.parametrize("overwrite", [False, True])
def test_folders_of_others_are_left_alone(tmp_path: Path, name: str, overwrite: bool) -> None:
    (tmp_path / name).write_text("mine")
    with pytest.raises(CheckpointError, match="holds other files; name a new or an empty folder"):
        RunDirectory(tmp_path).check(resume=False, overwrite=overwrite)


def test_another_tool_s_identity_makes_no_run(tmp_path: Path) -> None:
    (tmp_path / "identity.json").write_text('{"name": "somebody"}')
    with pytest.raises(CheckpointError, match="holds other files"):
        RunDirectory(tmp_path).check(resume=False, overwrite=True)


def test_a_file_is_no_folder(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(CheckpointError, match="file is a file; name a folder"):
        RunDirectory(tmp_path / "file").check(resume=False, overwrite=False)


def test_overwriting_removes_what_commands_wrote_and_nothing_else(tmp_path: Path) -> None:
    run = begin(tmp_path, finished=True)
    for own in (
        "heads/default/model.safetensors",
        "report/index.html",
        "checkpoints/x/state.json",
        "events/e",
        "README.md",
    ):
        (tmp_path / own).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / own).touch()
    for users in ("notes.txt", "pictures/cat.png", ".hidden"):
        (tmp_path / users).parent.mkdir(exist_ok=True)
        (tmp_path / users).write_text("mine")
    run.begin('title = "y"\n', BEGUN, resume=False)
    assert contents(tmp_path) == [
        ".hidden",
        "identity.json",
        "metrics.jsonl",
        "notes.txt",
        "pictures/cat.png",
        "recipe.toml",
    ]
    assert run.recipe_file.read_text() == 'title = "y"\n'


class Killed(BaseException):
    """What no code catches, as no code catches SIGKILL."""


def killed_at(moment: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """End the process, as it were, before its n-th change of the disk."""
    left = [moment]

    def watch(owner: object, name: str) -> None:
        real = getattr(owner, name)

        def change(*given: object, **named: object) -> object:
            left[0] -= 1
            if left[0] == 0:
                raise Killed
            return real(*given, **named)

        monkeypatch.setattr(owner, name, change)

    for name in ("unlink", "rename", "replace", "touch"):
        watch(Path, name)
    watch(os, "rmdir")
    watch(os, "unlink")


@pytest.mark.parametrize("finished", [True, False])
def test_a_crash_at_any_moment_of_overwriting_leaves_one_run_or_the_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, finished: bool
) -> None:
    new = Identity({"seed": 1}, BEGUN.environment)
    moment, over = 0, False
    while not over:
        moment += 1
        run = begin(tmp_path / str(moment), finished=finished)
        owned = ["heads/default/results.json", "heads/default/model.safetensors", "README.md"]
        for own in [*owned, "report/index.html", "checkpoints/checkpoint-1/state.json"]:
            (run.path / own).parent.mkdir(parents=True, exist_ok=True)
            (run.path / own).write_text("old")
        before = contents(run.path)
        with monkeypatch.context() as killing:
            killed_at(moment, killing)
            try:
                run.begin('title = "y"\n', new, resume=False)
                over = True
            except Killed:
                pass
        left = {name for name in contents(run.path) if not name.startswith(".")}
        assert run.started
        if Identity.load(run.identity_file) == BEGUN:
            assert left <= {*before}
            assert "y" not in (run.recipe_file.read_text() if run.recipe_file.exists() else "x")
            # It is finished with all it had, or not finished; heads are whole, or gone.
            assert not run.finished or left == {*before}
            assert not run.heads() or {*owned[:2]} <= left
        else:
            assert left <= {"identity.json", "recipe.toml", "metrics.jsonl"}
            assert not run.finished
        # Either goes on, or is replaced in full.
        run.check(resume=True, overwrite=False)
        run.check(resume=False, overwrite=True)
        run.begin('title = "y"\n', new, resume=False)
        assert contents(run.path) == ["identity.json", "metrics.jsonl", "recipe.toml"]
        assert [path for path in run.path.iterdir() if path.is_dir()] == []
        assert run.recipe_file.read_text() == 'title = "y"\n'
    assert moment > 12


def test_a_linked_folder_is_unlinked_and_not_emptied(tmp_path: Path) -> None:
    run, elsewhere = begin(tmp_path / "run"), tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "precious").touch()
    run.checkpoints.symlink_to(elsewhere)
    run.begin("", BEGUN, resume=False)
    assert (elsewhere / "precious").exists()
    assert not run.checkpoints.exists()


def test_resuming_keeps_everything_but_what_was_half_written(tmp_path: Path) -> None:
    run = begin(tmp_path)
    run.metrics_file.write_text("line\n")
    (tmp_path / ".model.safetensors.k3j2.tmp.safetensors").touch()
    (tmp_path / ".users.tmp").touch()
    run.recipe_file.write_text("edited")
    run.begin('title = "x"\n', BEGUN, resume=True)
    assert contents(tmp_path) == [".users.tmp", "identity.json", "metrics.jsonl", "recipe.toml"]
    assert run.metrics_file.read_text() == "line\n"
    assert run.recipe_file.read_text() == 'title = "x"\n'


@pytest.mark.parametrize("kept", [["identity.json"], ["identity.json", "recipe.toml"]])
def test_a_crash_while_a_run_is_begun_leaves_a_run(tmp_path: Path, kept: list[str]) -> None:
    run = begin(tmp_path)
    for path in tmp_path.iterdir():
        if path.name not in kept:
            path.unlink()
    run.check(resume=True, overwrite=False)
    run.begin('title = "x"\n', BEGUN, resume=True)
    assert contents(tmp_path) == ["identity.json", "metrics.jsonl", "recipe.toml"]


def test_a_crash_before_the_first_file_leaves_an_empty_folder(tmp_path: Path) -> None:
    (tmp_path / ".identity.json.8k2.tmp.json").write_text('{"for')
    run = RunDirectory(tmp_path)
    run.check(resume=False, overwrite=False)
    run.begin("", BEGUN, resume=False)
    assert contents(tmp_path) == ["identity.json", "metrics.jsonl", "recipe.toml"]


def test_only_finished_runs_are_opened(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="does not exist; name a run, made by"):
        RunDirectory.open(tmp_path / "none")
    with pytest.raises(CheckpointError, match="is not a run"):
        RunDirectory.open(tmp_path)
    run = begin(tmp_path / "run")
    with pytest.raises(CheckpointError, match=r"is not finished; go on with .*--resume"):
        RunDirectory.open(run.path)
    run.results_file.write_text("{}")
    assert RunDirectory.open(run.path).path == run.path


def test_the_command_that_goes_on_works_as_printed(tmp_path: Path) -> None:
    run = RunDirectory(tmp_path / "my runs")
    options = ["--threads", "2", "--data-root", "/data sets", "--track"]
    begun = Identity({"seed": 0}, BEGUN.environment, options=options)
    run.begin('title = "x"\n', begun, resume=False)
    with pytest.raises(CheckpointError, match="is not finished; go on with `featlearn") as caught:
        RunDirectory.open(run.path)
    command = str(caught.value).split("`")[1]
    recipe, out = str(run.recipe_file), str(run.path)
    assert shlex.split(command) == [
        *("featlearn", "pretrain", recipe, "--out", out, "--resume", *options)
    ]


def test_heads_are_found_by_name(tmp_path: Path) -> None:
    run = begin(tmp_path, finished=True)
    with pytest.raises(UsageError, match="has no trained head; make one with `featlearn finetune"):
        run.open_head(None)
    for name in ("b", "a"):
        run.head(name).begin("", BEGUN, resume=False)
        run.head(name).results_file.write_text("{}")
    run.head("unfinished").begin("", BEGUN, resume=False)
    (tmp_path / "heads" / ".hidden").mkdir()
    assert run.heads() == ["a", "b"]
    assert isinstance(run.open_head("b")[1], HeadFolder)
    with pytest.raises(UsageError, match="several heads; name one with --head: a, b"):
        run.open_head(None)
    with pytest.raises(UsageError, match="has no head 'c'; it has a, b"):
        run.open_head("c")


@pytest.mark.parametrize("name", ["", "..", "a/b", "../../up", "a b", "-x", "x" * 65, "ä", "a\n"])
def test_a_head_s_name_is_the_name_of_one_folder(tmp_path: Path, name: str) -> None:
    with pytest.raises(UsageError, match="cannot name a head; use letters, digits"):
        RunDirectory(tmp_path).head(name)


def test_sweeps_are_listed_when_they_are_finished(tmp_path: Path) -> None:
    run = begin(tmp_path / "run", finished=True)
    folder = run.sweep("labels")
    folder.begin('title = "x"\n', BEGUN, resume=False)
    assert contents(folder.path) == ["identity.json", "recipe.toml", "trials.jsonl"]
    assert folder.started
    assert folder.run == run.path
    assert run.sweeps() == []
    folder.results_file.write_text("{}")
    assert run.sweeps() == ["labels"]
    assert run.heads() == []
    (run.path / "sweeps" / "my notes").mkdir()
    assert run.sweeps() == ["labels"]
    with pytest.raises(UsageError, match=r"'a b' cannot name a sweep"):
        run.sweep("a b")
