import signal
import threading
import time

import pytest

from featlearn.baselines.waiting import interruptible
from featlearn.training.signals import Stopped, stop_signals


def test_gives_what_the_work_gives() -> None:
    assert interruptible(lambda: 3, threads=1) == 3


def test_raises_what_the_work_raises() -> None:
    with pytest.raises(ValueError, match="wrong"):
        interruptible(lambda: int("wrong"), threads=1)


def test_a_signal_ends_the_waiting_and_not_the_work() -> None:
    begun, done = threading.Event(), threading.Event()

    def work() -> None:
        begun.set()
        done.wait(20)

    threading.Thread(target=lambda: (begun.wait(20), signal.raise_signal(signal.SIGTERM))).start()
    start = time.monotonic()
    with pytest.raises(Stopped), stop_signals(at_once=True):
        interruptible(work, threads=1)
    assert time.monotonic() - start < 10
    done.set()
