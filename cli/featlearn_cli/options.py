"""Options that several commands share, gathered into one object."""

import functools
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import click

from featlearn.errors import visible
from featlearn_cli.params import PathParam

if TYPE_CHECKING:
    from rich.console import RenderableType

    from featlearn.training.progress import Progress
    from featlearn.workflows.run_options import (
        ComputeOptions,
        ResumeOptions,
        RunOptions,
        WorkOptions,
    )

Result = TypeVar("Result")
Command = Callable[..., None]


@dataclass(frozen=True, kw_only=True)
class Showing:
    """How a command speaks.

    Attributes:
        json: Print one JSON object on standard output, and nothing else there.
        verbosity: -1 quiet, 0 as usual, 1 verbose.
        debug: Print tracebacks.
    """

    json: bool
    verbosity: int
    debug: bool

    def show(
        self, result: Result, human: "Callable[[Result], Iterable[RenderableType]] | None" = None
    ) -> None:
        """Print a result: one JSON object, or what `human` makes of it."""
        if self.json:
            from featlearn_cli.text import as_json

            click.echo(as_json(result))
            return
        from featlearn_cli.text import generic, print_all

        print_all(generic(result) if human is None else human(result))

    def note(self, text: str) -> None:
        """Say a line on standard error, unless asked to be quiet."""
        if self.verbosity >= 0:
            click.echo(visible(text), err=True)

    def next_step(self, text: str) -> None:
        """Say what could come next, to people."""
        if not self.json:
            self.note(f"Next: {text}")

    def progress(self) -> "Progress":
        """Make what shows the progress of long work."""
        from featlearn_cli.progress import make_progress

        return make_progress(self.verbosity)


@dataclass(frozen=True, kw_only=True)
class DataOptions(Showing):
    """The same, and where the data are."""

    data_root: Path | None

    @property
    def root(self) -> Path:
        """Find the folder of the data sets."""
        from featlearn.datasets.source import find_root

        return find_root(self.data_root)


@dataclass(frozen=True, kw_only=True)
class Computing(DataOptions):
    """The same, and how to compute.

    Attributes:
        device: `auto`, `cpu` or `cuda`.
        threads: Threads of CPU operations; `None` leaves PyTorch's choice.
    """

    device: str
    threads: int | None

    def computing(self) -> "ComputeOptions":
        """Pass on to a workflow where the data are, and how to compute."""
        return {"root": self.root, "device": self.device, "threads": self.threads}

    def working(self) -> "WorkOptions":
        """Pass on to a workflow the same, and who is told of its progress."""
        return {**self.computing(), "progress": self.progress()}


@dataclass(frozen=True, kw_only=True)
class ByRecipe(Computing):
    """The same, for work that follows a recipe.

    Attributes:
        seed: Of every random draw; `None` takes the recipe's.
        sets: `key=value` texts that change the recipe.
    """

    seed: int | None
    sets: tuple[str, ...]

    @property
    def overrides(self) -> tuple[str, ...]:
        """The changes of the recipe, the seed among them."""
        return self.sets if self.seed is None else (*self.sets, f"seed={self.seed}")


@dataclass(frozen=True, kw_only=True)
class Resumable(ByRecipe):
    """The same, for work that takes long and can be stopped.

    Attributes:
        resume: Go on from what is there.
        overwrite: Replace what is there.
    """

    resume: bool
    overwrite: bool

    def __post_init__(self) -> None:
        """Refuse flags that contradict each other."""
        if self.resume and self.overwrite:
            raise click.UsageError("--resume and --overwrite contradict each other; give one")

    def resuming(self) -> "ResumeOptions":
        """Pass on to a workflow all that concerns work which can be stopped."""
        return {
            **self.working(),
            "resume": self.resume,
            "overwrite": self.overwrite,
        }


@dataclass(frozen=True, kw_only=True)
class Training(Resumable):
    """The same, for what has checkpoints.

    Attributes:
        track: Write TensorBoard's files.
        save_seconds: Time between checkpoints.
    """

    track: bool
    save_seconds: float

    def training(self) -> "RunOptions":
        """Pass on to a workflow all that concerns a training."""
        return {**self.resuming(), "save_seconds": self.save_seconds, "track": self.track}


