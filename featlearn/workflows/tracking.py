"""TensorBoard's files, for those who have the extra `track`."""

from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from featlearn.errors import MissingExtraError
from featlearn.networks.stack import Stack
from featlearn.training.progress import StepReport
from featlearn.visualize.filters import filters_figure
from featlearn.visualize.style import figure_pixels

_EVERY = 20


class Tracker:
    """Writes scalars of every so many steps, and filters at the end of an epoch."""

    def __init__(self, folder: Path, stack: Stack | None) -> None:
        """Open the files.

        Args:
            folder: Where they go.
            stack: Whose filters to draw, if any.
        """
        try:
            from torch.utils.tensorboard.writer import SummaryWriter
        except ImportError:
            raise MissingExtraError("tensorboard", extra="track") from None
        self.writer = SummaryWriter(str(folder))
        self.stack = stack

    def step(self, report: StepReport) -> None:
        """Write the step's figures under the name of its phase."""
        phase, step = report.phase, report.step
        if step == 1 or step % _EVERY == 0:
            self.writer.add_scalar(f"{phase}/lr", report.lr, step)
            for name, value in report.terms.items():
                self.writer.add_scalar(f"{phase}/{name}", value, step)
        if report.held_out is not None:
            for name, value in report.held_out.items():
                self.writer.add_scalar(f"{phase}/held_out/{name}", value, step)
            self._draw(phase, step)

    def _draw(self, phase: str, step: int) -> None:
        """Write the picture of the stage's filters."""
        if self.stack is None or phase not in self.stack.names:
            return
        on_image = self.stack.index(phase) == 0
        pixels = figure_pixels(filters_figure(self.stack.stage(phase), on_image=on_image))
        self.writer.add_image(f"{phase}/filters", pixels, step, dataformats="HWC")


@contextmanager
def open_tracker(folder: Path, stack: Stack | None, *, on: bool) -> Generator[Tracker | None]:
    """Give a tracker if it was asked for, and close its files at the end."""
    if not on:
        yield None
        return
    tracker = Tracker(folder, stack)
    try:
        yield tracker
    finally:
        tracker.writer.close()
