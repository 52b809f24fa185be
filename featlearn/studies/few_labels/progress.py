"""Progress over several sets, and the time that each took, kept through stops."""

import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from featlearn.errors import CheckpointError
from featlearn.files import BAD_JSON, write_json
from featlearn.training.progress import PassedOn, Progress


class OneSet(PassedOn):
    """Progress of one set: phases bear its name, and things counted go on through all sets."""

    def __init__(
        self,
        told: Progress,
        name: str,
        *,
        before: int = 0,
        of: int | None = None,
        counted: Callable[[], None] = lambda: None,
    ) -> None:
        """Take what is told of all sets.

        Args:
            told: What shows it.
            name: Of the set.
            before: How many things the sets before it count.
            of: How many all sets count; as many as this one if absent.
            counted: Called at each count.
        """
        super().__init__(told)
        self.name, self.before, self.of = name, before, of
        self.counted = counted

    def titled(self, phase: str) -> str:
        """Put the name of the set first."""
        return f"{self.name}, {phase}"

    def count(self, name: str, *, done: int, of: int, words: str = "") -> None:
        """Count on from the sets before; `of` is what this one counts."""
        said = self.titled(words) if words else ""
        self.told.count(name, done=self.before + done, of=self.of or of, words=said)
        self.counted()


class Spent(msgspec.Struct, frozen=True, kw_only=True):
    """What the trials of a set cost.

    Attributes:
        seconds: Time, over all calls that made some.
        machine: The processor, at the last of them.
        threads: Threads, which are trials made at once; at the last of them.
    """

    seconds: float
    machine: str
    threads: int


class Times:
    """What was spent on each set, in a file, so that a study that goes on counts on."""

    def __init__(self, file: Path, *, machine: str, threads: int) -> None:
        """Read what was spent before.

        Args:
            file: Where it is kept.
            machine: The processor now.
            threads: Threads now.

        Raises:
            CheckpointError: If the file is damaged.
        """
        self.file, self.machine, self.threads = file, machine, threads
        self.known: dict[str, Spent] = {}
        if file.exists():
            try:
                self.known = msgspec.json.decode(file.read_bytes(), type=dict[str, Spent])
            except BAD_JSON as error:
                raise CheckpointError(
                    f"{file} is damaged ({error}); remove it, and times count from now on"
                ) from None

    @contextmanager
    def counting(self, name: str) -> Generator[Callable[[], None]]:
        """Measure inside what a set takes.

        Yields:
            What is called when some of it is done, so that not even a kill loses its time;
            where it is never called, nothing was done and no time is added.
        """
        known = self.known.get(name)
        before = 0.0 if known is None else known.seconds
        begun, called = time.monotonic(), False

        def done() -> None:
            nonlocal called
            called = True
            seconds = round(before + time.monotonic() - begun, 1)
            self.known[name] = Spent(seconds=seconds, machine=self.machine, threads=self.threads)
            write_json(self.file, msgspec.to_builtins(self.known))

        try:
            yield done
        finally:
            if called:
                done()
