"""TensorBoard's files, for those who have the extra `track`."""

from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from featlearn.errors import MissingExtraError
from featlearn.evaluate.units import responses
from featlearn.networks.stack import Stack
from featlearn.training.pictures import Pictures
from featlearn.training.progress import StepReport
from featlearn.visualize.filters import filters_figure
from featlearn.visualize.style import figure_pixels
from featlearn.visualize.tiles import spread

if TYPE_CHECKING:
    from torch.utils.tensorboard.writer import SummaryWriter

_EVERY = 20
_EMBEDDED = 500
_AT_ONCE = 128


class Tracker:
    """Writes scalars of every so many steps, filters at the end of every epoch, and a map at last.

    Steps are counted over all phases, since TensorBoard voids what comes after a
    step by that count alone.
    """

    def __init__(self, folder: Path, stack: Stack | None) -> None:
        """Take the folder; its files are opened when training starts.

        Args:
            folder: Where they go.
            stack: Whose filters to draw, if any.

        Raises:
            MissingExtraError: If TensorBoard is not installed.
        """
        self._open = _writer()
        self.folder = folder
        self.stack = stack
        self.before = 0
        self.writer: SummaryWriter | None = None

    def start(self, phase: str, *, before: int, step: int) -> None:
        """Begin a phase, or go on with it; steps that were written and lost are voided."""
        self.before = before
        if self.writer is None:
            self.writer = self._open(str(self.folder), purge_step=before + step + 1)

    def step(self, report: StepReport) -> None:
        """Write the step's figures under the name of its phase."""
        if self.writer is None:
            return
        phase, step = report.phase, self.before + report.step
        if report.step == 1 or report.step % _EVERY == 0 or report.ended:
            self.writer.add_scalar(f"{phase}/lr", report.lr, step)
            for name, value in report.terms.items():
                self.writer.add_scalar(f"{phase}/{name}", value, step)
        for name, value in (report.held_out or {}).items():
            self.writer.add_scalar(f"{phase}/held_out/{name}", value, step)
        for stage, figures in (report.health or {}).items():
            for name, value in figures.items():
                self.writer.add_scalar(f"{phase}/health/{stage}/{name}", value, step)
        if report.ended:
            self._draw(self.writer, phase, step)

    def end(self, images: Pictures) -> None:
        """Write where a sample of images lies in the output of the last stage.

        TensorBoard's projector shows it, with the images and the names of their classes.

        Args:
            images: What was learned from; up to 500 are taken, from all over.
        """
        if self.writer is None or self.stack is None:
            return
        sample = images.set.subset(spread(len(images), _EMBEDDED))
        shown = Pictures(sample, images.device).at(range(len(sample)))
        found = responses(self.stack.eval(), shown.split(_AT_ONCE), stages=[len(self.stack) - 1])
        labels = None
        if sample.labels is not None:
            labels = [sample.classes[label] for label in sample.labels.tolist()]
        colours = (
            shown if shown.shape[1] == 3 else shown.mean(1, keepdim=True).expand(-1, 3, -1, -1)
        )
        self.writer.add_embedding(
            torch.cat([features for (features,) in found]),
            metadata=labels,
            label_img=colours,
            tag="images",
        )

    def close(self) -> None:
        """Close the files."""
        if self.writer is not None:
            self.writer.close()

    def _draw(self, writer: "SummaryWriter", phase: str, step: int) -> None:
        """Write pictures of the filters of the stage in training, or of all where all are."""
        if self.stack is None:
            return
        names = [phase] if phase in self.stack.names else self.stack.names
        for name in names:
            if self.stack.stage(name).composite:
                continue
            on_image = self.stack.index(name) == 0
            pixels = figure_pixels(filters_figure(self.stack.stage(name), on_image=on_image))
            writer.add_image(f"{phase}/filters/{name}", pixels, step, dataformats="HWC")


def check_tracking(*, on: bool) -> None:
    """Find out whether a tracker could be opened, before anything is changed for it.

    Raises:
        MissingExtraError: If it was asked for and TensorBoard is not installed.
    """
    if on:
        _writer()


def _writer() -> "type[SummaryWriter]":
    """Import the writer of TensorBoard's files."""
    try:
        from torch.utils.tensorboard.writer import SummaryWriter
    except ImportError:
        raise MissingExtraError("tensorboard", extra="track") from None
    return SummaryWriter


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
        tracker.close()
