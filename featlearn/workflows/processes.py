"""Work in processes of one thread each, in which bytes do not depend on how many there are."""

import functools
import os
import signal
import threading
import time
import warnings
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

import joblib
import torch

from featlearn.ops.memory import keep_freed_memory

Item = TypeVar("Item")
Found = TypeVar("Found")


def in_processes(
    work: Callable[[Item], Found], items: Sequence[Item], *, workers: int
) -> Iterator[Found]:
    """Do the same for many items, several at once, and give what comes of each in order.

    Whoever stops asking, by an exception or a signal, ends the processes; so does the end
    of this one, even by a kill.

    Args:
        work: Can be pickled, as what it gives can.
        items: What to do it for.
        workers: How many processes there are.

    Raises:
        Exception: What `work` raised first, as soon as it did.
    """
    call = joblib.delayed(_call)
    here = os.getpid()
    with joblib.parallel_config("loky", inner_max_num_threads=1), _unheard():
        at_once: Any = joblib.Parallel(n_jobs=workers, return_as="generator")
        found = at_once(call(here, work, item) for item in items)
    try:
        for each in found:  # noqa: UP028 - or it would be closed before warnings are held back
            yield each
    finally:
        with warnings.catch_warnings(action="ignore"):  # that some work is given up
            found.close()


@contextmanager
def one_thread() -> Generator[None]:
    """Compute on one thread inside."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _call(parent: int, work: Callable[[Any], Any], item: object) -> object:
    """Work in a process of its own."""
    _end_with(parent)
    keep_freed_memory()
    with one_thread():
        return work(item)


@functools.lru_cache(maxsize=1)
def _end_with(parent: int) -> None:
    """End this process when the one that asks it is gone, and on nothing else."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(0.5)
        os._exit(1)

    if os.getppid() == parent:
        threading.Thread(target=watch, daemon=True).start()


@contextmanager
def _unheard() -> Generator[None]:
    """Start processes that do not hear Ctrl-C, which a terminal sends to all of them.

    Whoever ignores a signal has children that ignore it.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        if before is not None:  # whoever set it was no Python
            signal.signal(signal.SIGINT, before)
