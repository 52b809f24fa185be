"""What the trials of a sweep came to, kept line by line so that a killed one goes on."""

import json
import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import msgspec

from featlearn.errors import CheckpointError
from featlearn.files import BAD_JSON, canonical_json, naming
from featlearn.workflows.trial import Judge, Score, Trial


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """A trial and its score, as a line of `trials.jsonl` holds them."""

    trial: Trial
    right: int
    images: int


class TrialLog:
    """Judges trials, and remembers what came of them in a file.

    Trials that are asked for again, in the same order, are answered from the file.
    """

    def __init__(
        self, judge: Judge, path: Path, *, told: Callable[[int, Trial, Score], None]
    ) -> None:
        """Read what is known already; a line that a kill cut off is cut away.

        Args:
            judge: Judges what is not known.
            path: The file, a line for each trial.
            told: Told how many trials are done when one is, and what it came to.

        Raises:
            CheckpointError: If the file is damaged.
        """
        self.judge = judge
        self.path = path
        self.told = told
        self.known = _read(path)
        self.asked = 0

    def scores(self, trials: Sequence[Trial], *, workers: int) -> Iterator[Score]:
        """Give the scores of trials, known or not, in their order.

        Raises:
            CheckpointError: If the file holds other trials than these.
        """
        before = self.known[self.asked : self.asked + len(trials)]
        self.asked += len(trials)
        for line, trial in zip(before, trials, strict=False):
            if line.trial != trial:
                raise CheckpointError(
                    f"{self.path} holds other trials than these; start anew with --overwrite"
                )
            yield Score(line.right, line.images)
        missing = trials[len(before) :]
        if not missing:
            return
        found = self.judge.scores(missing, workers=workers)
        with self.path.open("ab") as file:
            for trial, score in zip(missing, found, strict=True):
                line = Line(trial=trial, right=score.right, images=score.images)
                with naming(self.path):
                    file.write(canonical_json(msgspec.to_builtins(line)).encode() + b"\n")
                    file.flush()
                    os.fsync(file.fileno())
                self.known.append(line)
                self.told(len(self.known), trial, score)
                yield score


def _read(path: Path) -> list[Line]:
    """Read whole lines, and cut a last one away that is not."""
    data = path.read_bytes()
    whole = data[: data.rfind(b"\n") + 1]
    if len(whole) < len(data):
        os.truncate(path, len(whole))
    try:
        return [msgspec.convert(json.loads(line), Line) for line in whole.splitlines()]
    except BAD_JSON as error:
        raise CheckpointError(f"{path} is damaged ({error}); start anew with --overwrite") from None
