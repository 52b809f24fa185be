"""Files that a command writes where its user says."""

import csv
import io
from collections.abc import Iterable, Sequence
from pathlib import Path

from featlearn.errors import UsageError

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
