"""A run that cannot fit is refused with the figures, and one that can says what it takes."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from featlearn.config.needs import PROGRAM_BYTES
from featlearn.config.recipe import Recipe
from featlearn.errors import DataError, DeviceError
from featlearn.geometry import MapShape
from featlearn.training.progress import Silent
from featlearn.workflows import memory
from featlearn.workflows.check import check
from featlearn.workflows.describe import describe
from featlearn.workflows.pretrain import pretrain

Tiny = Callable[..., Recipe]


class Notes(Silent):
    """Keeps what it is told."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def note(self, text: str) -> None:
        self.lines.append(text)


def has(monkeypatch: pytest.MonkeyPatch, count: int | None) -> None:
    monkeypatch.setattr(memory, "device_memory", lambda _device: count)


@pytest.mark.parametrize("schedule", ["greedy", "joint"])
def test_a_run_that_cannot_fit_is_refused_with_the_figures(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tiny: Tiny, schedule: str
) -> None:
    has(monkeypatch, 10_000)
    with pytest.raises(DeviceError) as caught:
        pretrain(tiny(pretrain={"schedule": schedule}), out=tmp_path / "run", device="cpu")
    said = str(caught.value)
    assert "needs" in said
    assert "MB of memory (weights 1.2 kB, gradients " in said
    assert "; batches of 32 images)" in said
    assert "the machine has 10.0 kB: take smaller stages or images" in said  # nothing else helps
    assert "\n" not in said
    assert not (tmp_path / "run" / "recipe.toml").exists()


def test_the_advice_names_what_would_be_enough(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tiny: Tiny
) -> None:
    def refusal(there: int, **table: object) -> str:
        has(monkeypatch, there)
        with pytest.raises(DeviceError) as caught:
            pretrain(tiny(**table), out=tmp_path / "run", device="cpu")
        return str(caught.value).rpartition(": take ")[2]

    joint = {"schedule": "joint", "batch": 100_000}
    said = refusal(PROGRAM_BYTES + 10**7, pretrain=joint)
    assert said == "a smaller `pretrain.batch`, or smaller stages or images"
    many = {"data": {"source": "mnist", "size": [8, 8], "fit": "resize", "limit": 60_000}}
    said = refusal(PROGRAM_BYTES + 6 * 10**6, **many)
    assert said == "fewer images, by `data.limit` or `data.crops`, or smaller stages or images"
    said = refusal(10_000, pretrain=joint)
    assert said == "smaller stages or images"


def test_a_check_and_a_description_count_as_training_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tiny: Tiny
) -> None:
    has(monkeypatch, 10_000)
    with pytest.raises(DeviceError, match=r"the machine has 10\.0 kB"):
        check(tiny(), device="cpu")
    has(monkeypatch, None)
    told = Notes()
    for table in ({}, {"update": "backward", "precision": "bfloat16", "schedule": "joint"}):
        recipe = tiny(pretrain=table)
        pretrain(recipe, out=tmp_path / "run", device="cpu", progress=told, overwrite=True)
        found = describe(recipe, MapShape(1, 8, 8)).pretraining
        assert f"({found}; " in next(line for line in reversed(told.lines) if "memory: " in line)


def test_it_is_refused_before_images_are_looked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tiny: Tiny
) -> None:
    recipe = tiny(data={"source": "mnist", "limit": 100})
    for there, refusal in ((10_000, DeviceError), (10**10, DataError)):
        has(monkeypatch, there)
        with pytest.raises(refusal):
            pretrain(recipe, out=tmp_path / "run", root=tmp_path, device="cpu")


@pytest.mark.parametrize("there", [10**9, None])
def test_what_it_takes_is_said_before_it_begins(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tiny: Tiny, there: int | None
) -> None:
    has(monkeypatch, there)
    told = Notes()
    pretrain(tiny(), out=tmp_path / "run", device="cpu", progress=told)
    first = told.lines[0]
    assert first.startswith("memory: ")
    assert all(word in first for word in ("weights", "gradients", "optimiser", "activations"))
    assert first.endswith("; the machine has 1.0 GB" if there else ")")


def test_images_whose_shape_only_they_tell_are_counted_once_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tiny: Tiny
) -> None:
    np.savez(tmp_path / "x.npz", x=np.zeros((30, 8, 8), np.float32))
    recipe = tiny(data={"source": str(tmp_path / "x.npz"), "limit": 20})
    has(monkeypatch, 10_000)
    with pytest.raises(DeviceError, match=r"the machine has 10\.0 kB"):
        pretrain(recipe, out=tmp_path / "run", device="cpu")
