"""Training that leaves nothing behind but the network."""

from collections.abc import Callable

from torch import nn

from featlearn.training.driver import PhaseResult, Standing
from featlearn.training.loop import Loop
from featlearn.training.progress import Progress, Silent, StepReport


class Unrecorded:
    """Takes loops to their end; writes no files, and stops for no signal.

    Attributes:
        standing: What is over, and what it came to.
    """

    def __init__(
        self,
        progress: Progress | None = None,
        *,
        watch: Callable[[Loop, StepReport], None] | None = None,
    ) -> None:
        """Begin.

        Args:
            progress: Told of every step.
            watch: Told of every step too, with the loop that took it; what it raises ends the
                training.
        """
        self.standing = Standing()
        self.progress = progress or Silent()
        self.watch = watch

    def count(self, name: str, *, done: int, of: int) -> None:
        """Tell how much is done of what must be ready before a loop begins."""
        self.progress.count(name, done=done, of=of)
        if done == of:
            self.progress.stop()

    def run(self, loop: Loop, module: nn.Module) -> None:
        """Take a loop to its end.

        Raises:
            TrainingError: If the figures or the weights are no longer finite.
        """
        name, state = loop.problem.name, loop.state
        self.progress.start(name, epochs=loop.epochs, steps=loop.total_steps)
        try:
            for report in loop.steps():
                self.progress.step(report)
                if self.watch is not None:
                    self.watch(loop, report)
        finally:
            self.progress.stop()
        state = loop.state
        self._finish(
            PhaseResult(name, state.epoch, state.step, 0.0, state.last_loss, state.held_out)
        )

    def skip(self, name: str) -> None:
        """Note a phase that has nothing to train."""
        self._finish(PhaseResult(name, 0, 0, 0.0, None, None))

    def between(self, module: nn.Module) -> None:
        """Go on to the next phase."""

    def _finish(self, result: PhaseResult) -> None:
        self.standing.results.append(result)
        self.standing.phase += 1
