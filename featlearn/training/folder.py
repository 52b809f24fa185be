"""A folder with something trained in it: what it holds, and when that may be replaced."""

import secrets
import shutil
from pathlib import Path
from typing import ClassVar

from featlearn import filenames
from featlearn.errors import CheckpointError
from featlearn.filenames import OWN_FILES
from featlearn.files import write_bytes
from featlearn.training.identity import Identity


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
