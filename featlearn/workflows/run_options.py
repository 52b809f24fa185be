"""The options that workflows share, each said once, and how a function takes them."""

import functools
import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Any, ParamSpec, TypedDict, TypeVar, get_args, get_type_hints

from featlearn.training.progress import Progress

SAVE_SECONDS = 60.0
"""Time between checkpoints, unless asked otherwise."""

P = ParamSpec("P")
R = TypeVar("R")


class WorkOptions(TypedDict, total=False):
    """Where the data are, and how to compute; any may be left out.

    Attributes:
        root: Where data sets are; `$FEATLEARN_DATA` or the user's cache if absent.
        device: `auto`, `cpu` or `cuda`; `auto` if absent.
        threads: Threads of CPU operations; PyTorch's own choice if absent.
        progress: Told of every step; nobody is if absent.
    """

    root: Path | None
    device: str
    threads: int | None
    progress: Progress | None


class ResumeOptions(WorkOptions, total=False):
    """The same, and what becomes of earlier work; for all that goes on where it was stopped.

    Attributes:
        resume: Go on from the newest checkpoint that verifies, or after what is done; do not
            if absent.
        overwrite: Replace what is there; do not if absent.
    """

    resume: bool
    overwrite: bool


class RunOptions(ResumeOptions, total=False):
    """The same, and what a training keeps of its way.

    Attributes:
        save_seconds: Time between checkpoints, in seconds; `SAVE_SECONDS` if absent.
        track: Write TensorBoard's files too (needs the extra `track`); do not if absent.
    """

    save_seconds: float
    track: bool


def options_of(receiver: Callable[..., object]) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Show one by one the options that a function passes on, and refuse any other at once.

    The function's last parameter is `**how: Unpack[…]` of a `TypedDict`, which says to a type
    checker what can be given. `help` and a call learn the same here: the signature names every
    key, with its default.

    Args:
        receiver: What `how` is passed on to; it has the keys as parameters, with defaults.

    Raises:
        TypeError: From the function that it makes, if an argument is missing or unknown, as of
            any function, and before anything is done.
    """

    def decorate(function: Callable[P, R]) -> Callable[P, R]:
        *own, how = inspect.signature(function).parameters.values()
        (keys,) = get_args(how.annotation)
        known = inspect.signature(receiver).parameters
        named = [known[key] for key in get_type_hints(keys)]
        whole = inspect.Signature([*own, *named], return_annotation=_returned(function))

        @functools.wraps(function)
        def checked(*args: P.args, **given: P.kwargs) -> R:
            try:
                whole.bind(*args, **given)
            except TypeError as error:
                raise TypeError(f"{function.__name__}() {error}") from None
            return function(*args, **given)

        vars(checked)["__signature__"] = whole
        return checked

    return decorate


def _returned(function: Callable[..., object]) -> Any:
    return inspect.signature(function).return_annotation
