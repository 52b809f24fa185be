"""Files that a command writes where its user says."""

import csv
import io
import os
from collections.abc import Iterable, Sequence
from pathlib import Path

from featlearn.datasets.entries import KNOWN
from featlearn.errors import UsageError
from featlearn.filenames import OWN_FILES

FIGURES = (".svg", ".png", ".pdf")
"""Endings of the files that a figure can be written to."""


def check_new(*paths: Path, overwrite: bool) -> None:
    """Refuse to replace a file that is there, unless that is wanted.

    Args:
        paths: Files that are about to be written.
        overwrite: Whether they may be replaced.

    Raises:
        UsageError: If one exists, and names it.
    """
    for path in paths:
        if path.exists() and not overwrite:
            raise UsageError(f"{path} exists already; write elsewhere, or replace it (--overwrite)")


def check_apart(
    *paths: Path, source: str | None = None, run: Path | str | None = None, root: Path | None = None
) -> None:
    """Refuse to write into what a command reads, whether or not it may be replaced.

    Links are followed. In the folder of a run only what commands wrote there is refused, so
    that features may lie beside them.

    Args:
        paths: Files that are about to be written.
        source: Images that are read, as a command names them.
        run: The run that is read, or a recipe's file.
        root: Where data sets are; see `find_root` where absent.

    Raises:
        UsageError: If one is, or lies in, the source or the run's own files.
    """
    for path in paths:
        target = Path(os.path.realpath(path))
        for place in _places(source, root):
            if target == place or place in target.parents:
                raise _is_read(path, str(source))
        if run is not None and _owned(target, Path(os.path.realpath(run))):
            raise _is_read(path, str(run))


def _is_read(path: Path, place: str) -> UsageError:
    """Give the refusal to write `path`, which is `place` or a part of it."""
    which = "is read itself" if str(path) == place else f"belongs to {place}, which is read"
    return UsageError(f"{path} {which}; write elsewhere")


def _places(source: str | None, root: Path | None) -> list[Path]:
    """List where the files of a source may be, without links."""
    if not source:
        return []
    base, colon, split = source.rpartition(":")
    names = [source, base] if colon and split in {"train", "test"} else [source]
    places = [_known(name, root) if name in KNOWN else Path(name) for name in names if name]
    # The labels that are read with images in the format of MNIST.
    places += [p.with_name(p.name.replace("images-idx3", "labels-idx1")) for p in places if p.name]
    return [Path(os.path.realpath(os.path.expanduser(place))) for place in places]  # noqa: PTH111


def _known(name: str, root: Path | None) -> Path:
    """Give the folder of a known set."""
    from featlearn.datasets.source import find_root  # which numpy loads with

    return find_root(root) / name


def _owned(target: Path, run: Path) -> bool:
    """Tell whether a file is `run`, or one that commands wrote there."""
    if target == run:
        return True
    return run in target.parents and target.relative_to(run).parts[0] in OWN_FILES


def csv_text(rows: Iterable[Sequence[str]]) -> str:
    """Write rows as CSV, in lines that end in a line feed alone."""
    return "".join(map(_csv_line, rows))


def _csv_line(row: Sequence[str]) -> str:
    """Write one row; of this ending alone, csv would leave a carriage return in a cell bare."""
    buffer = io.StringIO()
    csv.writer(buffer, lineterminator="\r\n").writerow(row)
    return buffer.getvalue().removesuffix("\r\n") + "\n"


def check_figure(path: Path) -> None:
    """Refuse a file name that says no format of figures.

    Raises:
        UsageError: If it ends in none of `FIGURES`.
    """
    if path.suffix.lower() not in FIGURES:
        raise UsageError(f"{path} should end in {', '.join(FIGURES)}, which says how it is drawn")
