"""Devices by name, and threads."""

import os
import platform
from pathlib import Path
from typing import Any

import pytest
import torch

from featlearn.datasets.limits import whole_memory
from featlearn.errors import DeviceError, UsageError
from featlearn.training.device import device_memory, pick_device, processor, use_threads


def test_auto_takes_cuda_where_there_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert pick_device("auto") == pick_device("cpu") == torch.device("cpu")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr("featlearn.training.device._prefer_repeatable", lambda: None)
    assert pick_device("auto") == torch.device("cuda")


def test_cuda_without_cuda_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(DeviceError, match=r"the device cuda.*no CUDA device here; ask for cpu"):
        pick_device("cuda")


def test_cuda_is_made_repeatable_and_the_cpu_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.backends.cudnn, "benchmark", True)
    monkeypatch.setattr(torch.backends.cudnn, "deterministic", False)
    monkeypatch.setenv("CUBLAS_WORKSPACE_CONFIG", ":16:8")
    try:
        pick_device("cpu")
        assert torch.backends.cudnn.benchmark
        assert not torch.are_deterministic_algorithms_enabled()
        pick_device("cuda")
        assert not torch.backends.cudnn.benchmark
        assert torch.backends.cudnn.deterministic
        assert torch.are_deterministic_algorithms_enabled()
        assert torch.is_deterministic_algorithms_warn_only_enabled()
        assert os.environ["CUBLAS_WORKSPACE_CONFIG"] == ":16:8"  # the user's own choice
    finally:
        torch.use_deterministic_algorithms(False)


def test_what_is_no_device_is_refused() -> None:
    with pytest.raises(DeviceError, match="'toaster' is no device; use auto, cpu or cuda"):
        pick_device("toaster")
    unnamed: Any = None
    with pytest.raises(DeviceError, match="None is no device; use auto, cpu or cuda"):
        pick_device(unnamed)


def test_threads_are_set_and_told() -> None:
    assert use_threads(2) == torch.get_num_threads() == 2
    assert use_threads(None) == 2


@pytest.mark.parametrize("count", [0, -1, 1025, 10**30])
def test_threads_beyond_reason_are_refused(count: int) -> None:
    before = torch.get_num_threads()
    with pytest.raises(UsageError, match=r"^--threads must be between 1 and 1024; got "):
        use_threads(count)
    assert torch.get_num_threads() == before


def test_memory_is_the_machine_s_or_the_card_s(monkeypatch: pytest.MonkeyPatch) -> None:
    class Properties:
        total_memory = 80 * 10**9

    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda _device: Properties())
    assert device_memory(torch.device("cuda")) == 80 * 10**9
    assert device_memory(torch.device("cpu")) == whole_memory()


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("processor\t: 0\nmodel name\t: Quick (R) CPU @ 2.10GHz\nmodel name\t: Other\n", "Quick"),
        ("processor\t: 0\nmodel name\t:\n", None),
        ("Features\t: fp asimd\n", None),
        (None, None),
    ],
)
def test_the_processor_has_its_model_s_name_or_its_kind_s(
    monkeypatch: pytest.MonkeyPatch, text: str | None, name: str | None
) -> None:
    def read(path: Path, **_: str) -> str:
        if text is None:
            raise FileNotFoundError(str(path))
        return text

    monkeypatch.setattr(Path, "read_text", read)
    kind = platform.processor() or platform.machine()
    assert processor() == (kind if name is None else "Quick (R) CPU @ 2.10GHz")
