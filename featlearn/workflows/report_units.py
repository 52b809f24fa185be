"""`report`: the best-unit test of the runs that it shows, where that costs little."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Unpack

from featlearn.config.load import has_modalities
from featlearn.errors import FeatlearnError
from featlearn.report.run_files import read_run
from featlearn.training.progress import Silent
from featlearn.training.rundir import RunDirectory
from featlearn.workflows.run_options import WorkOptions
from featlearn.workflows.unit_cost import TooLongError
from featlearn.workflows.unit_test import keep_units, measure_units

MOST_OPERATIONS = 4e12
"""Of a test that a report does unasked: one or two minutes of one core of 2020."""


def units_of_runs(paths: Sequence[Path], **how: Unpack[WorkOptions]) -> dict[Path, str]:
    """Test the single units of runs as `evaluate --units` does, and keep the figures in them.

    A run that has such figures keeps them. One of several modalities has no such test.

    Args:
        paths: The runs.
        **how: `root` of the data sets, `device`, `threads` and `progress`: see `WorkOptions`.

    Returns:
        Why a run was not tested, for those that could have been asked for it.

    Raises:
        FeatlearnError: If a run is unfinished or damaged.
        OSError: If the figures cannot be written.
    """
    progress = how.get("progress") or Silent()
    runs = [RunDirectory.open(path) for path in paths if not has_modalities(path)]
    for run in runs:
        read_run(run)  # what is damaged is said before, not after, minutes of work
    why: dict[Path, str] = {}
    for path in [run.path for run in runs if not run.units_file.exists()]:
        if not os.access(path, os.W_OK):
            why[path] = "figures cannot be written into the run"
            continue
        progress.note(f"{path}: single units are tested first; --no-units leaves that out")
        try:
            keep_units(measure_units(path, most=MOST_OPERATIONS, **how))
        except TooLongError as error:
            why[path] = f"{error}, more than a report does unasked"
        except FeatlearnError as error:
            why[path] = str(error)
        if path in why:
            progress.note(f"{path}: single units are not tested: {why[path]}")
    return why
