"""Driving a loop: record every step, save at an interval, stop when asked."""

import time
from collections.abc import Callable, Mapping
from typing import Any, Protocol

import msgspec
from torch import Tensor, nn

from featlearn.errors import Interrupted, TrainingError
from featlearn.files import write_json
from featlearn.training.checkpoints import Checkpoint, CheckpointStore
from featlearn.training.folder import Folder
from featlearn.training.identity import Identity
from featlearn.training.loop import Loop
from featlearn.training.metrics import MetricsLog
from featlearn.training.pictures import Pictures
from featlearn.training.progress import Progress, StepReport
from featlearn.training.signals import StopRequest


class PhaseResult(msgspec.Struct):
    """What a phase came to.

    Attributes:
        name: Stage, `joint`, or `finetune`.
        epochs: Epochs that were trained (fewer than planned when patience ran out).
        steps: Steps that were taken.
        seconds: Time that they took.
        loss: Loss of the last step.
        held_out: Last held-out figures, if anything was held out.
    """

    name: str
    epochs: int
    steps: int
    seconds: float
    loss: float | None
    held_out: dict[str, float] | None


class Standing(msgspec.Struct):
    """Where a run stands between two steps.

    Attributes:
        phase: Phases that are over.
        loop: State of the loop of the phase in progress, if it has begun.
        results: What the phases that are over came to.
        saves: Checkpoints written so far; names the next one.
        seconds: Time spent in the phase in progress.
        metrics_bytes: Length of the metrics that belong to this standing.
    """

    phase: int = 0
    loop: dict[str, Any] | None = None
    results: list[PhaseResult] = msgspec.field(default_factory=list)
    saves: int = 0
    seconds: float = 0.0
    metrics_bytes: int = 0


class Watcher(Protocol):
    """Sees every step, such as a writer of TensorBoard's files."""

    def start(self, phase: str, *, before: int, step: int) -> None:
        """Begin a phase, or go on with it.

        Args:
            phase: Its name.
            before: Steps of all phases before it.
            step: Steps of it that are done; later ones, if seen already, are void.
        """
        ...

    def step(self, report: StepReport) -> None:
        """Take one step's figures."""
        ...

    def end(self, images: Pictures) -> None:
        """See what was learned.

        Args:
            images: What it was learned from.
        """
        ...


Examine = Callable[[str], dict[str, dict[str, float]]]
"""Gives figures of the stages that a phase trains, by their names, and changes nothing."""


