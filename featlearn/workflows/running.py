"""What pre-training and fine-tuning share: a folder that is ready, and a driver for it."""

import shlex
import time
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Unpack

import msgspec
import torch
from torch import nn

from featlearn.datasets.imageset import ImageSet, Splits
from featlearn.datasets.source import find_root
from featlearn.errors import UsageError
from featlearn.networks.stack import Stack
from featlearn.networks.store import load_state
from featlearn.training.checkpoints import Checkpoint, CheckpointStore
from featlearn.training.device import pick_device, use_threads
from featlearn.training.driver import Driver, PhaseResult
from featlearn.training.folder import Folder
from featlearn.training.identity import UNLABELLED, Environment, Identity
from featlearn.training.locks import reading_from
from featlearn.training.loop import Loop
from featlearn.training.progress import Progress, Silent
from featlearn.training.rundir import RunDirectory
from featlearn.training.signals import stop_signals
from featlearn.workflows.run_options import SAVE_SECONDS, ResumeOptions
from featlearn.workflows.tracking import check_tracking, open_tracker


class Running(msgspec.Struct, frozen=True, kw_only=True):
    """How work that goes on where it was stopped is carried out, whatever it makes.

    Attributes:
        root: Where data sets are; `None` for where they usually are.
        device: Where it computes.
        progress: Told of every step.
        resume: Whether to go on from what is there.
        overwrite: Whether to replace what is there.
        words: Options of the command that goes on as this one does.
        begun: When it began, by the monotonic clock.
    """

    root: Path | None
    device: torch.device
    progress: Progress
    resume: bool
    overwrite: bool
    words: Sequence[str]
    begun: float = msgspec.field(default_factory=time.monotonic)

    @staticmethod
    def prepare(
        *,
        root: Path | None = None,
        device: str = "auto",
        threads: int | None = None,
        progress: Progress | None = None,
        resume: bool = False,
        overwrite: bool = False,
    ) -> "Running":
        """Take a workflow's `ResumeOptions`; the threads are set for the process.

        Raises:
            DeviceError: If the device is not there.
            UsageError: If the threads are beyond reason.
        """
        chosen = pick_device(device)
        use_threads(threads)
        return Running(
            root=root,
            device=chosen,
            progress=progress or Silent(),
            resume=resume,
            overwrite=overwrite,
            words=option_words(root=root, device=device, threads=threads),
        )

    @property
    def environment(self) -> Environment:
        """Describe this process."""
        return Environment.here(self.device.type)

    def identity(self, settings: Mapping[str, Any]) -> Identity:
        """Name what decides the bytes of a result, but for the images.

        Args:
            settings: The resolved recipe and the options, as nested tables.
        """
        return Identity(dict(settings), self.environment, options=[*self.words])

    @property
    def seconds(self) -> float:
        """Time since it began."""
        return time.monotonic() - self.begun

    def whole_seconds(self, phases: Sequence[PhaseResult]) -> float:
        """Give the time of a training, with what came before it was resumed.

        Args:
            phases: What its phases came to, each of which counts its own time on.
        """
        return round(max(self.seconds, sum(phase.seconds for phase in phases)), 3)

    def ready(self, folder: Folder, identity: Identity) -> bool:
        """Find out whether there is anything to train in a folder.

        Returns:
            False if a resumed training has ended already.

        Raises:
            CheckpointError: If training there would lose something, or go on with other
                settings, threads or device than it was begun with.
        """
        folder.check(resume=self.resume, overwrite=self.overwrite)
        if not self.resume:
            return True
        begun = Identity.load(folder.identity_file)
        begun.check_settings(identity, folder.path)
        if folder.finished:
            self.progress.note(f"{folder.path} is finished; there is nothing left to do")
            CheckpointStore(folder.checkpoints).clear()  # of a training killed at its very end
            return False
        begun.check(msgspec.structs.replace(identity, data=begun.data), folder.path)
        return True

    def with_data(
        self,
        folder: Folder,
        identity: Identity,
        splits: Splits,
        *,
        unlabelled: ImageSet | None = None,
    ) -> Identity:
        """Name the images in an identity.

        Args:
            folder: What is trained.
            identity: What decides it beside the images.
            splits: The images.
            unlabelled: Others, which are learned from without labels.

        Raises:
            CheckpointError: If a training that is resumed was begun with others.
        """
        others = {} if unlabelled is None else {UNLABELLED: unlabelled.fingerprint}
        data = {"images": len(splits.train), **splits.fingerprints(), **others}
        return self.naming(folder, identity, data)

    def naming(self, folder: Folder, identity: Identity, data: Mapping[str, str | int]) -> Identity:
        """Name the samples in an identity, by their number and fingerprints.

        Raises:
            CheckpointError: If a training that is resumed was begun with others.
        """
        named = msgspec.structs.replace(identity, data=dict(data))
        if self.resume:
            Identity.load(folder.identity_file).check_data(named, folder.path)
        return named


