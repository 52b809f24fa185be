"""Times of several ways to do a thing, taken in turns."""

import functools
import statistics
import time
from collections.abc import Callable, Mapping
from typing import NamedTuple

import torch

_QUICK = 0.5  # seconds


class Timing(NamedTuple):
    """How long something took.

    Attributes:
        seconds: Median of the rounds.
        rounds: How many were taken.
    """

    seconds: float
    rounds: int


def in_turns(
    ways: Mapping[str, Callable[[], object]],
    *,
    rounds: int = 7,
    patience: float = 20.0,
    device: torch.device | None = None,
) -> dict[str, Timing]:
    """Time every way once a round, so that a slow moment of the machine is shared by all.

    Args:
        ways: What to time, by name. Each is run once before, to set things up.
        rounds: How many times.
        patience: Seconds beyond which a way is slow, and its first run is its only one.
        device: What to wait for; the processor computes while Python waits.

    Returns:
        The times by name, in the order given.
    """
    clocks = {name: functools.partial(timed, way, device) for name, way in ways.items()}
    return read_in_turns(clocks, rounds=rounds, patience=patience)


def read_in_turns(
    clocks: Mapping[str, Callable[[], float]], *, rounds: int, patience: float = 20.0
) -> dict[str, Timing]:
    """Do as `in_turns` does with what runs by itself and gives the seconds that it took.

    A quick way is run once more before it is timed, so that it finds in the caches what it left
    there, as it does in a training, and not what the way before it left.
    """
    taken = {name: [clock()] for name, clock in clocks.items()}
    for _ in range(rounds):
        for name, clock in clocks.items():
            if taken[name][-1] <= _QUICK:
                clock()
            if taken[name][0] <= patience:
                taken[name].append(clock())
    return {name: _summary(seconds) for name, seconds in taken.items()}


def timed(way: Callable[[], object], device: torch.device | None = None) -> float:
    """Run something, wait for the device, and give the seconds."""
    begun = time.perf_counter()
    way()
    if device is not None and device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter() - begun


def _summary(seconds: list[float]) -> Timing:
    """Leave the first out, which set things up, unless it is all there is."""
    counted = seconds[1:] or seconds
    return Timing(statistics.median(counted), len(counted))
