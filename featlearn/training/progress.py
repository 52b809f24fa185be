"""What a caller is told while something long runs."""

from collections.abc import Mapping
from typing import NamedTuple, Protocol


class StepReport(NamedTuple):
    """One step of training.

    Attributes:
        phase: Name of the stage in training, `joint`, or `finetune`.
        epoch: Counted from 0.
        step: Steps done in this phase, this one included.
        steps: Steps that the phase has in all.
        lr: Learning rate of the step.
        loss: Sum of the terms.
        terms: The named terms of the loss.
        held_out: Terms on held-out images, at the end of an epoch, with their
            sum under `loss`.
        ended: Whether an epoch ended with the step.
        health: Figures of the stages in training, by their name, at the end of an epoch, where
            somebody examines them.
    """

    phase: str
    epoch: int
    step: int
    steps: int
    lr: float
    loss: float
    terms: dict[str, float]
    held_out: dict[str, float] | None = None
    ended: bool = False
    health: dict[str, dict[str, float]] | None = None


class Counting(Protocol):
    """Takes how much is done of something that is counted; it may end the work by raising."""

    def __call__(self, name: str, *, done: int, of: int) -> None:
        """Take a count: what, how many are done, and how many there are."""
        ...


class Progress(Protocol):
    """Shows progress; a command draws a bar, a library call stays silent."""

    def start(self, phase: str, *, epochs: int, steps: int) -> None:
        """Begin a phase of so many epochs and steps."""
        ...

    def step(self, report: StepReport) -> None:
        """Take one step's figures."""
        ...

    def count(self, name: str, *, done: int, of: int, words: str = "") -> None:
        """Say how many of many like things are done; the first call begins the count.

        Args:
            name: What is counted, in the plural.
            done: How many are done.
            of: How many there are.
            words: What the last one came to.
        """
        ...

    def note(self, text: str) -> None:
        """Say one line."""
        ...

    def warn(self, text: str) -> None:
        """Say one line that is meant to be seen even by those who asked for quiet."""
        ...

    def stop(self) -> None:
        """End the phase or the count, whether it finished or not."""
        ...


class Silent:
    """Shows nothing."""

    def start(self, phase: str, *, epochs: int, steps: int) -> None:
        """Ignore the phase."""

    def step(self, report: StepReport) -> None:
        """Ignore the step."""

    def count(self, name: str, *, done: int, of: int, words: str = "") -> None:
        """Ignore the count."""

    def note(self, text: str) -> None:
        """Ignore the line."""

    def warn(self, text: str) -> None:
        """Treat the line as any other."""
        self.note(text)

    def stop(self) -> None:
        """Ignore the end."""


class PassedOn:
    """Passes everything on to another, phases by the titles that it gives them.

    Attributes:
        told: Told of everything.
    """

    def __init__(self, told: Progress) -> None:
        """Take who is told."""
        self.told = told

    def titled(self, phase: str) -> str:
        """Give the title of a phase: its name."""
        return phase

    def start(self, phase: str, *, epochs: int, steps: int) -> None:
        """Begin a phase."""
        self.told.start(self.titled(phase), epochs=epochs, steps=steps)

    def step(self, report: StepReport) -> None:
        """Take one step's figures."""
        self.told.step(report._replace(phase=self.titled(report.phase)))

    def count(self, name: str, *, done: int, of: int, words: str = "") -> None:
        """Pass a count on."""
        self.told.count(name, done=done, of=of, words=words)

    def note(self, text: str) -> None:
        """Pass a line on."""
        self.told.note(text)

    def warn(self, text: str) -> None:
        """Pass a warning on."""
        self.told.warn(text)

    def stop(self) -> None:
        """Pass the end on."""
        self.told.stop()


class Retitled(PassedOn):
    """Tells another of phases by titles that say more than their names."""

    def __init__(self, told: Progress, titles: Mapping[str, str]) -> None:
        """Take who is told.

        Args:
            told: Told of everything.
            titles: By the name of a phase; one that is not there keeps its name.
        """
        super().__init__(told)
        self._titles = titles

    def titled(self, phase: str) -> str:
        """Look a title up."""
        return self._titles.get(phase, phase)