class Training(Running, frozen=True, kw_only=True):
    """The same, for a training, which has checkpoints.

    Attributes:
        save_seconds: Time between checkpoints, in seconds.
        track: Whether to write TensorBoard's files.
    """

    save_seconds: float
    track: bool

    @staticmethod
    def prepare(
        *, save_seconds: float = SAVE_SECONDS, track: bool = False, **how: Unpack[ResumeOptions]
    ) -> "Training":
        """Take a workflow's `RunOptions`; the threads are set for the process.

        Raises:
            DeviceError: If the device is not there.
            UsageError: If the threads or the time between checkpoints are beyond reason.
            MissingExtraError: If TensorBoard's files were asked for, and it is not installed.
        """
        if not save_seconds >= 0:  # NaN is not, either
            raise UsageError(f"--save-seconds must be at least 0; got {save_seconds:g}")
        check_tracking(on=track)
        running = Running.prepare(**how)
        words = [*running.words]
        if save_seconds != SAVE_SECONDS:
            words += ["--save-seconds", f"{save_seconds:g}"]
        if track:
            words.append("--track")
        shared: dict[str, Any] = {**msgspec.structs.asdict(running), "words": words}
        return Training(**shared, save_seconds=save_seconds, track=track)

    @contextmanager
    def driving(
        self,
        folder: Folder,
        identity: Identity,
        recipe: str,
        *,
        stack: Stack | None,
        command: Sequence[str] | None,
    ) -> Generator[Driver]:
        """Make a folder ready, and open a driver for it that signals can stop.

        Args:
            folder: What is trained, after `ready`.
            identity: What a later resume must match.
            recipe: The resolved recipe, as TOML.
            stack: Whose filters TensorBoard shows, if any.
            command: Words of the command that resumes, but for `words`; `None` where only
                Python can, which has the caller's objectives.
        """
        folder.begin(recipe, identity, resume=self.resume)
        hint = "Go on from Python, with resume=True and the same objectives"
        if command is not None:
            hint = f"Go on with: {shlex.join([*command, *self.words])}"
        with stop_signals() as stop, open_tracker(folder.events, stack, on=self.track) as tracker:
            yield Driver(
                folder,
                identity,
                progress=self.progress,
                stop=stop,
                save_seconds=self.save_seconds,
                watcher=tracker,
                resume_hint=hint,
            )

    def begun_at(self, driver: Driver) -> Checkpoint | None:
        """Find the checkpoint that a training goes on from, and stand there, if it resumes."""
        return driver.resume() if self.resume else None

    def take(self, loop: Loop, module: nn.Module, driver: Driver) -> None:
        """Take the only loop of a training to its end, from the newest checkpoint if it resumes.

        Args:
            loop: Fresh.
            module: Everything that a checkpoint holds of the network.
            driver: Where `driving` opened it.

        Raises:
            Interrupted: If a signal asked for a stop, after a checkpoint.
            TrainingError: If the figures or the weights are no longer finite.
        """
        checkpoint = self.begun_at(driver)
        if checkpoint is not None:
            load_state(driver.folder.checkpoints, module, checkpoint.model)
            if driver.standing.loop is not None:
                loop.restore(checkpoint.training, driver.standing.loop)
        driver.run(loop, module)


@contextmanager
def reading_run(path: Path | str) -> Generator[RunDirectory]:
    """Open a finished run, which no training changes as long as it is read.

    Raises:
        UsageError: If there is no such folder.
        CheckpointError: If a training writes into it, or it is no finished run.
    """
    with reading_from(Path(path)):
        yield RunDirectory.open(path)


def option_words(*, root: Path | None, device: str, threads: int | None) -> list[str]:
    """Repeat the options of a command that are not as they would be unsaid.

    Args:
        root: Where data sets are.
        device: As it was asked for.
        threads: As they were asked for.
    """
    words: list[str] = []
    if device != "auto":
        words += ["--device", device]
    if threads is not None:
        words += ["--threads", str(threads)]
    if root is not None and root.absolute() != find_root(None).absolute():
        words += ["--data-root", str(root.absolute())]
    return words
