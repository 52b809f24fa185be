"""Times of several ways to do a thing, taken in turns."""

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

    A quick way is run once more before it is timed, so that it finds in the caches what it left
    there, as it does in a training, and not what the way before it left.

    Args:
        ways: What to time, by name. Each is run once before, to set things up.
        rounds: How many times.
        patience: Seconds beyond which a way is slow, and its first run is its only one.
        device: What to wait for; the processor computes while Python waits.

    Returns:
        The times by name, in the order given.
    """
    taken = {name: [_timed(way, device)] for name, way in ways.items()}
    for _ in range(rounds):
        for name, way in ways.items():
            if taken[name][-1] <= _QUICK:
                _timed(way, device)
            if taken[name][0] <= patience:
                taken[name].append(_timed(way, device))
    return {name: _summary(seconds) for name, seconds in taken.items()}


def _summary(seconds: list[float]) -> Timing:
    """Leave the first out, which set things up, unless it is all there is."""
    counted = seconds[1:] or seconds
    return Timing(statistics.median(counted), len(counted))


def _timed(way: Callable[[], object], device: torch.device | None) -> float:
    begun = time.perf_counter()
    way()
    if device is not None and device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter() - begun
