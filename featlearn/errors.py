"""What can go wrong by a user's hand, each with the exit code of a command."""

import unicodedata
from typing import ClassVar


def visible(text: str) -> str:
    """Write control characters, line breaks among them, and half characters as escapes.

    A key, a class or a file may be named so that a terminal would obey.
    """
    return "".join(
        c.encode("unicode_escape").decode() if unicodedata.category(c) in {"Cc", "Cs"} else c
        for c in text
    )


class FeatlearnError(Exception):
    """Something a user can mend; its text is one sentence that says how, on one line."""

    exit_code: ClassVar[int] = 1

    def __str__(self) -> str:
        """Give the sentence, whatever it quotes."""
        return visible(super().__str__())


class UsageError(FeatlearnError):
    """A name, an option or a path on the command line that does not exist."""

    exit_code: ClassVar[int] = 2


class RecipeError(FeatlearnError):
    """A recipe with an unknown key, a wrong value or parts that do not fit."""


class ShapeError(FeatlearnError):
    """A tensor or an image of another shape than was expected."""


class DataError(FeatlearnError):
    """A data set that is missing, broken, unsafe or unfit for what was asked."""


class UnfitError(DataError):
    """Images that a recipe's size and colours do not take; `found` says it without advice."""

    def __init__(self, found: str, *, advice: str) -> None:
        """Say what was found, and what a recipe may set."""
        super().__init__(f"{found}; {advice}")
        self.found = found


class CheckpointError(FeatlearnError):
    """A model, checkpoint or run directory that cannot be used."""


class TrainingError(FeatlearnError):
    """Training that went wrong, such as a loss that is no longer finite."""


class DeviceError(FeatlearnError):
    """A device that was asked for and is not there, or has too little memory."""


class MissingExtraError(FeatlearnError):
    """An optional dependency that is not installed."""

    def __init__(self, package: str, *, extra: str) -> None:
        """Name the package and the command that installs it."""
        super().__init__(
            f"{package} is not installed; install it with `pip install 'featlearn[{extra}]'`"
        )


class Interrupted(FeatlearnError):
    """A run stopped by a signal, after its checkpoint was written."""

    def __init__(self, signal_number: int, message: str) -> None:
        """Keep the signal, which decides the exit code (128 + number)."""
        super().__init__(message)
        self.signal_number = signal_number


class MissingCharacters(UserWarning):
    """Characters in a figure that no font at hand has; a command says its text as a note."""
