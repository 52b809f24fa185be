"""What a folder of the study keeps: what it is of, and each method's answers and figures."""

from io import BytesIO
from pathlib import Path
from typing import NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from featlearn.datasets.imageset import Indices
from featlearn.datasets.known_digits import Variant
from featlearn.errors import CheckpointError
from featlearn.files import write_bytes, write_json
from featlearn.networks.formats import FORMAT, read_figures
from featlearn.studies.digit_variants.plan import Method
from featlearn.studies.digit_variants.results import MethodFigures
from featlearn.studies.folders import SETTINGS


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """What decides all figures of a folder: others are not mixed with them.

    Attributes:
        seed: Of all training.
        images: Digits to learn from; `None` is all.
        changes: Changes of the recipes, as `key=value` texts.
    """

    format: int = FORMAT
    seed: int
    images: int | None
    changes: list[str]


class Cell(NamedTuple):
    """A method on a set.

    Attributes:
        figures: What it came to.
        wrong: `(n,)`, which test images it named wrong.
    """

    figures: MethodFigures
    wrong: NDArray[np.bool_]


class _Kept(msgspec.Struct, frozen=True):
    """The file of the figures of a cell."""

    figures: MethodFigures
    format: int = FORMAT


def words_of(settings: Settings) -> str:
    """Say what the figures of a folder are of."""
    changed = f", changed by {', '.join(settings.changes)}" if settings.changes else ""
    return f"figures of seed {settings.seed} and {settings.images or 'all'} images{changed}"


def begin(folder: Path, settings: Settings) -> None:
    """Write down what a folder is of."""
    write_json(folder / SETTINGS, msgspec.to_builtins(settings))


def read_cell(folder: Path, variant: Variant, method: Method, truth: Indices) -> Cell | None:
    """Read what a method came to on a set; `None` if it was not made yet.

    Args:
        folder: That of the study.
        variant: The set.
        method: The method.
        truth: The classes of the test images, `(n,)`.

    Raises:
        CheckpointError: If a file is damaged.
    """
    file, answers = _files(folder, variant, method)
    if not file.exists():
        return None
    figures = read_figures(file, _Kept).figures
    try:
        named = np.load(answers, allow_pickle=False)
        if named.shape == truth.shape and named.dtype == np.uint8:
            return Cell(figures, named != truth)
    except (OSError, ValueError, EOFError):
        pass
    raise CheckpointError(
        f"{answers} is damaged or missing; remove {file} too, and both are made anew"
    )


def keep_cell(folder: Path, figures: MethodFigures, named: NDArray[np.uint8]) -> None:
    """Write what a method named the test images, `(n,)`, and then what it came to."""
    file, answers = _files(folder, figures.variant, figures.method)
    buffer = BytesIO()
    np.save(buffer, named)
    write_bytes(answers, buffer.getvalue())
    write_json(file, msgspec.to_builtins(_Kept(figures)))


def _files(folder: Path, variant: Variant, method: Method) -> tuple[Path, Path]:
    """Name the files of figures and of answers."""
    stem = folder / "cells" / f"{variant}-{method}"
    return stem.with_suffix(".json"), stem.with_suffix(".npy")
