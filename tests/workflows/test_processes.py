"""Work in several processes: in order, on one thread, and ended with whoever asks."""

import os
import signal
import time
from pathlib import Path

import pytest
import torch

from featlearn.workflows.processes import in_processes, one_thread


def about(number: int) -> tuple[int, int, int, bool]:
    """Say what a process is like; the first numbers take longest."""
    time.sleep(0.2 / (number + 1))
    deaf = signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    return number**2, os.getpid(), torch.get_num_threads(), deaf


def sleep(seconds: float) -> None:
    time.sleep(seconds)


def fail(number: int) -> int:
    if number == 1:
        raise ValueError("one")
    return number


def running(pid: int) -> bool:
    """Say whether a process is there, and not only its remains."""
    stat = Path(f"/proc/{pid}/stat")
    return stat.exists() and stat.read_text().rpartition(")")[2].split()[0] not in "ZX"


def test_results_come_in_order_from_other_processes() -> None:
    before = signal.getsignal(signal.SIGINT)
    found = list(in_processes(about, range(5), workers=2))
    assert [square for square, *_ in found] == [0, 1, 4, 9, 16]
    assert os.getpid() not in {pid for _, pid, *_ in found}
    assert all(threads == 1 and deaf for *_, threads, deaf in found)
    assert signal.getsignal(signal.SIGINT) is before


def test_an_error_is_raised_here() -> None:
    with pytest.raises(ValueError, match="one"):
        list(in_processes(fail, range(3), workers=2))


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs Linux's /proc")
def test_who_stops_asking_ends_the_processes() -> None:
    pids = {pid for _, pid, *_ in in_processes(about, range(4), workers=2)}
    found = in_processes(sleep, [0.0, 60.0, 60.0], workers=2)
    assert next(found) is None
    begun = time.monotonic()
    del found
    while any(map(running, pids)):
        assert time.monotonic() - begun < 20
        time.sleep(0.05)


def test_the_number_of_threads_comes_back() -> None:
    torch.set_num_threads(3)
    with one_thread():
        assert torch.get_num_threads() == 1
    assert torch.get_num_threads() == 3
