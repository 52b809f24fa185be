"""`study mnist-table`: fit every row, and set it beside the published one."""

import time
from collections.abc import Mapping
from pathlib import Path

import msgspec

from featlearn.baselines.rows import Name
from featlearn.config.load import load_recipe
from featlearn.filenames import CARD, RESULTS
from featlearn.files import write_bytes, write_json
from featlearn.studies.folders import same_command
from featlearn.studies.mnist_table.published import BUDGETS, TABLE, Published
from featlearn.studies.mnist_table.results import (
    MnistTableResult,
    TableRow,
    baseline_row,
    markdown,
    met,
)
from featlearn.training.device import processor, use_threads
from featlearn.training.progress import Progress, Silent
from featlearn.training.rundir import DEFAULT_HEAD, RunDirectory
from featlearn.visualize.baselines import baselines_figure
from featlearn.visualize.style import save_figure
from featlearn.workflows.baseline_results import BaselinesResult, wilson
from featlearn.workflows.baselines import baselines
from featlearn.workflows.evaluate import evaluate
from featlearn.workflows.finetune import finetune
from featlearn.workflows.pretrain import pretrain

SOURCE = "mnist"


@same_command()
def mnist_table(
    out: Path | str,
    *,
    root: Path | None = None,
    seed: int = 0,
    budgets: Mapping[Name, float] = BUDGETS,
    device: str = "auto",
    threads: int | None = None,
    progress: Progress | None = None,
) -> MnistTableResult:
    """Rerun the table; rows and trainings that are finished in the folder already are kept.

    Args:
        out: Folder of the rows, the runs, the table and the picture.
        root: Where data sets are; `$FEATLEARN_DATA` or the user's cache if absent.
        seed: Of every draw.
        budgets: Seconds to choose and fit, by the name of a classical row.
        device: `auto`, `cpu` or `cuda`; the classical rows are fitted on the processor.
        threads: Threads of CPU operations; PyTorch's own choice if absent.
        progress: Told of every step.

    Raises:
        FeatlearnError: If the data are missing, or the folder holds something else.
        Interrupted: If a signal asked for a stop; the same call goes on.
    """
    folder, progress = Path(out), progress or Silent()
    count = use_threads(threads)
    classical = baselines(
        SOURCE,
        only=[row.baseline for row in TABLE if row.baseline is not None],
        budget=budgets,
        out=folder / "baselines",
        seed=seed,
        root=root,
        threads=threads,
        progress=progress,
    )
    found = {row.name: row for row in classical.rows}
    rows: list[TableRow] = []
    for row in TABLE:
        if row.baseline is not None:
            rows.append(baseline_row(row, found[row.baseline]))
        elif row.recipe is not None:
            progress.note(f"{row.method}: the recipe {row.recipe}")
            run = folder / "runs" / Path(row.recipe).stem
            rows.append(
                _trained(
                    row, run, root=root, seed=seed, device=device, threads=threads, told=progress
                )
            )
    return _finished(folder, classical, rows, seed=seed, threads=count)


def _trained(
    row: Published,
    run: Path,
    *,
    root: Path | None,
    seed: int,
    device: str,
    threads: int | None,
    told: Progress,
) -> TableRow:
    """Pre-train, fine-tune and judge a recipe, or go on where that stopped."""
    assert row.recipe is not None
    directory = RunDirectory(run)
    learned = pretrain(
        load_recipe(row.recipe, overrides=(f"seed={seed}",)),
        out=run,
        resume=directory.started,
        root=root,
        device=device,
        threads=threads,
        progress=told,
    )
    tuned = finetune(
        run,
        seed=seed,
        resume=directory.head(DEFAULT_HEAD).started,
        root=root,
        device=device,
        threads=threads,
        progress=told,
    )
    begun = time.monotonic()
    judged = evaluate(run, root=root, device=device, threads=threads)
    return TableRow(
        method=row.method,
        published=row.error / 100,
        error=judged.error,
        interval=wilson(round(judged.error * judged.images), judged.images),
        met=met(judged.error, row),
        by=f"recipe {row.recipe}",
        settings="",
        cut=None,
        fit_seconds=round(learned.seconds + tuned.seconds, 3),
        predict_seconds=round(time.monotonic() - begun, 3),
    )


def _finished(
    folder: Path, classical: BaselinesResult, rows: list[TableRow], *, seed: int, threads: int
) -> MnistTableResult:
    """Write the table and its picture."""
    figures = [folder / f"table.{ending}" for ending in ("png", "svg")]
    figure = baselines_figure(rows, title="MNIST", guess=classical.guess)
    for file in figures:
        save_figure(figure, file)
    result = MnistTableResult(
        out=str(folder),
        seed=seed,
        machine=processor(),
        threads=threads,
        images=classical.images,
        rows=rows,
        figures=[str(file) for file in figures],
    )
    write_json(folder / RESULTS, msgspec.to_builtins(result))
    write_bytes(folder / CARD, markdown(result).encode())
    return result
