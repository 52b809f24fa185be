"""The command that a stopped training prints goes on as it did."""

import json
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from click.testing import CliRunner

from featlearn.config.recipe import Recipe
from featlearn.errors import CheckpointError, Interrupted
from featlearn.training.rundir import RunDirectory
from featlearn.workflows.finetune import finetune
from featlearn.workflows.pretrain import pretrain
from featlearn.workflows.running import Training, option_words
from featlearn_cli.main import group

Tiny = Callable[..., Recipe]
Stopper = Callable[..., Any]


def words_of(message: str) -> list[str]:
    return shlex.split(message.split("Go on with: ")[1])


def typed(words: list[str]) -> None:
    assert words[0] == "featlearn"
    result = CliRunner().invoke(group, [*words[1:], "-q"])
    assert result.exit_code == 0, result.output


def test_only_what_was_said_is_repeated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FEATLEARN_DATA", str(tmp_path))
    assert option_words(root=tmp_path, device="auto", threads=None) == []
    assert option_words(root=None, device="auto", threads=None) == []
    assert option_words(root=tmp_path / "a b", device="cpu", threads=3) == [
        *("--device", "cpu", "--threads", "3", "--data-root", str(tmp_path / "a b")),
    ]


def test_a_training_repeats_its_own_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("tensorboard")
    monkeypatch.setenv("FEATLEARN_DATA", str(tmp_path))
    assert Training.prepare(root=tmp_path, save_seconds=60.0).words == []
    asked = Training.prepare(device="cpu", save_seconds=0.5, track=True)
    assert asked.words == ["--device", "cpu", "--save-seconds", "0.5", "--track"]


def test_it_works_as_printed(tmp_path: Path, tiny: Tiny, stopper: Stopper) -> None:
    run = RunDirectory(tmp_path / "my run's")
    torch.set_num_threads(torch.get_num_threads() + 1)
    options: dict[str, Any] = {
        "root": tmp_path / "my data",
        "threads": torch.get_num_threads(),
        "device": "cpu",
        "save_seconds": 0.25,
    }
    with pytest.raises(Interrupted) as caught:
        pretrain(tiny(), out=run.path, progress=stopper(3, politely=True), **options)
    words = words_of(str(caught.value))
    for said in ("--threads", "--device", "--data-root", "--save-seconds"):
        assert said in words
    with pytest.raises(CheckpointError, match="is not finished; go on with") as hinted:
        RunDirectory.open(run.path)
    assert shlex.split(str(hinted.value).split("`")[1]) == words
    torch.set_num_threads(1)  # a new process has its own number
    typed(words)
    assert run.finished

    with pytest.raises(Interrupted) as caught:
        finetune(
            run.path,
            labels=50,
            freeze=1,
            overrides=["finetune.head.hidden=[4]"],
            progress=stopper(2, politely=True),
            **options,
        )
    words = words_of(str(caught.value))
    torch.set_num_threads(1)
    typed(words)
    result = json.loads(run.head("default").results_file.read_text())
    assert (result["labels"], result["freeze"]) == (50, 1)
