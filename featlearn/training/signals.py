"""Stopping politely: a signal is noted, and acted upon between two steps."""

import signal
import threading
from collections.abc import Generator
from contextlib import contextmanager
from types import FrameType


class Stopped(BaseException):
    """A stop that was asked for, raised amid whatever ran; no code catches it by mistake."""

    def __init__(self, signal_number: int) -> None:
        """Keep the signal."""
        super().__init__(signal_number)
        self.signal_number = signal_number


class StopRequest:
    """Whether, and by which signal, a stop was asked for."""

    def __init__(self) -> None:
        """Nothing was asked for yet."""
        self.signal_number: int | None = None

    def __bool__(self) -> bool:
        """Tell whether to stop."""
        return self.signal_number is not None


@contextmanager
def stop_signals(*, at_once: bool = False) -> Generator[StopRequest]:
    """Note SIGINT and SIGTERM instead of dying of them; the second one kills.

    Outside the main thread, where handlers cannot be set, nothing is noted.

    Args:
        at_once: Raise `Stopped` too, where nobody asks for long and nothing is lost.
    """
    request = StopRequest()
    if threading.current_thread() is not threading.main_thread():
        yield request
        return

    def note(number: int, _frame: FrameType | None) -> None:
        if request:
            restore()
            signal.raise_signal(number)
        request.signal_number = number
        if at_once:
            raise Stopped(number)

    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}

    def restore() -> None:
        for number, handler in before.items():
            signal.signal(number, handler)

    for number in before:
        signal.signal(number, note)
    try:
        yield request
    finally:
        restore()
