"""The run directory: the one place that knows where a run keeps what."""

import re
import shlex
from pathlib import Path
from typing import ClassVar

from featlearn import filenames
from featlearn.errors import CheckpointError, UsageError
from featlearn.filenames import SEARCH_FILES
from featlearn.networks.store import check_recorded
from featlearn.training.folder import Folder
from featlearn.training.identity import Identity

DEFAULT_HEAD = "default"
"""The head that is meant where none is named."""

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")


class HeadFolder(Folder):
    """A fine-tuned head of a run."""

    @property
    def run(self) -> Path:
        """The run that it is a head of."""
        return self.path.parent.parent

    @property
    def labels_file(self) -> Path:
        """Names of the classes, and which images' labels were used."""
        return self.path / filenames.LABELS

    @property
    def evaluation_file(self) -> Path:
        """Figures on images that training never saw."""
        return self.path / filenames.EVALUATION

    @property
    def calibration_file(self) -> Path:
        """The temperature of its probabilities."""
        return self.path / filenames.CALIBRATION


class TasksFolder(Folder):
    """The training of several tasks together; their heads are kept with the run's others."""


class SweepFolder(Folder):
    """A sweep over labels: many heads of a run, of which only the figures are kept."""

    @property
    def run(self) -> Path:
        """The run that it is a sweep of."""
        return self.path.parent.parent

    @property
    def metrics_file(self) -> Path:
        """Figures of the trials, a line each."""
        return self.path / filenames.TRIALS

    @property
    def figure_file(self) -> Path:
        """What it found, as a picture."""
        return self.path / filenames.CURVE


class SearchFolder(Folder):
    """A search over a recipe's keys: trials of which only the figures are kept."""

    own: ClassVar[tuple[str, ...]] = SEARCH_FILES

    @property
    def started(self) -> bool:
        """Whether a search was ever begun here, and not something else."""
        if self.metrics_file.exists():
            return True
        try:
            settings = Identity.load(self.identity_file).settings
        except CheckpointError:
            return False
        return "spaces" in settings.get("options", {})

    @property
    def metrics_file(self) -> Path:
        """Figures of the trials, in SQLite."""
        return self.path / filenames.SEARCH

    @property
    def best_file(self) -> Path:
        """The best recipe so far."""
        return self.path / filenames.BEST

    @property
    def figure_file(self) -> Path:
        """What was tried, as a picture."""
        return self.path / filenames.SEARCH_FIGURE

    @property
    def pretrained(self) -> Path:
        """The run that all trials begin from, if they have one in common."""
        return self.path / filenames.PRETRAINED

    @property
    def _held(self) -> str:
        more = "--resume with more --trials" if self.finished else "--resume"
        return f"a sweep; add {more} to go on, or --overwrite to replace it"


class RunDirectory(Folder):
    """A pre-trained stack and what was made of it."""

    @property
    def report_dir(self) -> Path:
        """The page about the run."""
        return self.path / filenames.REPORT

    @property
    def card_file(self) -> Path:
        """A short description for people."""
        return self.path / filenames.CARD

    @property
    def units_file(self) -> Path:
        """What the best single units are worth, as it was measured last."""
        return self.path / filenames.UNITS

    @property
    def gabor_file(self) -> Path:
        """How far its filters are Gabor functions."""
        return self.path / filenames.GABOR

    def head(self, name: str) -> HeadFolder:
        """Give the folder of a head, whether it exists or not.

        Raises:
            UsageError: If the name cannot be the name of a folder and an option.
        """
        return HeadFolder(self.path / filenames.HEADS / _checked(name, "head"))

    def heads(self) -> list[str]:
        """List the heads that are trained, by name."""
        return _finished(self.path / filenames.HEADS)

    def tasks(self, name: str) -> TasksFolder:
        """Give the folder of a training of several tasks, whether it exists or not.

        Raises:
            UsageError: If the name cannot be the name of a folder and an option.
        """
        return TasksFolder(self.path / filenames.TASKS / _checked(name, "training"))

    def sweep(self, name: str) -> SweepFolder:
        """Give the folder of a sweep, whether it exists or not.

        Raises:
            UsageError: If the name cannot be the name of a folder and an option.
        """
        return SweepFolder(self.path / filenames.SWEEPS / _checked(name, "sweep"))

    def sweeps(self) -> list[str]:
        """List the sweeps that are finished, by name."""
        return _finished(self.path / filenames.SWEEPS)

    @classmethod
    def open(cls, path: Path | str) -> "RunDirectory":
        """Open a finished run.

        Raises:
            UsageError: If there is no such folder.
            CheckpointError: If it is no run or an unfinished one, or its recipe was changed.
        """
        run, path = cls(path), Path(path)
        if not path.exists():
            raise UsageError(f"{path} does not exist; name a run, made by `featlearn pretrain`")
        if not path.is_dir() or not run.started:
            raise CheckpointError(f"{path} is not a run: `featlearn pretrain` did not make it")
        if not run.finished:
            raise CheckpointError(f"{path} is not finished; go on with `{run.resume_command}`")
        check_recorded(path, filenames.RECIPE)
        return run

    @property
    def resume_words(self) -> list[str]:
        """Words of the command that goes on with pre-training, but for options."""
        words = ["featlearn", "pretrain", str(self.recipe_file), "--out", str(self.path)]
        return [*words, "--resume"]

    @property
    def resume_command(self) -> str:
        """The command that goes on with pre-training, as it was begun."""
        try:
            options = Identity.load(self.identity_file).options
        except CheckpointError:
            options = []
        return shlex.join([*self.resume_words, *options])

    def open_head(self, name: str | None) -> tuple[str, HeadFolder]:
        """Open a trained head; without a name, the only one, or the one called `default`.

        Raises:
            UsageError: If there is none of that name, or a name is needed.
        """
        names = self.heads()
        if not names:
            raise UsageError(
                f"{self.path} has no trained head; make one with `featlearn finetune {self.path}`"
            )
        if name is None and len(names) > 1 and DEFAULT_HEAD in names:
            name = DEFAULT_HEAD
        if name is None and len(names) > 1:
            raise UsageError(
                f"{self.path} has several heads; name one with --head: {', '.join(names)}"
            )
        if name is not None and name not in names:
            raise UsageError(f"{self.path} has no head {name!r}; it has {', '.join(names)}")
        chosen = names[0] if name is None else name
        return chosen, self.head(chosen)


def _checked(name: str, kind: str) -> str:
    """Refuse what cannot be the name of a folder and an option."""
    if not _NAME.fullmatch(name):
        raise UsageError(
            f"{name!r} cannot name a {kind}; use letters, digits, '-' and '_', at most 64"
        )
    return name


def _finished(folder: Path) -> list[str]:
    """List the folders in one in which training has ended, by name."""
    found = sorted(folder.glob("*"))
    return [path.name for path in found if _NAME.fullmatch(path.name) and Folder(path).finished]
