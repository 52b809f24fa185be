"""`baselines`: the classical classifiers on any labelled source."""

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from threadpoolctl import threadpool_limits

from featlearn.baselines.rows import NAMES, WORDS, Name, fit_row
from featlearn.baselines.task import Allowance, Examples, Kept, Task
from featlearn.config.data import DataSpec
from featlearn.datasets.imageset import ImageSet, Indices, Splits
from featlearn.datasets.labels import balanced_subset, match_classes, whole_labels
from featlearn.datasets.source import open_splits
from featlearn.errors import DataError, Interrupted, UnfitError, UsageError
from featlearn.files import canonical_json
from featlearn.seeds import whole_seed
from featlearn.training.device import processor, use_threads
from featlearn.training.locks import writing_in
from featlearn.training.progress import Progress, Silent
from featlearn.training.signals import Stopped, stop_signals
from featlearn.visualize.baselines import baselines_figure
from featlearn.visualize.style import save_figure
from featlearn.wording import duration, percent, plural, suggestion
from featlearn.workflows.baseline_results import (
    BaselineFolder,
    BaselineRow,
    BaselinesResult,
    make_row,
)
from featlearn.workflows.outputs import check_apart


class Looked(NamedTuple):
    """How the images of a source are taken.

    Attributes:
        size: Height and width that images are resized to; as they are if absent.
        grey: Whether colours are made grey.
    """

    size: tuple[int, int] | None = None
    grey: bool = False


PLAIN = Looked()
"""As they are."""


class _Prepared(NamedTuple):
    """What every row is fitted to and judged on."""

    task: Task
    test: ImageSet
    truth: Indices
    splits: Splits
    available: int
    identity: dict[str, Any]


def baselines(
    source: str,
    *,
    only: Sequence[str] = (),
    skip: Sequence[str] = (),
    labels: int | None = None,
    label_seed: int = 0,
    budget: float | Mapping[Name, float] | None = None,
    out: Path | str | None = None,
    seed: int = 0,
    rounds: int | None = None,
    looked: Looked = PLAIN,
    root: Path | None = None,
    threads: int | None = None,
    progress: Progress | None = None,
) -> BaselinesResult:
    """Fit the classical classifiers to the training images, and judge each once on the test images.

    Rows that are finished in the folder are kept; one that a budget cut is made anew, or gone on
    with, when it may now take longer.

    Args:
        source: A known set, a folder or zip of images, or an IDX, NPY or NPZ file, with labels.
        only: Names of rows to make; all if absent.
        skip: Names of rows to leave out.
        labels: How many labels to learn from, class-balanced; all if absent.
        label_seed: Seed of the draw of labels.
        budget: Seconds that each row may take to be chosen and fitted, for all or by name.
        out: Folder of the rows, the table and the picture.
        seed: Of every other draw.
        rounds: Rounds or epochs of the rows that have any, in place of their own numbers.
        looked: How the images are taken.
        root: Where data sets are; `$FEATLEARN_DATA` or the user's cache if absent.
        threads: Threads on the CPU; PyTorch's own choice if absent.
        progress: Told of every row.

    Raises:
        FeatlearnError: If the source, the options or the folder stand in the way.
        Interrupted: If a signal asked for a stop; the same call goes on.
    """
    names = chosen_rows(only, skip)
    progress = progress or Silent()
    count = use_threads(threads)
    if out is not None:
        check_apart(Path(out), source=source, root=root)
    prepared = _prepare(
        source,
        looked,
        labels=whole_labels(labels),
        label_seed=whole_seed(label_seed, name="label_seed"),
        seed=whole_seed(seed, name="seed"),
        root=root,
    )
    task = prepared.task._replace(threads=count, rounds=rounds, progress=progress)
    prepared = prepared._replace(task=task)
    if out is None:
        rows = _rows(names, prepared, budget, None, progress)
        return _result(source, prepared, rows, labels=labels, label_seed=label_seed, folder=None)
    folder = BaselineFolder(Path(out))
    with writing_in(folder.path):
        folder.begin(prepared.identity | {"rounds": rounds})
        rows = _rows(names, prepared, budget, folder, progress)
        result = _result(
            source, prepared, rows, labels=labels, label_seed=label_seed, folder=folder
        )
        figure = baselines_figure(result.rows, title=source, guess=result.guess)
        for file in result.figures:
            save_figure(figure, Path(file))
        folder.finish(result)
    return result


def chosen_rows(only: Sequence[str], skip: Sequence[str]) -> list[Name]:
    """List the rows to make, in the order of the table.

    Raises:
        UsageError: If there is no row of a name, or none is left.
    """
    for name in (*only, *skip):
        if name not in NAMES:
            raise UsageError(
                f"there is no row {name!r}{suggestion(name, NAMES)} (rows: {', '.join(NAMES)})"
            )
    names: list[Name] = [name for name in NAMES if (not only or name in only) and name not in skip]
    if not names:
        raise UsageError("--skip leaves no row to make")
    return names


