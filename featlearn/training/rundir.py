"""The run directory: the one place that knows where a run keeps what."""

import re
import secrets
import shlex
import shutil
from pathlib import Path
from typing import ClassVar

from featlearn import filenames
from featlearn.errors import CheckpointError, UsageError
from featlearn.filenames import OWN_FILES, SEARCH_FILES
from featlearn.files import write_bytes
from featlearn.networks.store import check_recorded
from featlearn.training.identity import Identity

DEFAULT_HEAD = "default"
"""The head that is meant where none is named."""

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")


class Folder:
    """A folder with a trained model in it: a run, or a head of one.

    Attributes:
        own: Names of what commands write there; results first, the mark last.
    """

    own: ClassVar[tuple[str, ...]] = OWN_FILES

    def __init__(self, path: Path | str) -> None:
        """Take the path; it need not exist yet."""
        self.path = Path(path)

    @property
    def identity_file(self) -> Path:
        """What training was begun with; written first, it marks the folder as a run."""
        return self.path / filenames.IDENTITY

    @property
    def recipe_file(self) -> Path:
        """The resolved recipe."""
        return self.path / filenames.RECIPE

    @property
    def model_file(self) -> Path:
        """The weights, with what is needed to rebuild the network."""
        return self.path / filenames.MODEL

    @property
    def metrics_file(self) -> Path:
        """Figures of training, a line each."""
        return self.path / filenames.METRICS

    @property
    def results_file(self) -> Path:
        """What came out; written last, so that its presence means success."""
        return self.path / filenames.RESULTS

    @property
    def checkpoints(self) -> Path:
        """Where an unfinished run can go on from."""
        return self.path / filenames.CHECKPOINTS

    @property
    def events(self) -> Path:
        """TensorBoard's files."""
        return self.path / filenames.EVENTS

    @property
    def started(self) -> bool:
        """Whether training was ever begun here; a recipe alone is a user's."""
        if (self.path / filenames.SEARCH).exists():  # a search was
            return False
        if self.recipe_file.exists() and self.metrics_file.exists():
            return True
        try:
            Identity.load(self.identity_file)
        except CheckpointError:
            return False
        return True

    @property
    def finished(self) -> bool:
        """Whether training has ended here."""
        return self.results_file.exists()

    def check(self, *, resume: bool, overwrite: bool) -> None:
        """Refuse to train here where that would lose something.

        Raises:
            CheckpointError: If something is there and neither `resume` nor
                `overwrite` was asked for, or what is there is no run.
        """
        if self.path.exists() and not self.path.is_dir():
            raise CheckpointError(f"{self.path} is a file; name a folder")
        occupied = self.path.is_dir() and not self._bare()
        if occupied and not self.started:
            raise CheckpointError(f"{self.path} holds other files; name a new or an empty folder")
        if resume and not occupied:
            raise CheckpointError(f"{self.path} has nothing to resume; run without --resume")
        if occupied and not resume and not overwrite:
            raise CheckpointError(f"{self.path} holds {self._held}")

    @property
    def _held(self) -> str:
        """What is there, and what to do about it."""
        state = "a finished" if self.finished else "an unfinished"
        hint = "" if self.finished else "--resume to go on, or "
        return f"{state} run; add {hint}--overwrite to replace it"

    def begin(self, recipe: str, identity: Identity, *, resume: bool) -> None:
        """Make the folder ready, after `check`: as good as empty, unless resumed.

        A crash at any moment leaves a folder that a resume or an overwrite takes: the
        old training, finished or not, until nothing but its identity is left, then the
        new one. What a folder holds never belongs to another identity than its own.

        Args:
            recipe: The resolved recipe, as TOML.
            identity: What training is begun with.
            resume: Whether to keep what is there, but for the recipe.
        """
        if not resume:
            self._remove(*self.own[:-1])
            identity.save(self.identity_file)
        self._tidy()
        write_bytes(self.recipe_file, recipe.encode())  # again, as the old one may be edited
        self.metrics_file.touch()

    def _remove(self, *names: str) -> None:
        """Remove what commands wrote, and nothing that a user put beside it."""
        for name in names:
            path = self.path / name
            if path.is_dir() and not path.is_symlink():
                # At once, so that a crash leaves no half of a head or a checkpoint.
                shutil.rmtree(path.rename(self.path / f".{name}.{secrets.token_hex(8)}.tmp"))
            else:
                path.unlink(missing_ok=True)

    def _bare(self) -> bool:
        """Tell whether nothing is here but what a killed command left half written."""
        return {*self.path.iterdir()} == {*self._half_written()}

    def _tidy(self) -> None:
        """Remove what a killed command left half written or half removed."""
        for leftover in self._half_written():
            if leftover.is_dir() and not leftover.is_symlink():
                shutil.rmtree(leftover)
            else:
                leftover.unlink()

    def _half_written(self) -> list[Path]:
        """List temporary files that never got their final names, and folders half removed."""
        return [path for name in self.own for path in self.path.glob(f".{name}.*.tmp*")]


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
