"""What must be the same for a run to go on."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
import torch

from featlearn import __version__
from featlearn.config.recipe import Recipe
from featlearn.errors import CheckpointError
from featlearn.training.identity import Environment, Identity, differences

RUN = Path("runs/it")


def identity(settings: dict[str, Any] | None = None, **environment: Any) -> Identity:
    here = msgspec.structs.replace(Environment.here("cpu"), **environment)
    return Identity(settings or {"seed": 0}, here)


def test_here_is_this_process() -> None:
    here = Environment.here("cpu")
    assert here.featlearn == __version__
    assert here.torch == torch.__version__
    assert here.numpy == np.__version__
    assert here.threads == torch.get_num_threads()
    assert here.device == "cpu"


def test_the_same_goes_on_in_silence() -> None:
    assert identity().check(identity(), RUN) == []


def test_other_settings_are_named(tiny: Callable[..., Recipe]) -> None:
    first, second = tiny().stages
    faster = msgspec.structs.replace(second, lr=0.5)
    then = identity(msgspec.to_builtins(tiny()))
    now = identity(msgspec.to_builtins(tiny(seed=3, stages=[first, faster])))
    with pytest.raises(
        CheckpointError,
        match=r"it was begun with other settings: seed was the default, now it is 3 \(and 1 more\)",
    ):
        then.check(now, RUN)


def test_differences_name_stages_and_lengths() -> None:
    then = {"stages": [{"name": "edges", "lr": 1.0}], "augment": [1], "same": (1, 2)}
    now = {"stages": [{"name": "edges", "lr": 2.0}], "augment": [1, 2], "same": [1, 2]}
    assert differences(then, now) == [
        "augment was [1], now it is [1, 2]",
        "stages.edges.lr was 1.0, now it is 2.0",
    ]


@pytest.mark.parametrize(("what", "then", "now"), [("threads", 4, 2), ("device", "cuda", "cpu")])
def test_other_threads_or_another_device_are_refused(what: str, then: Any, now: Any) -> None:
    with pytest.raises(
        CheckpointError,
        match=rf"begun with --{what} {then}, now it is {now}; resume with --{what} {then}",
    ):
        identity(**{what: then}).check(identity(**{what: now}), RUN)


def test_other_versions_are_only_warned_of() -> None:
    other: dict[str, Any] = {"featlearn": "0.0", "torch": "1.0", "numpy": "1.9", "python": "3.4"}
    other["commit"] = "0123456789ab"
    warnings = identity(**other).check(identity(commit="ba9876543210"), RUN)
    assert len(warnings) == len(other)
    for warning, (what, version) in zip(warnings, other.items(), strict=True):
        assert f"begun with {what} {version}, this is " in warning


def test_a_commit_that_is_not_known_differs_from_none() -> None:
    known, unknown = identity(commit="0123456789ab"), identity(commit=None)
    assert known.check(unknown, RUN) == unknown.check(known, RUN) == []


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"images": 9}, "begun with 10 training images, now there are 9; put the data back"),
        ({"train": "c"}, r"begun with other train images \(data.train\) than there are now"),
        ({"test": "c"}, r"begun with other test images \(data.test\) than there are now"),
        ({"test": None}, r"begun with other test images"),
    ],
)
def test_other_images_are_named(changed: dict[str, Any], said: str) -> None:
    data: dict[str, Any] = {"images": 10, "train": "a", "test": "b"}
    then = msgspec.structs.replace(identity(), data=data)
    changes = {key: value for key, value in {**data, **changed}.items() if value is not None}
    now = msgspec.structs.replace(identity(), data=changes)
    assert then.check(msgspec.structs.replace(now, data=data), RUN) == []
    with pytest.raises(CheckpointError, match=said):
        then.check(now, RUN)


def test_the_options_decide_nothing() -> None:
    tracked = msgspec.structs.replace(identity(), options=["--track"])
    assert tracked.check(identity(), RUN) == []


def test_it_comes_back_from_its_file(tmp_path: Path) -> None:
    path = tmp_path / "identity.json"
    identity({"a": [1, {"b": None}]}).save(path)
    assert Identity.load(path) == identity({"a": [1, {"b": None}]})


@pytest.mark.parametrize(
    "text", ["", "{", "[]", '{"format": 1}', '{"settings": {}}', "\udcff", "[" * 100_000]
)
def test_a_damaged_file_is_named(tmp_path: Path, text: str) -> None:
    path = tmp_path / "identity.json"
    path.write_bytes(text.encode(errors="surrogateescape"))
    with pytest.raises(CheckpointError, match=r"identity.json is .*damaged.*--overwrite"):
        Identity.load(path)
    with pytest.raises(CheckpointError, match=r"other.json is missing or damaged"):
        Identity.load(tmp_path / "other.json")


def test_another_format_is_named(tmp_path: Path) -> None:
    path = tmp_path / "identity.json"
    path.write_text(json.dumps({"format": 9, "unheard": "of"}))
    with pytest.raises(CheckpointError, match=r"has format version 9; this featlearn reads"):
        Identity.load(path)
