"""Progress of long work: a bar on a terminal, plain lines elsewhere, on standard error."""

import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from featlearn.errors import visible
from featlearn.training.progress import Progress, Silent, StepReport
from featlearn.wording import count, duration, plural
from featlearn_cli.options import on_terminal

if TYPE_CHECKING:
    from rich.progress import Progress as RichProgress
    from rich.progress import TaskID

_SECONDS = 5.0
_VERBOSE_SECONDS = 1.0
_AFTER_EPOCH_SECONDS = 2.0
_WIDE = 120  # columns of a terminal from which a long bar leaves room for figures


def make_progress(verbosity: int) -> Progress:
    """Choose how progress is shown: not at all, as a bar, or as lines."""
    if verbosity < 0:
        return Quiet()
    if on_terminal():
        return Bar()
    return Lines(every=_VERBOSE_SECONDS if verbosity else _SECONDS)


class Quiet(Silent):
    """Nothing but warnings."""

    def warn(self, text: str) -> None:
        """Say one line all the same."""
        click.echo(text, err=True)


class Lines:
    """Plain lines: one every few seconds, one at the end of a long epoch, one at the last."""

    def __init__(
        self, *, every: float = _SECONDS, after_epoch: float = _AFTER_EPOCH_SECONDS
    ) -> None:
        """Nothing runs yet.

        Args:
            every: Least seconds between two lines within an epoch.
            after_epoch: Least seconds between a line and that of an epoch's end.
        """
        self.every = every
        self.after_epoch = min(after_epoch, every)
        self.held_out: list[str] = []
        self.phase = ""
        self.epochs = 0
        self.clock = Clock()
        self.last = 0.0

    def start(self, phase: str, *, epochs: int, steps: int) -> None:
        """Say what begins."""
        self.phase, self.epochs, self.held_out = phase, epochs, []
        self.clock = Clock()
        self.last = time.monotonic()
        click.echo(f"{phase}: {plural(epochs, 'epoch')}, {plural(steps, 'step')}", err=True)

    def step(self, report: StepReport) -> None:
        """Say a step's figures if the last line is old enough, or all ended.

        Held-out figures are those of the last epoch that ended.
        """
        self.clock.tick(report.step)
        self.held_out = _held_out(report) or self.held_out
        now = time.monotonic()
        wait = self.after_epoch if report.ended else self.every
        if report.step < report.steps and now - self.last < wait:
            return
        self.last = now
        terms = _terms(report.terms)
        parts = [
            f"epoch {report.epoch + 1}/{self.epochs}",
            f"step {report.step}/{report.steps}",
            f"loss {report.loss:.4g}{f' ({terms})' if terms else ''}",
            *self.held_out,
            f"rate {report.lr:.2g}",
        ]
        if self.clock.moved:
            parts.append(f"{self.clock.rate:.3g} steps/s")
            parts.append(f"{duration(self.clock.left(report.steps))} left")
        click.echo(f"{report.phase}: {', '.join(parts)}", err=True)

    def count(self, name: str, *, done: int, of: int, words: str = "") -> None:
        """Say how far it is if the last line is old enough, or all is done."""
        now = time.monotonic()
        if name != self.phase:
            self.phase, self.clock, self.last = name, Clock(done), now
            click.echo(
                f"{count(of)} {name}{f', {count(done)} of them done before' if done else ''}",
                err=True,
            )
            return
        self.clock.tick(done)
        if done < of and now - self.last < self.every:
            return
        self.last = now
        parts = [f"{count(done)}/{count(of)}", *([words] if words else [])]
        if self.clock.moved:
            parts.append(f"{duration(self.clock.left(of))} left")
        click.echo(f"{name}: {', '.join(parts)}", err=True)

    def note(self, text: str) -> None:
        """Say one line."""
        click.echo(visible(text), err=True)

    def warn(self, text: str) -> None:
        """Say one line."""
        self.note(text)

    def stop(self) -> None:
        """Say how long it took."""
        if self.phase:
            click.echo(f"{self.phase}: {duration(self.clock.seconds)}", err=True)
        self.phase = ""