def _prepare(
    source: str,
    looked: Looked,
    *,
    labels: int | None,
    label_seed: int,
    seed: int,
    root: Path | None,
) -> _Prepared:
    """Open a source, and draw the labels."""
    splits = _open(source, looked, root=root)
    train, test = splits.train, splits.test
    if train.labels is None:
        raise DataError(f"{source} has no labels, and the baselines learn from nothing else")
    if test is None:
        raise DataError(f"{source} has no test images to judge by; give a source with both splits")
    if len(np.unique(train.labels)) < 2:
        raise DataError(f"{source} has images of one class only; there is nothing to tell apart")
    used = np.arange(len(train))
    if labels is not None:
        used = balanced_subset(train.labels, labels, seed=label_seed, classes=train.classes)
    learned = train.subset(used)
    truth = match_classes(test, train.classes)
    examples = Examples(learned.images, train.labels[used])
    identity = {
        "images": splits.fingerprints(),
        "labels": labels,
        "label_seed": label_seed if labels is not None else None,
        "seed": seed,
    }
    task = Task(examples, len(train.classes), len(test), seed, threads=1)
    return _Prepared(task, test, truth, splits, len(train), identity)


def _open(source: str, looked: Looked, *, root: Path | None) -> Splits:
    """Read the images of a source."""
    spec = DataSpec(
        source=source,
        size=looked.size,
        fit="exact" if looked.size is None else "resize",
        colour="grey" if looked.grey else "keep",
    )
    try:
        return open_splits(spec, root=root, seed=0)
    except UnfitError as error:
        raise DataError(
            f"{error.found}; give --size HEIGHT WIDTH to resize images, --grey to leave colours out"
        ) from error


def _rows(
    names: Sequence[Name],
    prepared: _Prepared,
    budget: float | Mapping[Name, float] | None,
    folder: BaselineFolder | None,
    progress: Progress,
) -> list[BaselineRow]:
    """Make the rows, or take them from the folder."""
    allowed = [budget.get(name) if isinstance(budget, Mapping) else budget for name in names]
    known = [_known(*pair, folder) for pair in zip(names, allowed, strict=True)]
    _tell_known(known, folder, progress)
    rows: list[BaselineRow] = []
    try:
        with stop_signals(at_once=True), threadpool_limits(prepared.task.threads):
            for name, seconds, row in zip(names, allowed, known, strict=True):
                rows.append(row or _row(name, prepared, seconds, folder, progress))
    except Stopped as stop:
        kept = "nothing is kept" if folder is None else f"{len(rows)} of {len(names)} rows are kept"
        raise Interrupted(
            stop.signal_number,
            f"stopped; {kept}" + ("" if folder is None else ". The same command goes on"),
        ) from None
    finally:
        progress.stop()
    return rows


def _known(name: Name, seconds: float | None, folder: BaselineFolder | None) -> BaselineRow | None:
    """Take a finished row, unless it was cut and may now take longer."""
    row = None if folder is None else folder.row(name)
    if row is None or row.cut is None or row.budget is None:
        return row
    return row if seconds is not None and seconds <= row.budget else None


def _tell_known(
    known: Sequence[BaselineRow | None], folder: BaselineFolder | None, progress: Progress
) -> None:
    """Say which rows were made before, and how they would be made anew."""
    kept = [row for row in known if row is not None]
    if folder is None or not kept:
        return
    files = f"{folder.file(kept[0].name)}{' and so on' * (len(kept) > 1)}"
    progress.note(
        f"made before, and kept: {', '.join(row.words for row in kept)} "
        f"({len(kept)} of {plural(len(known), 'row')}); to make one anew, delete its file "
        f"({files}), or choose another folder for --out"
    )


def _row(
    name: Name,
    prepared: _Prepared,
    seconds: float | None,
    folder: BaselineFolder | None,
    progress: Progress,
) -> BaselineRow:
    """Fit a row and judge it."""
    task = prepared.task
    progress.note(f"{WORDS[name]}: learning from {plural(len(task.train), 'image')}")
    identity = canonical_json(prepared.identity | {"row": name})
    kept = Kept(None if folder is None else folder.rounds(name), identity)
    fitted = fit_row(name, task, Allowance(seconds), kept)
    begun = time.monotonic()
    named = fitted.predict(prepared.test.images)
    row = make_row(
        name,
        fitted,
        wrong=int((named != prepared.truth).sum()),
        images=len(prepared.test),
        available=len(task.train),
        budget=seconds,
        predict_seconds=time.monotonic() - begun,
        threads=task.threads,
    )
    if folder is not None:
        folder.keep(row)
    progress.stop()
    progress.note(f"{row.words}: error {percent(row.error)}, {duration(row.fit_seconds)}")
    return row


def _result(
    source: str,
    prepared: _Prepared,
    rows: list[BaselineRow],
    *,
    labels: int | None,
    label_seed: int,
    folder: BaselineFolder | None,
) -> BaselinesResult:
    """Sum the table up."""
    task = prepared.task
    largest = int(np.bincount(task.train.labels).argmax())
    figures = [] if folder is None else [f"{folder.path / 'baselines'}.{e}" for e in ("png", "svg")]
    return BaselinesResult(
        source=source,
        images=len(prepared.test),
        labelled=len(task.train),
        available=prepared.available,
        label_seed=None if labels is None else label_seed,
        seed=task.seed,
        guess=float((prepared.truth != largest).mean()),
        machine=processor(),
        rows=rows,
        out=None if folder is None else str(folder.path),
        figures=figures,
    )
