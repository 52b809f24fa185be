"""The one place where an error becomes a sentence and an exit code."""

import errno
import os
import signal
import sys
import traceback
import warnings
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import NamedTuple, TextIO

import click

from featlearn.errors import FeatlearnError, Interrupted, MissingCharacters, visible
from featlearn.files import NotCreatedError, system_error

DONE, FAILED, USAGE = 0, 1, 2


class Ending(NamedTuple):
    """How a command ends: its exit code, and what it says on standard error."""

    code: int
    text: str


def run(invoke: Callable[[], object], *, debug: bool) -> int:
    """Run a command and turn whatever it raises into words on standard error.

    Args:
        invoke: Parses the command line and runs the command; returns an exit code
            where it ends early, such as after `--help`.
        debug: Print tracebacks too.

    Returns:
        The exit code: 0 done, 1 content, 2 command line, 130 and 143 signals.
    """
    try:
        early = invoke()
        if sys.stdout is not None:  # pyright: ignore[reportUnnecessaryComparison]  # closed
            sys.stdout.flush()
    except BrokenPipeError:
        _leave_the_pipe()
        return FAILED
    except SystemExit as stop:  # a signal's handler; click's own are handled by `invoke`
        return stop.code if isinstance(stop.code, int) else FAILED
    except click.ClickException as error:
        if debug:
            traceback.print_exc()
        _show(error)
        return error.exit_code
    except BaseException as error:  # noqa: BLE001  all others, a bug and Ctrl-C included
        if debug:
            traceback.print_exc()
        ending = explain(error)
        click.echo(visible(ending.text), err=True)
        return ending.code
    return early if isinstance(early, int) else DONE


@contextmanager
def short_warnings(*, shown: bool) -> Generator[None]:
    """Say the package's own warnings on standard error as notes, each once.

    Args:
        shown: Whether they are wanted at all.
    """
    said: set[str] = set()

    def show(
        message: Warning | str,
        category: type[Warning],
        filename: str,
        lineno: int,
        file: TextIO | None = None,
        line: str | None = None,
    ) -> None:
        text = visible(str(message))
        if not issubclass(category, MissingCharacters):
            usual(message, category, filename, lineno, file, line)
        elif shown and text not in said:
            said.add(text)
            click.echo(f"Note: {text}", err=True)

    with warnings.catch_warnings():
        warnings.simplefilter("always", MissingCharacters)
        usual, warnings.showwarning = warnings.showwarning, show
        yield


def _show(error: click.ClickException) -> None:
    """Print what click says, but in one line: it breaks lists of choices into several."""
    if isinstance(error, click.exceptions.NoArgsIsHelpError):
        error.show()  # which is the help itself
        return
    sentence = visible(" ".join(error.format_message().split()))
    click.UsageError(sentence, getattr(error, "ctx", None)).show()


def explain(error: BaseException) -> Ending:
    """Say in one sentence what went wrong, and give the exit code."""
    match error:
        case Interrupted():
            return Ending(128 + error.signal_number, str(error))
        case FeatlearnError():
            return Ending(error.exit_code, f"Error: {error}")
        case click.Abort() | KeyboardInterrupt():
            return Ending(128 + signal.SIGINT, "Interrupted.")
        case OSError():
            return Ending(FAILED, f"Error: {_os_sentence(error)}")
        case MemoryError():
            return Ending(FAILED, f"Error: {_MEMORY}")
        case _:
            return _unexpected(error)


def _os_sentence(error: OSError) -> str:
    """Say what the system refused, and for which file."""
    name = error.filename2 or error.filename
    file = str(name) if name is not None else "a file"
    match error.errno:
        case errno.ENOSPC | errno.EDQUOT:
            where = f" that holds {file}" if name is not None else ""
            return f"the disk{where} is full; free some space, or write elsewhere with --out"
        case errno.EACCES | errno.EPERM:
            return f"no permission to use {file}; change its mode, or choose another place"
        case errno.EROFS:
            return f"{file} lies on a disk that can only be read; choose another place"
        case errno.EISDIR:
            return f"{file} is a folder, where a file was expected"
        case errno.ENOTDIR | errno.EEXIST:
            return f"{file} is a file, or lies under one, where a folder was expected"
        case errno.ENOENT if isinstance(error, NotCreatedError):
            return f"{file} cannot be created; choose another place"
        case errno.ENOENT:
            return f"{file} does not exist"
        case None:
            return str(error) or type(error).__name__
        case _:
            reason = error.strerror or type(error).__name__
            return f"{file}: {reason}" if name is not None else reason


def _unexpected(error: BaseException) -> Ending:
    """Recognise what libraries raise under names of their own; the rest is a bug."""
    text = str(error)
    number = system_error(error)
    if number is not None:
        return Ending(FAILED, f"Error: {_os_sentence(OSError(number, os.strerror(number)))}")
    if type(error).__name__ == "OutOfMemoryError" or any(words in text for words in _NO_ROOM):
        return Ending(FAILED, f"Error: {_MEMORY}")
    kind = type(error).__name__
    return Ending(
        FAILED,
        f"Error: something unforeseen went wrong ({kind}: {text}); "
        "run again with --debug for the traceback, and please report it",
    )


_NO_ROOM = ("can't allocate memory", "Storage size calculation overflowed")
"""What PyTorch says of memory on the CPU: that there is none, or never could be."""

_MEMORY = (
    "the memory is too small for this; use a smaller --set pretrain.batch, smaller images "
    "(--set data.size) or fewer maps"
)


def _leave_the_pipe() -> None:
    """The reader went away (`| head`): let nothing more be written, silently."""
    sink = os.open(os.devnull, os.O_WRONLY)
    os.dup2(sink, sys.stdout.fileno())