class Driver:
    """Takes a run's loops to their end, so that it can stop and go on anywhere.

    Attributes:
        examine: Asked at the end of every epoch for figures of the stages in training, if set.
    """

    def __init__(
        self,
        folder: Folder,
        identity: Identity,
        *,
        progress: Progress,
        stop: StopRequest,
        save_seconds: float = 60.0,
        watcher: Watcher | None = None,
        resume_hint: str = "",
    ) -> None:
        """Take where to write and whom to tell.

        Args:
            folder: The run or head in training.
            identity: What a later resume must match.
            progress: Told of every step.
            stop: Asked after every step.
            save_seconds: Time between checkpoints.
            watcher: Told of every step too.
            resume_hint: The command that resumes, for the message on a stop.
        """
        self.folder = folder
        self.identity = identity
        self.progress = progress
        self.stop = stop
        self.save_seconds = save_seconds
        self.watcher = watcher
        self.resume_hint = resume_hint
        self.store = CheckpointStore(folder.checkpoints)
        self.standing = Standing()
        self.metrics = MetricsLog(folder.metrics_file)
        self.examine: Examine | None = None

    def resume(self) -> Checkpoint | None:
        """Find where to go on from, and stand there.

        Returns:
            The checkpoint, whose tensors are the caller's to put back, or `None`
            where none was written before the run was cut off, or none verifies; then
            what is broken is named and removed.

        Raises:
            CheckpointError: If the settings are others than the run's.
        """
        found = self.store.newest(self.progress.warn)
        if found is None:
            self.progress.warn("there is no checkpoint to go on from; starting from the beginning")
            self.metrics.cut(0)
            # Numbers begin anew too, and must not meet those of what is broken.
            self.store.clear()
            return None
        begun = Identity.read(found.state["identity"], self.folder.checkpoints)
        for warning in begun.check(self.identity, self.folder.path):
            self.progress.warn(warning)
        self.standing = msgspec.convert(found.state["standing"], Standing)
        self.metrics.cut(self.standing.metrics_bytes)
        return found

    def count(self, name: str, *, done: int, of: int) -> None:
        """Tell how much is done of what must be ready before a loop begins.

        Raises:
            Interrupted: If a signal asked for a stop.
        """
        self.progress.count(name, done=done, of=of)
        if done == of or self.stop:
            self.progress.stop()
        self._stop_if_asked()

    def run(self, loop: Loop, module: nn.Module) -> None:
        """Take a loop to its end.

        Args:
            loop: Fresh, or put back where the standing says.
            module: Everything that a checkpoint must hold of the network.

        Raises:
            Interrupted: If a signal asked for a stop, after a checkpoint.
            TrainingError: If the figures or the weights are no longer finite.
        """
        begun = time.monotonic() - self.standing.seconds
        saved = time.monotonic()
        self.progress.start(loop.problem.name, epochs=loop.epochs, steps=loop.total_steps)
        if self.watcher is not None:
            before = sum(result.steps for result in self.standing.results)
            self.watcher.start(loop.problem.name, before=before, step=loop.state.step)
        try:
            for report in loop.steps():
                self._record(report)
                now = time.monotonic()
                self.standing.seconds = now - begun
                if self.stop or now - saved >= self.save_seconds:
                    self.save(module, loop)
                    saved = time.monotonic()
                self._stop_if_asked()
        except TrainingError as error:
            kept = "; the last checkpoint is kept" if self.store.exists else ""
            raise TrainingError(f"{error}{kept}") from None
        finally:
            self.progress.stop()
        state = loop.state
        self._finish(
            PhaseResult(
                name=loop.problem.name,
                epochs=state.epoch,
                steps=state.step,
                seconds=round(time.monotonic() - begun, 3),
                loss=state.last_loss,
                held_out=state.held_out,
            )
        )

    def skip(self, name: str) -> None:
        """Record a phase that has nothing to train."""
        self._finish(PhaseResult(name, 0, 0, 0.0, None, None))

    def save(self, module: nn.Module, loop: Loop | None = None) -> None:
        """Write a checkpoint, in the middle of a phase or, without a loop, between two."""
        training: dict[str, Tensor] = {}
        self.standing.loop = None
        if loop is not None:
            training, self.standing.loop = loop.save()
        self.standing.saves += 1
        self.standing.metrics_bytes = self.metrics.size()
        state = {
            "identity": msgspec.to_builtins(self.identity),
            "standing": msgspec.to_builtins(self.standing),
        }
        checkpoint = Checkpoint(module.state_dict(), training, state)
        self.store.save(self.standing.saves, checkpoint)

    def between(self, module: nn.Module) -> None:
        """Write the checkpoint between two phases, and stop there if asked."""
        self.save(module)
        self._stop_if_asked()

    def show(self, images: Pictures) -> None:
        """Let who watches see what was learned from `images`, once all phases have ended."""
        if self.watcher is not None:
            self.watcher.end(images)

    def finish(self, results: Mapping[str, Any]) -> None:
        """Write what came out, which marks the training as ended; then no checkpoint is needed.

        Args:
            results: What `results.json` holds, in JSON's types.
        """
        write_json(self.folder.results_file, results)
        self.store.clear()

    def _record(self, report: StepReport) -> None:
        if report.ended and self.examine is not None:
            report = report._replace(health=self.examine(report.phase))
        self.metrics.write(report)
        self.progress.step(report)
        if self.watcher is not None:
            self.watcher.step(report)

    def _finish(self, result: PhaseResult) -> None:
        self.standing.results.append(result)
        self.standing.phase += 1
        self.standing.loop = None
        self.standing.seconds = 0.0

    def _stop_if_asked(self) -> None:
        number = self.stop.signal_number
        if number is not None:
            kept = "; a checkpoint is kept" if self.store.exists else " before the first step"
            raise Interrupted(number, f"stopped{kept}. {self.resume_hint}".strip())
