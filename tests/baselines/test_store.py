from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from featlearn.baselines.adaboost import Boosting, Plan
from featlearn.baselines.features import HaarLike
from featlearn.baselines.store import Saved, load_boosting, save_boosting
from featlearn.baselines.task import Kept
from featlearn.errors import CheckpointError


@pytest.fixture
def saved() -> Saved:
    images = np.random.default_rng(0).integers(256, size=(20, 1, 6, 6)).astype(np.uint8)
    plan = Plan(factors=2, images=20, features=10, tried=10, period=3)
    boosting = Boosting(HaarLike.of(images), np.arange(20) % 3, classes=3, plan=plan, seed=0)
    boosting.advance()
    return Saved.of(boosting, 1.5)


def test_what_is_saved_is_read(tmp_path: Path, saved: Saved) -> None:
    kept = Kept(tmp_path / "rounds.safetensors", "digits, seed 0")
    save_boosting(kept, saved)
    read = load_boosting(kept)
    assert read is not None
    assert read.rounds == saved.rounds
    assert torch.equal(read.margins, saved.margins)
    assert (read.ended, read.seconds) == (False, 1.5)


def test_rounds_of_something_else_are_left_aside(tmp_path: Path, saved: Saved) -> None:
    file = tmp_path / "rounds.safetensors"
    save_boosting(Kept(file, "seed 0"), saved)
    assert load_boosting(Kept(file, "seed 1")) is None


def test_nothing_is_read_where_nothing_was_saved(tmp_path: Path, saved: Saved) -> None:
    assert load_boosting(Kept(tmp_path / "none", "")) is None
    assert load_boosting(Kept(None, "")) is None
    save_boosting(Kept(None, ""), saved)


@pytest.mark.parametrize("damage", [lambda data: data[:-3], lambda _: b"", lambda _: b"{" * 99])
def test_a_damaged_file_is_named(
    tmp_path: Path, saved: Saved, damage: Callable[[bytes], bytes]
) -> None:
    file = tmp_path / "rounds.safetensors"
    kept = Kept(file, "seed 0")
    save_boosting(kept, saved)
    file.write_bytes(damage(file.read_bytes()))
    with pytest.raises(CheckpointError, match=r"rounds\.safetensors is damaged; remove it"):
        load_boosting(kept)


def test_a_file_of_other_arrays_is_named(tmp_path: Path) -> None:
    from safetensors.numpy import save_file

    file = tmp_path / "rounds.safetensors"
    save_file({"weights": np.zeros(3)}, file)
    with pytest.raises(CheckpointError, match="damaged"):
        load_boosting(Kept(file, ""))
