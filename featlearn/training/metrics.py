"""`metrics.jsonl`: one line of JSON for every logged step and every epoch's end."""

import json
import os
from pathlib import Path
from typing import Any

from featlearn.files import naming
from featlearn.training.progress import StepReport

_EVERY = 20


class MetricsLog:
    """Appends figures of training to a file, and can be cut back to a checkpoint."""

    def __init__(self, path: Path) -> None:
        """Open the log, as it is."""
        self.path = path
        path.touch()

    def cut(self, size: int) -> None:
        """Cut off what was written after the checkpoint that a run resumes from.

        Args:
            size: Bytes that still hold.
        """
        os.truncate(self.path, min(size, self.path.stat().st_size))

    def write(self, report: StepReport) -> None:
        """Write the step if it is one to log, as an epoch's last always is, and the epoch's end.

        The line of an epoch's end has `held_out`, which is null where nothing is held out, and
        `health`, where stages were examined.
        """
        head = {"phase": report.phase, "epoch": report.epoch, "step": report.step}
        if report.step == 1 or report.step % _EVERY == 0 or report.ended:
            figures = {"lr": report.lr, "loss": report.loss, "terms": report.terms}
            self._append({**head, **figures})
        if report.ended:
            health = {} if report.health is None else {"health": report.health}
            self._append({**head, "held_out": report.held_out, **health})

    def size(self) -> int:
        """Count the bytes written so far, and make sure that they are on disk."""
        with self.path.open("rb") as file:
            os.fsync(file.fileno())
        return self.path.stat().st_size

    def _append(self, line: dict[str, Any]) -> None:
        with naming(self.path), self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")
