"""`report`: the best-unit test of the runs that it shows, where that costs little."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple, Unpack

from featlearn.config.load import has_modalities
from featlearn.errors import FeatlearnError
from featlearn.training.progress import Silent
from featlearn.training.rundir import RunDirectory
from featlearn.workflows.run_options import WorkOptions
from featlearn.workflows.unit_cost import TooLongError
from featlearn.workflows.unit_test import keep_units, measure_units

MOST_OPERATIONS = 4e12
"""Of a test that a report does unasked: one or two minutes of one core of 2020."""


class Tested(NamedTuple):
    """What came of the runs of a report.

    Attributes:
        done: Those that were tested now.
        why: Why another was not, though it could have been asked for.
    """

    done: Sequence[Path] = ()
    why: Mapping[Path, str] = MappingProxyType({})


def units_of_runs(paths: Sequence[Path], **how: Unpack[WorkOptions]) -> Tested:
    """Test the single units of runs as `evaluate --units` does, and keep the figures in them.

    A run that has such figures keeps them. One of several modalities has no such test.

    Args:
        paths: The runs.
        **how: `root` of the data sets, `device`, `threads` and `progress`: see `WorkOptions`.

    Raises:
        FeatlearnError: If a run is unfinished or damaged.
        OSError: If the figures cannot be written.
    """
    progress = how.get("progress") or Silent()
    done: list[Path] = []
    why: dict[Path, str] = {}
    for path in paths:
        run = RunDirectory.open(path)
        if has_modalities(path) or run.units_file.exists():
            continue
        if not os.access(path, os.W_OK):
            why[path] = "figures cannot be written into the run"
            continue
        progress.note(f"{path}: single units are tested first; --no-units leaves that out")
        try:
            keep_units(measure_units(path, most=MOST_OPERATIONS, **how))
            done.append(path)
        except TooLongError as error:
            why[path] = f"{error}, more than a report does unasked"
        except FeatlearnError as error:
            why[path] = str(error)
        if path in why:
            progress.note(f"{path}: single units are not tested: {why[path]}")
    return Tested(done, why)
