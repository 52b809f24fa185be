"""Progress that stops a training where a test wants it to."""

import signal
from collections.abc import Callable

import pytest

from featlearn.training.progress import Progress, Silent, StepReport


class Crash(BaseException):
    """What no code catches, as no code catches SIGKILL."""


class Stopper(Silent):
    """Ends a training at its n-th step: by a crash, or by the signal that asks politely."""

    def __init__(self, at: int, *, politely: bool = False) -> None:
        self.left = at
        self.politely = politely
        self.notes: list[str] = []

    def note(self, text: str) -> None:
        self.notes.append(text)

    def step(self, report: StepReport) -> None:
        self.left -= 1
        if self.left == 0 and self.politely:
            signal.raise_signal(signal.SIGTERM)
        elif self.left == 0:
            raise Crash


@pytest.fixture
def stopper() -> Callable[..., Progress]:
    """Make a progress that crashes at step `at`, or asks for a stop there."""
    return Stopper


@pytest.fixture
def crash() -> type[BaseException]:
    """Give what a crash raises."""
    return Crash
