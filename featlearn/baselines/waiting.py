"""Waiting for compiled code in a way that a signal can end."""

import threading
from collections.abc import Callable
from typing import TypeVar

from threadpoolctl import threadpool_limits

Result = TypeVar("Result")

_LOOK_SECONDS = 0.2


def interruptible(work: Callable[[], Result], *, threads: int) -> Result:
    """Do some work in a thread of its own, so that Ctrl-C need not wait for its end.

    Python looks at signals between its own instructions, and minutes in compiled code have
    none. Work that is interrupted goes on unseen until the process ends, and is lost.

    Args:
        work: What to do; it may raise.
        threads: How many threads it may use.
    """
    found: list[Result] = []
    raised: list[BaseException] = []

    def run() -> None:
        try:
            with threadpool_limits(threads):
                found.append(work())
        except BaseException as error:  # noqa: BLE001  it is raised again where it is waited for
            raised.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    while thread.is_alive():
        thread.join(_LOOK_SECONDS)
    if raised:
        raise raised[0]
    return found[0]
