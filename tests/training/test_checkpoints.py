"""Checkpoints: whole or absent, verified before use, never pickled."""

import json
import os
from pathlib import Path

import pytest
import torch

from featlearn.files import sha256
from featlearn.training import checkpoints
from featlearn.training.checkpoints import Checkpoint, CheckpointStore


def checkpoint(number: int) -> Checkpoint:
    model = {"weight": torch.full((2, 3), float(number)), "count": torch.tensor(number)}
    training = {"optimizer.0.exp_avg": torch.arange(4.0) * number}
    return Checkpoint(model, training, {"step": number, "best": None})


@pytest.fixture
def store(tmp_path: Path) -> CheckpointStore:
    return CheckpointStore(tmp_path / "run" / "checkpoints")


def newest(store: CheckpointStore) -> tuple[int | None, list[str]]:
    told: list[str] = []
    found = store.newest(told.append)
    return (None if found is None else found.state["step"]), told


def names(store: CheckpointStore) -> list[str]:
    return sorted(path.name for path in store.folder.iterdir())


def test_what_is_saved_comes_back(store: CheckpointStore) -> None:
    store.save(7, checkpoint(7))
    found = store.newest(pytest.fail)
    assert found is not None
    expected = checkpoint(7)
    for then, now in ((expected.model, found.model), (expected.training, found.training)):
        assert then.keys() == now.keys()
        assert all(torch.equal(then[key], now[key]) for key in then)
        assert all(then[key].dtype == now[key].dtype for key in then)
    assert found.state == {"format": 1, **expected.state}


def test_without_any_there_is_none(store: CheckpointStore) -> None:
    assert newest(store) == (None, [])
    store.clear()


def test_the_newest_two_are_kept(store: CheckpointStore) -> None:
    for number in (1, 2, 9, 10, 11):
        store.save(number, checkpoint(number))
    assert names(store) == ["checkpoint-00000010", "checkpoint-00000011"]
    assert newest(store) == (11, [])
    store.clear()
    assert not store.folder.exists()


def test_higher_numbers_do_not_cost_the_one_just_written(store: CheckpointStore) -> None:
    for number in (7, 8):
        (store.save(number, checkpoint(number)) / "state.json").unlink()
    for number in (1, 2, 3):
        store.save(number, checkpoint(number))
        assert newest(store)[0] == number
    assert names(store)[:2] == ["checkpoint-00000002", "checkpoint-00000003"]


PARTS = ["model.safetensors", "training.safetensors", "state.json", "checksums.json"]


@pytest.mark.parametrize("part", PARTS)
@pytest.mark.parametrize("damage", ["flip", "truncate", "empty", "remove"])
def test_a_broken_one_is_named_and_the_older_one_used(
    store: CheckpointStore, part: str, damage: str
) -> None:
    store.save(1, checkpoint(1))
    path = store.save(2, checkpoint(2)) / part
    data = bytearray(path.read_bytes())
    match damage:
        case "flip":
            # In a checksum, not in its key: a key that is not known is not missed.
            data[-5] ^= 1
            path.write_bytes(data)
        case "truncate":
            path.write_bytes(data[: len(data) // 2])
        case "empty":
            path.write_bytes(b"")
        case _:
            path.unlink()
    step, told = newest(store)
    assert step == 1
    assert len(told) == 1
    assert "skipping a broken checkpoint" in told[0]
    assert "checkpoint-00000002" in told[0]
    assert part in told[0] or part == "checksums.json"


def test_every_single_flipped_byte_of_the_weights_is_noticed(store: CheckpointStore) -> None:
    path = store.save(1, checkpoint(1)) / "model.safetensors"
    data = path.read_bytes()
    for place in range(0, len(data), 7):
        path.write_bytes(data[:place] + bytes([data[place] ^ 16]) + data[place + 1 :])
        assert newest(store)[0] is None


def test_if_all_are_broken_all_are_named(store: CheckpointStore) -> None:
    for number in (1, 2):
        (store.save(number, checkpoint(number)) / "state.json").write_text("{}")
    step, told = newest(store)
    assert step is None
    assert len(told) == 2


def test_a_pickle_with_the_right_checksum_is_still_refused(store: CheckpointStore) -> None:
    folder = store.save(1, checkpoint(1))
    torch.save({"weight": torch.ones(2)}, folder / "model.safetensors")
    sums = json.loads((folder / "checksums.json").read_text())
    sums["model.safetensors"] = sha256(folder / "model.safetensors")
    (folder / "checksums.json").write_text(json.dumps(sums))
    step, told = newest(store)
    assert step is None
    assert "reads weights from safetensors only" in told[0]


@pytest.mark.parametrize("text", ["[" * 100_000, "[]"])
@pytest.mark.parametrize("name", ["checksums.json", "state.json"])
def test_json_of_another_kind_is_refused(store: CheckpointStore, name: str, text: str) -> None:
    folder = store.save(1, checkpoint(1))
    sums = json.loads((folder / "checksums.json").read_text())
    (folder / name).write_text(text)
    if name == "state.json":
        sums[name] = sha256(folder / name)
        (folder / "checksums.json").write_text(json.dumps(sums))
    step, told = newest(store)
    assert step is None
    assert f"{name} is" in told[0]


def test_another_format_version_is_refused(
    store: CheckpointStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as future:
        future.setattr(checkpoints, "FORMAT", 8)
        store.save(1, checkpoint(1))
    step, told = newest(store)
    assert step is None
    assert "has format version 8; this featlearn reads version 1" in told[0]


class PowerCut(BaseException):
    """What no code catches, as no code catches SIGKILL."""


@pytest.mark.parametrize("survived", range(9))
def test_a_crash_in_the_middle_of_a_save_leaves_the_last_one(
    store: CheckpointStore, monkeypatch: pytest.MonkeyPatch, survived: int
) -> None:
    store.save(1, checkpoint(1))
    calls, real = [0], os.fsync

    def fsync(handle: int) -> None:
        calls[0] += 1
        if calls[0] > survived:
            raise PowerCut
        real(handle)

    monkeypatch.setattr(os, "fsync", fsync)
    with pytest.raises(PowerCut):
        store.save(2, checkpoint(2))
    monkeypatch.undo()
    assert newest(store) == (1, [])
    store.save(2, checkpoint(2))
    assert newest(store) == (2, [])
    assert names(store) == ["checkpoint-00000001", "checkpoint-00000002"]


def test_a_broken_newest_is_replaced_by_the_next_save(store: CheckpointStore) -> None:
    store.save(1, checkpoint(1))
    (store.save(2, checkpoint(2)) / "state.json").unlink()
    store.save(2, checkpoint(22))
    assert newest(store) == (22, [])


def test_leftovers_of_a_crash_are_never_read(store: CheckpointStore) -> None:
    folder = store.save(1, checkpoint(1))
    folder.rename(store.folder / ".unfinished")
    assert newest(store) == (None, [])


def test_a_full_disk_is_not_mistaken_for_success(
    store: CheckpointStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.save(1, checkpoint(1))

    def full(_handle: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as small:
        small.setattr(os, "fsync", full)
        with pytest.raises(OSError, match="No space left"):
            store.save(2, checkpoint(2))
    assert newest(store) == (1, [])
