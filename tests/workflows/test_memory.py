"""A run that cannot fit is refused with the figures, and one that can says what it takes."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from featlearn.config.recipe import Recipe
from featlearn.errors import DataError, DeviceError
from featlearn.training.progress import Silent
from featlearn.workflows import memory
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
    assert "kB of memory at least, beside the images (weights 1.2 kB" in said
    assert "activations of 32 images" in said
    assert "the machine has 10.0 kB" in said
    assert ("greedy" in said) == (schedule == "joint")
    assert "\n" not in said
    assert not (tmp_path / "run" / "recipe.toml").exists()


def test_it_is_refused_before_images_are_looked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tiny: Tiny
) -> None:
    recipe = tiny(data={"source": "mnist", "limit": 100})
    for there, refusal in ((10_000, DeviceError), (10**9, DataError)):
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