class Bar:
    """A bar per phase with the loss, its terms, the learning rate and the time left."""

    def __init__(self) -> None:
        """Nothing runs yet."""
        self.bar: RichProgress | None = None
        self.task: TaskID | None = None
        self.name = ""
        self.epochs = 0
        self.held_out = ""

    def start(self, phase: str, *, epochs: int, steps: int) -> None:
        """Draw the bar of a phase."""
        self.epochs, self.held_out = epochs, ""
        self._draw(phase, done=0, of=steps)

    def step(self, report: StepReport) -> None:
        """Move the bar on and write the step's figures behind it."""
        if self.bar is None or self.task is None:
            return
        if report.held_out is not None:
            self.held_out = "".join(f" · {part}" for part in _held_out(report))
        # What a narrow terminal cuts off stands last.
        figures = (
            f"loss {report.loss:.4g}{self.held_out} · epoch {report.epoch + 1}/{self.epochs}"
            f" · rate {report.lr:.2g}"
        )
        if terms := _terms(report.terms):
            figures += f" · {terms}"
        self.bar.update(self.task, completed=report.step, total=report.steps, figures=figures)

    def count(self, name: str, *, done: int, of: int, words: str = "") -> None:
        """Move the bar on, or draw it, and write the last figures behind it."""
        if self.bar is None or name != self.name:
            self._draw(name, done=done, of=of)
        elif self.task is not None:
            self.bar.update(self.task, completed=done, figures=words)

    def note(self, text: str) -> None:
        """Say one line above the bar."""
        if self.bar is None:
            click.echo(visible(text), err=True)
        else:
            self.bar.console.print(visible(text))

    def warn(self, text: str) -> None:
        """Say one line above the bar."""
        self.note(text)

    def stop(self) -> None:
        """Leave the bar as it stands."""
        if self.bar is not None:
            self.bar.stop()
        self.bar = None

    def _draw(self, name: str, *, done: int, of: int) -> None:
        """Begin a bar."""
        from rich.console import Console
        from rich.progress import (
            BarColumn,
            MofNCompleteColumn,
            Progress,
            TextColumn,
            TimeElapsedColumn,
            TimeRemainingColumn,
        )
        from rich.table import Column

        self.stop()
        self.name = name
        console = Console(stderr=True, markup=False, highlight=False)
        # The figures get what is left of the line: else rich shortens counts and times first.
        figures = Column(ratio=1, no_wrap=True, overflow="ellipsis")
        self.bar = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=24 if console.width >= _WIDE else 8),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
            TextColumn("{task.fields[figures]}", markup=False, table_column=figures),
            console=console,
            expand=True,
        )
        self.task = self.bar.add_task(name, completed=done, total=of, figures="")
        self.bar.start()


@contextmanager
def downloads(verbosity: int) -> Generator[Callable[[str, int, int], None] | None]:
    """Show downloads: as bars on a terminal, as a line for each file elsewhere.

    Yields:
        What is called with a file's name, its bytes so far, and all its bytes;
        `None` if nothing is to be shown.
    """
    if verbosity < 0:
        yield None
        return
    if not on_terminal():
        yield _download_line
        return
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=24),
        DownloadColumn(),
        TransferSpeedColumn(),
    )
    tasks: dict[str, TaskID] = {}
    with Progress(*columns, console=Console(stderr=True, markup=False)) as bars:

        def show(name: str, done: int, size: int) -> None:
            if name not in tasks:
                tasks[name] = bars.add_task(name, total=size)
            bars.update(tasks[name], completed=done, total=size)

        yield show


def _download_line(name: str, done: int, size: int) -> None:
    """Say that a file is there."""
    if done >= size:
        click.echo(f"{name}: {plural(size, 'byte')}", err=True)


class Clock:
    """Measures how fast steps go by.

    The first report may come in the middle of a phase (a resumed run), and what was prepared
    for it may have taken long: where the start is not known, the rate counts from there.
    """

    def __init__(self, first: int | None = None) -> None:
        """Start measuring.

        Args:
            first: Steps that were done before, where that is known.
        """
        self.started = self.since = time.monotonic()
        self.first = first
        self.done = first or 0

    def tick(self, step: int) -> None:
        """Take note of a step."""
        if self.first is None:
            self.first, self.since = step, time.monotonic()
        self.done = step

    @property
    def moved(self) -> bool:
        """Whether a step has gone by, so that there is a rate."""
        return self.first is not None and self.done > self.first

    @property
    def seconds(self) -> float:
        """Seconds since the start."""
        return time.monotonic() - self.started

    @property
    def rate(self) -> float:
        """Steps per second."""
        return (self.done - (self.first or 0)) / max(time.monotonic() - self.since, 1e-9)

    def left(self, steps: int) -> float:
        """Seconds to the end at this rate."""
        return (steps - self.done) / max(self.rate, 1e-9)


def _terms(terms: dict[str, float]) -> str:
    """Write the terms of a loss, if there is more than one."""
    if len(terms) < 2:
        return ""
    return ", ".join(f"{name} {value:.4g}" for name, value in terms.items())


def _held_out(report: StepReport) -> list[str]:
    """Write the figures on held-out images, if the step has them."""
    held = report.held_out or {}
    parts = [f"held out {held['loss']:.4g}"] if "loss" in held else []
    return parts + ([f"error {held['error']:.2%}"] if "error" in held else [])