_SHOWING = [
    click.option("--json", "json", is_flag=True, help="Print one JSON object."),
    click.option("-q", "--quiet", is_flag=True, help="Show no progress and no notes."),
    click.option("-v", "--verbose", is_flag=True, help="Show more of the progress."),
    click.option("--debug", is_flag=True, help="Print tracebacks of errors."),
]
_DATA = [
    click.option(
        "--data-root",
        type=PathParam(path_type=Path, file_okay=False),
        help="Folder of the data sets. [default: $FEATLEARN_DATA, else the user's cache]",
    ),
]
_COMPUTING = [
    click.option(
        "--device",
        type=click.Choice(["auto", "cpu", "cuda"]),
        default="auto",
        show_default=True,
        help="Where to compute.",
    ),
    click.option(
        "--threads",
        type=click.IntRange(min=1),
        help="Threads on the CPU. [default: PyTorch's choice]",
    ),
]
_SEED = [
    click.option(
        "--seed", type=click.IntRange(min=0), help="Of random draws. [default: the recipe's]"
    ),
]
_TRAINING = [
    click.option("--resume", is_flag=True, help="Go on from the last checkpoint."),
    click.option("--overwrite", is_flag=True, help="Replace what was trained there before."),
    click.option("--track", is_flag=True, help="Write TensorBoard's files (extra `track`)."),
    click.option(
        "--save-seconds",
        type=click.FloatRange(min=0),
        default=60.0,
        show_default=True,
        help="Time between two checkpoints.",
    ),
]


_RESUMING = [
    click.option("--resume", is_flag=True, help="Go on after what is done."),
    click.option("--overwrite", is_flag=True, help="Replace what was made there before."),
]


def showing_options(function: Command) -> Command:
    """Add --json, -q, -v and --debug; the command takes a `Showing` named `options`."""
    return _with_options(function, Showing, _SHOWING)


def data_options(function: Command) -> Command:
    """Add --data-root too; the command takes `DataOptions` named `options`."""
    return _with_options(function, DataOptions, _DATA + _SHOWING)


def computing_options(function: Command) -> Command:
    """Add --device and --threads too; `options` is a `Computing`."""
    return _with_options(function, Computing, _COMPUTING + _DATA + _SHOWING)


def recipe_options(change: str) -> Callable[[Command], Command]:
    """Add --seed and --set too; `options` is a `ByRecipe`.

    Args:
        change: A `key=value` that the command takes, as the example of --set.
    """
    options = [_sets(change), *_SEED, *_COMPUTING, *_DATA, *_SHOWING]
    return lambda function: _with_options(function, ByRecipe, options)


def training_options(change: str) -> Callable[[Command], Command]:
    """Add --resume, --overwrite and others too; `options` is a `Training`.

    Args:
        change: A `key=value` that the command takes, as the example of --set.
    """
    options = [_sets(change), *_SEED, *_TRAINING, *_COMPUTING, *_DATA, *_SHOWING]
    return lambda function: _with_options(function, Training, options)


def resumable_options(change: str) -> Callable[[Command], Command]:
    """Add --resume and --overwrite of what has no checkpoints; `options` is a `Resumable`.

    Args:
        change: A `key=value` that the command takes, as the example of --set.
    """
    options = [_sets(change), *_SEED, *_RESUMING, *_COMPUTING, *_DATA, *_SHOWING]
    return lambda function: _with_options(function, Resumable, options)


def _sets(change: str) -> Callable[[Command], Command]:
    """Make --set, with an example of its own."""
    return click.option(
        "--set",
        "sets",
        multiple=True,
        metavar="KEY=VALUE",
        help=f"Change the recipe, as in {change}; may be repeated.",
    )


def _with_options(
    function: Command, kind: type[Showing], options: list[Callable[[Command], Command]]
) -> Command:
    """Gather the values of `options` into one object."""
    names = [name for name in kind.__dataclass_fields__ if name != "verbosity"]

    @functools.wraps(function)
    def gathered(**given: object) -> None:
        verbosity = int(bool(given.pop("verbose"))) - int(bool(given.pop("quiet")))
        values = {name: given.pop(name) for name in names}
        if issubclass(kind, Computing):
            from featlearn.ops.memory import keep_freed_memory

            keep_freed_memory()
        function(**given, options=kind(verbosity=verbosity, **values))  # pyright: ignore[reportArgumentType]

    command: Command = gathered
    for option in reversed(options):
        command = option(command)
    return command


def example(*lines: str) -> str:
    """Write the examples at the end of a command's help, one line each."""
    head = "Example:" if len(lines) == 1 else "Examples:"
    return "\n".join(["\b", head, *(f"  {line}" for line in lines)])


def on_terminal() -> bool:
    """Say whether standard error is a terminal that can redraw a line."""
    return sys.stderr.isatty()
